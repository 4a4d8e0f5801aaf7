// SPDX-License-Identifier: Apache-2.0
// Writing to standard output and to files.
#include "cli/output.h"

#include <fmt/format.h>
#include <plumbline/error.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "cli/terminal.h"

namespace plumbline {

namespace {

[[noreturn]] void cannot_write(const std::filesystem::path& file, int reason) {
  throw Error(fmt::format("cannot write {}: {}", file.string(), std::strerror(reason)));
}

void write_straight(const std::filesystem::path& file, std::string_view text) {
  std::FILE* stream = std::fopen(file.c_str(), "wb");
  if (stream == nullptr) cannot_write(file, errno);
  const bool written = std::fwrite(text.data(), 1, text.size(), stream) == text.size();
  const int reason = errno;
  if (std::fclose(stream) != 0 || !written) cannot_write(file, written ? errno : reason);
}

}  // namespace

void write_file(const std::filesystem::path& file, std::string_view text) {
  std::error_code none;
  if (std::filesystem::exists(file, none) && !std::filesystem::is_regular_file(file, none))
    return write_straight(file, text);
  // A link stays one: what it leads to is replaced.
  const std::filesystem::path target =
      std::filesystem::is_symlink(file, none) ? std::filesystem::canonical(file) : file;
  std::filesystem::path part = target;
  part += ".part";
  try {
    write_straight(part, text);
    std::filesystem::rename(part, target);
  } catch (const std::filesystem::filesystem_error& error) {
    std::filesystem::remove(part, none);
    cannot_write(file, error.code().value());
  } catch (const Error&) {
    if (std::filesystem::is_regular_file(part, none)) std::filesystem::remove(part, none);
    throw;
  }
}

void print(std::string_view text) {
  if (!paged(text)) print_straight(text);
}

void print_straight(std::string_view text) {
  if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size() || std::fflush(stdout) != 0)
    throw Error(fmt::format("cannot write to standard output: {}", std::strerror(errno)));
}

TextOptions text_options(int rows) {
  TextOptions options;
  options.rows = rows;
  options.width = columns();
  options.colour = colour_wanted();
  return options;
}

TextOptions file_text_options(int rows) {
  TextOptions options;
  options.rows = rows;
  return options;
}

}  // namespace plumbline
