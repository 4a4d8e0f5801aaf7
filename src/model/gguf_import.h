// SPDX-License-Identifier: Apache-2.0
// A GGUF file as a directory in Hugging Face's form: config.json, model.safetensors, tokenizer.json,
// tokenizer_config.json, and plumbline_import.json, which says where every tensor came from and what was done to it.
// Invariant: everything is checked before the first byte is written, and the directory has its name only when it is
// whole. Weights are widened to f32 as ggml does it (ggml_types.h), and rounded only where bf16 is asked for.
#pragma once
#include <filesystem>
#include <map>
#include <optional>
#include <string>

#include "model/cast.h"
#include "model/weights_output.h"

namespace plumbline {

struct GgufImport {
  std::filesystem::path file, directory;
  DType dtype = DType::f32;  ///< or bf16
  bool tokenizer = true;
};

struct GgufImported {
  uint32_t version = 0;
  std::map<std::string, int64_t> types;         ///< tensors of each type
  int64_t tensors = 0, weights = 0, bytes = 0;  ///< bytes of model.safetensors
  int64_t turned = 0;                           ///< tensors whose rows were moved back
  std::string scaling;                          ///< GgufConfig::scaling
  std::optional<WeightCast> cast;               ///< unless the weights are f32
};

/// Throws CheckpointError for a file that cannot be imported as it is, UsageError if the name is taken, Error if
/// something cannot be written; nothing is left behind then.
GgufImported import_gguf(const GgufImport& import, const WriteProgress& progress = {});

}  // namespace plumbline
