// SPDX-License-Identifier: Apache-2.0
// config.json of a Hugging Face directory as a ModelConfig.
// Invariant: no key that would change the numbers is skipped: what no builder here computes is refused by name.
#pragma once
#include <filesystem>
#include <string>

#include <plumbline/model.h>

namespace plumbline {

/// Reads old keys (rope_theta, torch_dtype) and new ones (rope_parameters, dtype). `file` is for messages only.
/// Throws CheckpointError naming file and key for text that is no JSON, a key missing, of a wrong type or out of range,
/// an architecture that no builder knows, and options that are not implemented (rope scaling but for llama3, windows
/// that the family has not, quantised weights, other activations).
ModelConfig parse_config(std::string json, const std::filesystem::path& file);

/// config.json of a model directory. Throws CheckpointError as parse_config does, and if there is none to be read.
ModelConfig load_config(const std::filesystem::path& directory);

/// Throws CheckpointError: the directory may not be listed, holds a loop of links, or names no file system takes.
[[noreturn]] void cannot_read_directory(const std::filesystem::path& directory,
                                        const std::filesystem::filesystem_error& error);

}  // namespace plumbline
