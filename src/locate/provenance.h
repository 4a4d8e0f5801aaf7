// SPDX-License-Identifier: Apache-2.0
// Are the two runs about the same thing: checkpoint files as read, prompt? Findings P04xx.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include <plumbline/find.h>
#include <plumbline/model.h>
#include <plumbline/trace.h>

#include "locate/positions.h"

namespace plumbline {

/// Another checkpoint behind one trace, or in `model` (nullptr: not given): a finding that makes everything else moot.
/// Files that one side does not state are not compared; `notes` says so.
std::optional<Finding> checkpoint_finding(const Trace& reference, const Trace& candidate, const Model* model,
                                          std::vector<std::string>& notes);

/// The prompts differ: moot as well.
std::optional<Finding> prompt_finding(const Alignment& alignment, const std::string& reference_file);
/// The generated tokens part at a position after the prompt. Level note: the caller raises it if nothing else was
/// found.
std::optional<Finding> fork_finding(const Alignment& alignment, const std::string& reference_file);

}  // namespace plumbline
