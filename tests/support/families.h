// SPDX-License-Identifier: Apache-2.0
// One row a model family: small checkpoints of it and the defects that its ports have. Every test of families reads
// this table: the reference against transformers (tests/reference), runs and faults (tests/cli/families_test.cpp).
// Invariant: three checkpoints or more and ten faults or more a row; the first checkpoint has four layers, and every
// fault of the row applies to it.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "support/tiny_model.h"

namespace plumbline::test {

struct FamilyFault {
  std::string fault;  ///< as `plumbline run --fault` takes it
  std::string cause;  ///< the code of the cause, or a clause of its text, that `plumbline find` must give
};

struct FamilyRow {
  std::string architecture;              ///< "Qwen2ForCausalLM"
  std::vector<TinyModelOptions> models;  ///< odd sizes among them
  std::vector<FamilyFault> faults;
};

const std::vector<FamilyRow>& families();

/// A checkpoint that the fault of the catalogue applies to as it stands: its config has what the fault takes away.
TinyModelOptions fault_host(std::string_view fault, int64_t layers);

/// For TinyModelOptions::edit_config: sets or replaces these keys.
std::function<void(nlohmann::json&)> keys(nlohmann::json added);

}  // namespace plumbline::test
