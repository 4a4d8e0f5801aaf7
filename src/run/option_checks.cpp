// SPDX-License-Identifier: Apache-2.0
// Validators: an empty text means well-formed, as CLI11 wants it.
#include "run/option_checks.h"

#include <fmt/format.h>

#include <charconv>

#include <plumbline/error.h>

namespace plumbline::run {

CLI::Validator not_empty() {
  return CLI::Validator([](const std::string& text) { return text.empty() ? "an empty text was given" : ""; }, "");
}

CLI::Validator whole_number(int64_t low, int64_t high) {
  const std::string range = std::to_string(low) + " to " + std::to_string(high);
  return CLI::Validator(
      [=](const std::string& text) {
        int64_t value = 0;
        const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
        const bool whole = problem == std::errc() && end == text.data() + text.size() && text == std::to_string(value);
        return whole && value >= low && value <= high ? "" : "'" + text + "' is no whole number from " + range;
      },
      range);
}

CLI::Validator decimal_number(double above, bool inclusive, double high) {
  const std::string range = fmt::format("{} {} to {}", inclusive ? "from" : "above", above, high);
  return CLI::Validator(
      [=](const std::string& text) {
        double value = 0.0;
        const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
        const bool number = problem == std::errc() && end == text.data() + text.size();
        const bool inside = (inclusive ? value >= above : value > above) && value <= high;  // false of NaN
        return number && inside ? "" : "'" + text + "' is no number " + range;
      },
      "");
}

void refuse_options_as_values(const CLI::App& app, const std::string& verb, int argc, const char* const* argv) {
  for (int i = 1; i + 1 < argc && std::string_view(argv[i]) != "--"; ++i) {
    const CLI::Option* const option = app.get_option_no_throw(argv[i]);
    if (argv[i][0] != '-' || option == nullptr || option->get_expected_min() == 0) continue;
    const std::string value = argv[++i];
    if (value.starts_with('-') && app.get_option_no_throw(value) != nullptr)
      throw UsageError(
          "plumbline " + verb + ": " + std::string(argv[i - 1]) + " has no value: the option " + value + " follows", {},
          "if " + value + " is meant as the value: " + argv[i - 1] + "=" + value);
  }
}

}  // namespace plumbline::run
