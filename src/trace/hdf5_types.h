// SPDX-License-Identifier: Apache-2.0
// How each DType is stored in HDF5, and what a stored type is taken for when read.
// Invariant: the memory type of every transfer equals the file type, so HDF5 never converts a number.
#pragma once
#include <optional>
#include <string>

#include <plumbline/dtype.h>

#include "trace/hdf5_handle.h"

namespace plumbline::trace {

/// bf16 is a real 16-bit float type (sign 15, exponent 7..14 bias 127, fraction 0..6; equal to HDF5 2's
/// H5T_FLOAT_BFLOAT16LE); f8 and bool are plain bytes, so that no tool misreads their codes.
Handle file_type(DType dtype);
Handle fixed_string_type(size_t bytes);
Handle index_row_type();  ///< of schema.h's IndexRow
Handle step_row_type();   ///< of schema.h's StepRow

/// What became of a stored type.
struct Recognised {
  std::optional<DType> dtype;
  bool tensor = true;   ///< false: texts, records, references...: no numbers to compare, passed over
  std::string problem;  ///< why `dtype` is empty although it may be a tensor
};

/// `attribute` is the dataset's `dtype` attribute ("" if it has none). It decides what integers and opaque bytes of its
/// size mean; floating types speak for themselves, and an attribute that contradicts one of the same size is a problem.
Recognised recognise(hid_t type, const std::string& attribute);

}  // namespace plumbline::trace
