// SPDX-License-Identifier: Apache-2.0
// Writes a planned checkpoint, tensor by tensor, without a second copy of the weights.
// Invariant: DIRECTORY appears under its own name only when it is whole; an old one stays until then.
#pragma once
#include <cstdint>
#include <filesystem>

#include "model/checkpoint_plan.h"
#include "model/weights_output.h"

namespace plumbline {

/// Makes DIRECTORY.part with config.json, model.safetensors and, if the vocabulary has room for the bytes and one end
/// token, tokenizer.json and tokenizer_config.json; then renames it. Returns the bytes of model.safetensors.
/// `replace`: an old DIRECTORY gives way if it holds a config.json and plain files only. Throws UsageError if the name
/// is taken, Error if something cannot be written (a full disk); DIRECTORY.part is then removed.
int64_t write_checkpoint(const CheckpointPlan& plan, const std::filesystem::path& directory, bool replace,
                         const WriteProgress& progress = {});

}  // namespace plumbline
