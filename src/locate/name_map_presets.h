// SPDX-License-Identifier: Apache-2.0
// The maps that are part of the program: maps/NAME.json, by name.
#pragma once
#include <map>
#include <string>
#include <string_view>

namespace plumbline {

const std::map<std::string, std::string_view, std::less<>>& name_map_texts();

}  // namespace plumbline
