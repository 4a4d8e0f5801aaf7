// SPDX-License-Identifier: Apache-2.0
#include <plumbline/error.h>

namespace plumbline {
namespace {

std::string join(std::string_view summary, const std::vector<std::string>& details, std::string_view way_out) {
  std::string message(summary);
  for (const std::string& detail : details) message.append("\n  ").append(detail);
  if (!way_out.empty()) message.append("\n  ").append(way_out);
  return message;
}

}  // namespace

Error::Error(std::string_view summary, const std::vector<std::string>& details, std::string_view way_out)
    : std::runtime_error(join(summary, details, way_out)) {}

}  // namespace plumbline
