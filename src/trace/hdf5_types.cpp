// SPDX-License-Identifier: Apache-2.0
#include "trace/hdf5_types.h"

#include <array>
#include <cstddef>
#include <cstring>

#include "trace/schema.h"

namespace plumbline::trace {
namespace {

struct FloatFields {
  size_t sign, exponent, exponent_bits, fraction_bits, bias;
};

Handle small_float(const FloatFields& f) {
  Handle type(H5Tcopy(H5T_IEEE_F32LE), H5Tclose);
  H5Tset_fields(type.get(), f.sign, f.exponent, f.exponent_bits, 0, f.fraction_bits);
  H5Tset_precision(type.get(), f.sign + 1);
  H5Tset_size(type.get(), (f.sign + 1) / 8);  // only after the fields fit into it
  H5Tset_ebias(type.get(), f.bias);
  return type;
}

Handle copy_of(hid_t type) { return Handle(H5Tcopy(type), H5Tclose); }

Handle array_of(hid_t element, hsize_t count) { return Handle(H5Tarray_create2(element, 1, &count), H5Tclose); }

constexpr std::array kStandard = {DType::f64, DType::f32, DType::f16, DType::bf16, DType::i64, DType::i32,
                                  DType::i16, DType::i8,  DType::u64, DType::u32,  DType::u16, DType::u8};

/// "torch.bfloat16", "bfloat16", "BF16", "float8_e4m3fn", "<f4", ... as a DType.
std::optional<DType> parse_attribute(std::string_view name) {
  if (name.starts_with("torch.")) name.remove_prefix(6);
  struct Spelling {
    std::string_view name;
    DType dtype;
  };
  static constexpr std::array kSpellings = {Spelling{"bfloat16", DType::bf16},
                                            Spelling{"float16", DType::f16},
                                            Spelling{"half", DType::f16},
                                            Spelling{"float32", DType::f32},
                                            Spelling{"float", DType::f32},
                                            Spelling{"float64", DType::f64},
                                            Spelling{"double", DType::f64},
                                            Spelling{"int64", DType::i64},
                                            Spelling{"long", DType::i64},
                                            Spelling{"int32", DType::i32},
                                            Spelling{"int", DType::i32},
                                            Spelling{"int16", DType::i16},
                                            Spelling{"int8", DType::i8},
                                            Spelling{"uint64", DType::u64},
                                            Spelling{"uint32", DType::u32},
                                            Spelling{"uint16", DType::u16},
                                            Spelling{"uint8", DType::u8},
                                            Spelling{"bool", DType::boolean},
                                            Spelling{"float8_e4m3fn", DType::f8_e4m3fn},
                                            Spelling{"float8_e5m2", DType::f8_e5m2}};
  for (const Spelling& spelling : kSpellings)
    if (spelling.name == name) return spelling.dtype;
  return parse_dtype(name);
}

/// h5py's bool: an enum over one byte with FALSE = 0 and TRUE = 1.
bool is_boolean_enum(hid_t type) {
  if (H5Tget_size(type) != 1 || H5Tget_nmembers(type) != 2) return false;
  for (unsigned i = 0; i < 2; ++i) {
    uint8_t value = 0xff;
    char* name = H5Tget_member_name(type, i);
    const bool fits = name && H5Tget_member_value(type, i, &value) >= 0 && std::strcmp(name, i ? "TRUE" : "FALSE") == 0;
    if (name) H5free_memory(name);
    if (!fits || value != i) return false;
  }
  return true;
}

}  // namespace

Handle file_type(DType dtype) {
  switch (dtype) {
    case DType::f64: return copy_of(H5T_IEEE_F64LE);
    case DType::f32: return copy_of(H5T_IEEE_F32LE);
    case DType::f16: return small_float({15, 10, 5, 10, 15});
    case DType::bf16: return small_float({15, 7, 8, 7, 127});
    case DType::i64: return copy_of(H5T_STD_I64LE);
    case DType::i32: return copy_of(H5T_STD_I32LE);
    case DType::i16: return copy_of(H5T_STD_I16LE);
    case DType::i8: return copy_of(H5T_STD_I8LE);
    case DType::u64: return copy_of(H5T_STD_U64LE);
    case DType::u32: return copy_of(H5T_STD_U32LE);
    case DType::u16: return copy_of(H5T_STD_U16LE);
    case DType::u8:
    case DType::f8_e4m3fn:
    case DType::f8_e5m2:
    case DType::boolean: return copy_of(H5T_STD_U8LE);
  }
  return {};
}

Handle fixed_string_type(size_t bytes) {
  Handle type = copy_of(H5T_C_S1);
  H5Tset_size(type.get(), bytes == 0 ? 1 : bytes);
  H5Tset_strpad(type.get(), H5T_STR_NULLPAD);
  H5Tset_cset(type.get(), H5T_CSET_UTF8);
  return type;
}

Handle index_row_type() {
  Handle type(H5Tcreate(H5T_COMPOUND, sizeof(IndexRow)), H5Tclose);
  const Handle dims = array_of(H5T_STD_U64LE, kMaxRank), axes = array_of(H5T_STD_U32LE, kMaxRank);
  const auto add = [&](const char* name, size_t offset, hid_t member) { H5Tinsert(type.get(), name, offset, member); };
  add("seq", offsetof(IndexRow, seq), H5T_STD_U64LE);
  add("step", offsetof(IndexRow, step), H5T_STD_I64LE);
  add("dims", offsetof(IndexRow, dims), dims.get());
  add("offset", offsetof(IndexRow, offset), H5T_STD_U64LE);
  add("nbytes", offsetof(IndexRow, nbytes), H5T_STD_U64LE);
  add("xxh3", offsetof(IndexRow, xxh3), H5T_STD_U64LE);
  add("axes", offsetof(IndexRow, axes), axes.get());
  add("n_axes", offsetof(IndexRow, n_axes), H5T_STD_U32LE);
  add("layer", offsetof(IndexRow, layer), H5T_STD_I32LE);
  add("order", offsetof(IndexRow, order), H5T_STD_U32LE);
  add("flags", offsetof(IndexRow, flags), H5T_STD_U32LE);
  add("path", offsetof(IndexRow, path), H5T_STD_U32LE);
  add("dataset", offsetof(IndexRow, dataset), H5T_STD_U32LE);
  add("dtype", offsetof(IndexRow, dtype), H5T_STD_U32LE);
  add("rank", offsetof(IndexRow, rank), H5T_STD_U32LE);
  return type;
}

Handle step_row_type() {
  Handle type(H5Tcreate(H5T_COMPOUND, sizeof(StepRow)), H5Tclose);
  H5Tinsert(type.get(), "step", offsetof(StepRow, step), H5T_STD_I64LE);
  H5Tinsert(type.get(), "first_position", offsetof(StepRow, first_position), H5T_STD_I64LE);
  H5Tinsert(type.get(), "first_token", offsetof(StepRow, first_token), H5T_STD_U64LE);
  H5Tinsert(type.get(), "n_tokens", offsetof(StepRow, n_tokens), H5T_STD_U64LE);
  return type;
}

Recognised recognise(hid_t type, const std::string& attribute) {
  const H5T_class_t kind = H5Tget_class(type);
  if (kind == H5T_ENUM && is_boolean_enum(type)) return {DType::boolean, true, ""};
  if (kind != H5T_INTEGER && kind != H5T_FLOAT && kind != H5T_OPAQUE) return {std::nullopt, false, ""};

  std::optional<DType> stored;
  for (const DType dtype : kStandard) {
    if (kind != H5T_OPAQUE && H5Tequal(type, file_type(dtype).get()) > 0) stored = dtype;
  }
  if (!stored && kind != H5T_OPAQUE)
    return {std::nullopt, true, "its number format is none that is read bit for bit (big endian, or an unusual float)"};
  const std::optional<DType> meant = parse_attribute(attribute);
  const size_t bytes = H5Tget_size(type);
  if (kind == H5T_FLOAT) {
    if (meant && is_floating(*meant) && element_bytes(*meant) == bytes && meant != stored)
      return {std::nullopt, true, "attribute dtype = '" + printable(attribute) + "' contradicts its stored format"};
    return {stored, true, ""};
  }
  if (attribute.empty()) {
    if (stored) return {stored, true, ""};
    return {std::nullopt, true, "it holds opaque bytes, and no attribute 'dtype' says what they are"};
  }
  if (!meant || element_bytes(*meant) != bytes)
    return {std::nullopt, true,
            "attribute dtype = '" + printable(attribute) + "' fits no format of " + std::to_string(bytes) + " bytes"};
  return {meant, true, ""};
}

}  // namespace plumbline::trace
