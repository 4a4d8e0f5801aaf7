// SPDX-License-Identifier: Apache-2.0
// `plumbline explain`: the page of a diagnostic code.
#include <fmt/format.h>
#include <plumbline/error.h>

#include <memory>

#include "cli/output.h"
#include "cli/verbs.h"
#include "locate/codes.h"

namespace plumbline {
namespace {

std::string list_text() {
  std::string out;
  for (const CodePage& page : code_pages()) out += fmt::format("{}  {}\n", page.code, page.title);
  return out;
}

std::string page_text(const std::string& wanted) {
  const CodePage* page = find_code_page(wanted);
  if (page == nullptr)
    throw UsageError("plumbline explain: no such code", {"given: " + wanted},
                     "`plumbline explain` without a code lists them all");
  return fmt::format("{}: {}\n\n{}\n", page->code, page->title, page->text);
}

}  // namespace

void add_explain(CLI::App& app, int& status) {
  CLI::App* verb = app.add_subcommand("explain", "Explain a diagnostic code (without one: list them)");
  auto wanted = std::make_shared<std::string>();
  verb->add_option("CODE", *wanted, "For example P0201");
  verb->callback([wanted, &status] {
    print(wanted->empty() ? list_text() : page_text(*wanted));
    status = 0;
  });
}

}  // namespace plumbline
