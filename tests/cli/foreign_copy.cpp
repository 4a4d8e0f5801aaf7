// SPDX-License-Identifier: Apache-2.0
#include "cli/foreign_copy.h"

#include <fmt/format.h>
#include <plumbline/trace.h>

#include <cstring>

#include "cli/program.h"
#include "unit/trace/hdf5_maker.h"

namespace plumbline::test {
namespace {

std::string bytes_of(const void* data, size_t size) { return {static_cast<const char*>(data), size}; }

/// /t/s000012/L05/0007_attn.q_rope: the order is that of the trace.
std::string dataset_name(const TapEntry& entry, size_t order) {
  const std::string prefix = fmt::format("layer.{}.", entry.layer);
  const std::string local = entry.layer < 0 ? entry.path : entry.path.substr(prefix.size());
  const std::string group = entry.layer < 0 ? "Lpre" : fmt::format("L{:02}", entry.layer);
  return fmt::format("t/s{:06}/{}/{:04}_{}", entry.step, group, order, local);
}

std::vector<hsize_t> dims_of(const Shape& shape, const std::vector<std::string>& axes, BatchAxis batch) {
  std::vector<hsize_t> dims(shape.begin(), shape.end());
  if (axes.empty() || axes.front() != "batch") return dims;
  if (batch == BatchAxis::left_out) dims.erase(dims.begin());
  if (batch == BatchAxis::doubled) dims.insert(dims.begin(), 1);
  return dims;
}

std::string widened(const TapEntry& entry, const Tensor& tensor, const ForeignForm& form) {
  std::vector<float> values;
  for (int64_t i = 0; i < tensor.count(); ++i) {
    const auto value = static_cast<float>(tensor.view().at(i));
    values.push_back(form.edit ? form.edit(entry.path, value) : value);
  }
  return bytes_of(values.data(), values.size() * sizeof(float));
}

void add_tap(Hdf5Maker& maker, const Trace& trace, const TapEntry& entry, size_t order, const ForeignForm& form) {
  const Tensor tensor = trace.read(entry);
  const std::string name = dataset_name(entry, order);
  const std::vector<hsize_t> dims = dims_of(entry.shape, entry.axes, form.batch);
  const std::string stored = bytes_of(tensor.data(), tensor.byte_size());
  if (!is_floating(entry.dtype)) {
    maker.dataset(name, H5T_STD_I64LE, dims, stored);
  } else if (entry.dtype == DType::f32) {
    maker.dataset(name, H5T_IEEE_F32LE, dims, stored);
  } else if (form.widened) {
    maker.dataset(name, H5T_IEEE_F32LE, dims, widened(entry, tensor, form));
  } else {
    DatasetOptions options;
    if (form.dtype_attribute) options.dtype_attribute = "bf16";
    maker.dataset(name, H5T_STD_U16LE, dims, stored, options);
  }
}

}  // namespace

std::string foreign_copy(const std::string& file, const std::string& name, const ForeignForm& form) {
  const Trace trace = Trace::open(file);
  const std::string copy = scratch(name);
  Hdf5Maker maker(copy);
  size_t order = 0;
  for (const TapEntry& entry : trace.taps()) add_tap(maker, trace, entry, order++, form);
  return copy;
}

}  // namespace plumbline::test
