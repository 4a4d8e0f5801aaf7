// SPDX-License-Identifier: Apache-2.0
// One write and one flush; both can fail.
#include "run/say.h"

#include <cerrno>
#include <cstdio>
#include <cstring>

#include <plumbline/error.h>

namespace plumbline::run {

void say(const std::string& text, const std::string& comfort) {
  if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size() || std::fflush(stdout) != 0)
    throw Error("plumbline run: cannot write to standard output", {std::strerror(errno)}, comfort);
}

}  // namespace plumbline::run
