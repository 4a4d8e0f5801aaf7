// SPDX-License-Identifier: Apache-2.0
// Standard output, checked. Invariant: what could not be written is an error, not a silent end.
#pragma once
#include <string>

namespace plumbline::run {

/// Throws Error, ending in `comfort`, if standard output takes no more: a full disk, a pipe whose reader has gone.
void say(const std::string& text, const std::string& comfort = "");

}  // namespace plumbline::run
