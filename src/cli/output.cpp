// SPDX-License-Identifier: Apache-2.0
// Writing to standard output.
#include "cli/output.h"

#include <fmt/format.h>
#include <plumbline/error.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace plumbline {

void print(std::string_view text) {
  if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size() || std::fflush(stdout) != 0)
    throw Error(fmt::format("cannot write to standard output: {}", std::strerror(errno)));
}

TextOptions text_options(int rows) {
  TextOptions options;
  options.rows = rows;
  if (const char* columns = std::getenv("COLUMNS")) {
    char* end = nullptr;
    const long width = std::strtol(columns, &end, 10);
    if (end != columns && *end == '\0' && width > 0 && width < 10000) options.width = static_cast<int>(width);
  }
  return options;
}

}  // namespace plumbline
