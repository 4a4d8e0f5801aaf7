// SPDX-License-Identifier: Apache-2.0
#include "cli/foreign_copy.h"

#include <fmt/format.h>
#include <plumbline/trace.h>

#include <cstring>

#include "cli/program.h"
#include "core/random.h"
#include "unit/trace/hdf5_maker.h"

namespace plumbline::test {
namespace {

std::string bytes_of(const void* data, size_t size) { return {static_cast<const char*>(data), size}; }

/// /t/s000012/L05/0007_attn.q_rope: the order is that of writing.
std::string dataset_name(const TapEntry& entry, const std::string& path, size_t order) {
  const std::string prefix = fmt::format("layer.{}.", entry.layer);
  const std::string local = entry.layer < 0 ? path : path.substr(prefix.size());
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
  if (form.rewrite) form.rewrite(entry.path, values);
  return bytes_of(values.data(), values.size() * sizeof(float));
}

const TapEntry& of_last_layer(const Trace& trace, const TapEntry& entry) {
  const TapEntry* last = &entry;
  const std::string local = entry.layer < 0 ? "" : entry.path.substr(fmt::format("layer.{}.", entry.layer).size());
  for (const TapEntry& other : trace.taps())
    if (entry.layer >= 0 && other.step == entry.step && other.layer > last->layer &&
        other.path == fmt::format("layer.{}.{}", other.layer, local))
      last = &other;
  return *last;
}

void add_tap(Hdf5Maker& maker, const Trace& trace, const TapEntry& entry, size_t order, const ForeignForm& form) {
  const std::string path = form.rename ? form.rename(entry.path) : entry.path;
  if (path.empty()) return;
  const Tensor tensor = trace.read(form.one_buffer && entry.step > 0 ? of_last_layer(trace, entry) : entry);
  const std::string name = dataset_name(entry, path, order);
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

/// The trace's taps, in its order or in one that is drawn.
std::vector<const TapEntry*> in_order(const Trace& trace, uint64_t shuffle) {
  std::vector<const TapEntry*> taps;
  for (const TapEntry& entry : trace.taps()) taps.push_back(&entry);
  SplitMix64 random(shuffle);
  for (size_t left = shuffle == 0 ? 0 : taps.size(); left > 1; --left)
    std::swap(taps[left - 1], taps[random.next() % left]);
  return taps;
}

}  // namespace

std::string foreign_copy(const std::string& file, const std::string& name, const ForeignForm& form) {
  const Trace trace = Trace::open(file);
  const std::string copy = scratch(name);
  Hdf5Maker maker(copy);
  size_t order = 0;
  for (const TapEntry* entry : in_order(trace, form.shuffle)) add_tap(maker, trace, *entry, order++, form);
  return copy;
}

}  // namespace plumbline::test
