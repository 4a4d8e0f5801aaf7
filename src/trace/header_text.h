// SPDX-License-Identifier: Apache-2.0
// The header's maps and lists as JSON texts (/files, /parameters, /environment, /faults), and back.
// Invariant: what goes in comes out; text that is not UTF-8 is refused, never altered.
#pragma once
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include <plumbline/trace.h>

namespace plumbline::trace {

using TextMap = std::map<std::string, std::string>;

/// Throw ByteError if a text is not UTF-8.
std::string to_json(const TextMap& map);
std::string to_json(const std::vector<std::string>& list);
/// Throw ByteError if the text is not a JSON object of texts / list of texts.
TextMap map_from_json(std::string_view json);
std::vector<std::string> list_from_json(std::string_view json);

/// Throws TraceError naming the field that cannot be stored: too long for an attribute, a zero byte, not UTF-8.
void check_header(const std::filesystem::path& file, const TraceHeader& header);

}  // namespace plumbline::trace
