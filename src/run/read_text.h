// SPDX-License-Identifier: Apache-2.0
// A file of text that somebody names on the command line: ids or a prompt.
#pragma once
#include <filesystem>
#include <string>

namespace plumbline::run {

/// The whole of `file`, read once: what comes out of a pipe cannot be read again. Throws InputError, in the words
/// "`what` FILE" and ending in `way_out`, for what cannot be read and for more than 64 MiB.
std::string read_text(const std::filesystem::path& file, const std::string& what, const std::string& way_out);

}  // namespace plumbline::run
