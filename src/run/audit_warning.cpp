// SPDX-License-Identifier: Apache-2.0
#include "run/audit_warning.h"

#include <fmt/format.h>

#include <cstdio>

#include <plumbline/error.h>

#include "core/printable.h"
#include "model/audit.h"

namespace plumbline::run {
namespace {

std::string counted(int64_t count, const char* what) {
  return fmt::format("{} {}{}", count, what, count == 1 ? "" : "s");
}

}  // namespace

void warn_of_checkpoint(const std::filesystem::path& directory, int threads) {
  try {
    const AuditReport report = audit_checkpoint(directory, threads);
    if (report.findings.empty()) return;
    fmt::print(stderr,
               "plumbline run: this checkpoint has {} and {}, first: {}; `plumbline audit {}` says more (--no-audit: "
               "no look at it)\n",
               counted(report.count(AuditLevel::error), "error"), counted(report.count(AuditLevel::warning), "warning"),
               printable_text(report.findings.front().title), printable_text(directory.string()));
  } catch (const Error&) {  // the loader says what is wrong with it
  }
}

}  // namespace plumbline::run
