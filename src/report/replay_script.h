// SPDX-License-Identifier: Apache-2.0
// repro/replay.py as text: the program carries it wherever its binary is.
#pragma once
#include <string_view>

namespace plumbline {

std::string_view replay_script();

}  // namespace plumbline
