// SPDX-License-Identifier: Apache-2.0
// A ReproCase as files: its tensors, what they are, and a program that replays the op with nothing but numpy.
#pragma once
#include <map>
#include <string>

#include "locate/repro.h"

namespace plumbline {

/// File name -> content: op.json, tensors.safetensors, replay.py, README.md. Throws InputError if the replay does not
/// cover the op's kind, naming the kinds that it does.
std::map<std::string, std::string> repro_files(const ReproCase& made);

/// Whether replay.py knows that kind of op.
bool repro_covers(OpKind kind);

}  // namespace plumbline
