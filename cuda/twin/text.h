// SPDX-License-Identifier: Apache-2.0
// How errors of the twin spell indices and places.
#pragma once
#include <source_location>
#include <string>

#include "cuda/twin/vector_types.h"

namespace plumbline::twin {

inline std::string index_text(uint3 index) {
  return "(" + std::to_string(index.x) + ", " + std::to_string(index.y) + ", " + std::to_string(index.z) + ")";
}

inline std::string place_text(const std::source_location& where) {
  return std::string(where.file_name()) + ":" + std::to_string(where.line()) + ":" + std::to_string(where.column());
}

}  // namespace plumbline::twin
