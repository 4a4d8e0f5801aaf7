// SPDX-License-Identifier: Apache-2.0
// Damages files as accidents and enemies do: cuts, flipped bits, and changes that keep the outer form sound so that
// what lies behind it is reached. Invariant: a mutant follows from seed file and generator state alone.
#pragma once
#include <string>
#include <string_view>

#include "core/random.h"

namespace plumbline::test {

/// What a mutator knows of a file.
enum class Form {
  text,         ///< words, numbers, quoted texts: JSON, TOML, lists of ids
  safetensors,  ///< a length, JSON, data: the length is mended as often as not
  journal,      ///< records with digests, which are mended as often as not
  binary        ///< bytes; the empty stretches are left alone
};

/// `bytes` changed in one to three places, or cut short.
std::string mutate(std::string_view bytes, Form form, SplitMix64& random);

}  // namespace plumbline::test
