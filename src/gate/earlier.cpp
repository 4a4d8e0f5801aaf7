// SPDX-License-Identifier: Apache-2.0
#include "gate/earlier.h"

#include <fmt/format.h>
#include <plumbline/error.h>

#include <fstream>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>
#include <utility>

#include "gate/findings_edit.h"

namespace plumbline {
namespace {

using nlohmann::json;

constexpr double kSameSize = 1.5;  // of an error in bounds, from one run to the next

using Earlier = std::map<std::pair<std::string, std::string>, double>;  // code and op -> own error in bounds

/// Infinite and NaN figures are texts in a report.
double figure(const json& value) {
  return value.is_number() ? value.get<double>() : std::numeric_limits<double>::infinity();
}

Earlier findings_of(const json& report) {
  std::map<std::string, double> shares;
  for (const json& row : report.at("ops"))
    shares[row.at("op").get<std::string>()] = figure(row.at("metrics").at("own_share"));
  Earlier earlier;
  for (const json& finding : report.at("findings")) {
    const std::string op = finding.at("op");
    if (finding.at("level") == "error") earlier[{finding.at("code").get<std::string>(), op}] = shares[op];
  }
  return earlier;
}

Earlier read_earlier(const std::filesystem::path& file) {
  std::ifstream stream(file);
  const auto refuse = [&](const std::string& why) {
    return InputError("plumbline gate: " + file.string() + " is no report to compare with", {why},
                      "give what `plumbline gate --format json=FILE` wrote before the change");
  };
  if (!stream) throw refuse("it cannot be read");
  try {
    const json report = json::parse(stream);
    if (report.at("schema").at("name") != "plumbline-report") throw refuse("it has another schema");
    return findings_of(report);
  } catch (const json::exception& error) {
    throw refuse(error.what());
  }
}

}  // namespace

void mark_earlier(FindReport& report, const std::filesystem::path& file) {
  const Earlier earlier = read_earlier(file);
  int64_t errors = 0, known = 0;
  for (Finding& finding : report.findings) {
    if (finding.level != Level::error) continue;
    ++errors;
    const auto before = earlier.find({finding.code, finding.op});
    if (before == earlier.end()) continue;
    const OpRow* row = row_of(report, finding.op);
    const double share = row == nullptr ? 0.0 : row->own_share;
    if (!(share <= kSameSize * before->second)) {
      finding.evidence.push_back(fmt::format("larger than before the change: {:.3g} x its bound in {}, {:.3g} here",
                                             before->second, file.string(), share));
      continue;
    }
    ++known;
    finding.evidence.push_back(fmt::format("not from this change: {} has it already ({:.3g} x its bound there)",
                                           file.string(), before->second));
  }
  if (errors == 0) return;
  const std::string count =
      fmt::format("{} of {} findings {} new, {} {} in {} already", errors - known, errors,
                  errors - known == 1 ? "is" : "are", known, known == 1 ? "is" : "are", file.string());
  report.notes.push_back(count);
  if (report.outcome == Outcome::divergence) report.headline += "; " + count;
}

}  // namespace plumbline
