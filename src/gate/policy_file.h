// SPDX-License-Identifier: Apache-2.0
// From plumbline.toml to a Policy. Invariant: a key that is not understood is an error, never passed over.
#pragma once
#include <filesystem>
#include <optional>

#include "gate/policy.h"

namespace plumbline {

/// Throws InputError with file, line and the nearest key or name for anything that is not a policy; also in a build
/// without the TOML library.
Policy read_policy(const std::filesystem::path& file);
/// plumbline.toml in `start` or the folders above it, up to the one that holds .git; without one of those, in `start`
/// alone.
std::optional<std::filesystem::path> find_policy_file(const std::filesystem::path& start);

}  // namespace plumbline
