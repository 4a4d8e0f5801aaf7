// SPDX-License-Identifier: Apache-2.0
#include "run/read_text.h"

#include <fstream>
#include <vector>

#include <plumbline/error.h>

namespace plumbline::run {
namespace {

/// 64 MiB: five million ids and more, above any context; keeps an endless source from filling the memory.
constexpr size_t kMaxTextBytes = size_t{1} << 26;

}  // namespace

std::string read_text(const std::filesystem::path& file, const std::string& what, const std::string& way_out) {
  std::ifstream stream(file, std::ios::binary);
  std::string text;
  std::vector<char> chunk(size_t{1} << 16);
  while (stream && text.size() <= kMaxTextBytes) {
    stream.read(chunk.data(), static_cast<std::streamsize>(chunk.size()));
    text.append(chunk.data(), static_cast<size_t>(stream.gcount()));
  }
  if (!stream.is_open() || stream.bad())
    throw InputError("plumbline run: cannot read " + what + " " + file.string(), {}, way_out);
  if (text.size() > kMaxTextBytes)
    throw InputError("plumbline run: " + what + " " + file.string() + " is larger than 64 MiB", {}, way_out);
  return text;
}

}  // namespace plumbline::run
