// SPDX-License-Identifier: Apache-2.0
// Files that other software wrote: names, formats, layouts. The bytes are never converted.
#include "support/temp_directory.h"
#include "unit/trace/hdf5_maker.h"
#include "unit/trace/sample.h"
#include "unit/trace/says.h"

using namespace plumbline;
using namespace plumbline::test;

namespace {

std::string counting(size_t bytes) {
  std::string text(bytes, '\0');
  for (size_t i = 0; i < bytes; ++i) text[i] = static_cast<char>(i * 37 + 11);
  return text;
}

/// The one tap of a file with one dataset.
struct Outcome {
  std::string path, dtype, bytes, error;
};
Outcome read_one(hid_t type, const std::string& attribute, const std::string& bytes) {
  const TempDirectory directory;
  {
    Hdf5Maker maker(directory / "a.h5");
    maker.dataset("x", type, {bytes.size() / H5Tget_size(type)}, bytes, {{}, {}, attribute});
  }
  Outcome outcome;
  outcome.error = message_of([&] {
    const Trace trace = Trace::open(directory / "a.h5");
    if (trace.taps().size() != 1) return;
    outcome.path = trace.taps()[0].path;
    outcome.dtype = dtype_name(trace.taps()[0].dtype);
    outcome.bytes = bytes_of(trace.read(trace.taps()[0]));
  });
  return outcome;
}

hid_t opaque(size_t bytes) { return H5Tcreate(H5T_OPAQUE, bytes); }

}  // namespace

// Made by tests/unit/trace/h5py_check.py; the bytes are those of its foreign_taps().
TEST_CASE("the h5py fixture: contiguous, chunked, bf16 three ways, bool, scalar, empty, text passed over") {
  const Trace trace = Trace::open(PLUMBLINE_SOURCE_DIR "/dumps/golden/h5py_foreign.h5");
  CHECK(trace.foreign());
  std::string words;
  for (uint32_t i = 0; i < 60; ++i) {
    const uint32_t word = (i * 2654435761U) >> 7;
    words += {static_cast<char>(word), static_cast<char>(word >> 8)};
  }
  struct Row {
    const char* path;
    DType dtype;
    Shape shape;
  };
  const Row rows[] = {{"model.layers.0.chunked", DType::f16, {6, 10}},
                      {"model.layers.0.bf16", DType::bf16, {60}},
                      {"model.layers.0.bf16_as_u16", DType::bf16, {3, 20}},
                      {"model.layers.0.bf16_opaque", DType::bf16, {60}}};
  for (const Row& row : rows) {
    INFO(row.path);
    const TapEntry* entry = trace.find(row.path, 0);
    REQUIRE(entry != nullptr);
    CHECK(entry->dtype == row.dtype);
    CHECK(entry->shape == row.shape);
    CHECK(entry->axes.empty());
    CHECK(entry->xxh3.empty());
    CHECK(bytes_of(trace.read(*entry)) == words);
  }
  CHECK(trace.find("flags", 0)->dtype == DType::boolean);
  CHECK(bytes_of(trace.read(*trace.find("flags", 0))) == std::string("\1\0\1", 3));
  CHECK(trace.find("scalar", 0)->shape.empty());
  CHECK(bytes_of(trace.read(*trace.find("scalar", 0))) == std::string("\0\0\0\0\0\0\0\x80", 8));  // -0.0
  CHECK(trace.find("empty", 0)->shape == Shape{0, 4});
  CHECK(trace.taps().size() == 9);
  CHECK(trace.header().environment.at("passed over") == "/prompt");
  REQUIRE(trace.steps().size() == 1);
  CHECK(trace.steps()[0].index == 0);
  CHECK(verify_trace(trace).empty());  // nothing to verify against
}

TEST_CASE("stored types and the dtype attribute: what they mean together") {
  struct Row {
    hid_t type;
    const char* attribute;
    const char* dtype;  // "" if refused
  };
  const Row rows[] = {{H5T_STD_U16LE, "", "u16"},
                      {H5T_STD_U16LE, "bf16", "bf16"},
                      {H5T_STD_U16LE, "float16", "f16"},
                      {H5T_STD_I16LE, "torch.bfloat16", "bf16"},
                      {H5T_STD_U8LE, "float8_e4m3fn", "f8_e4m3fn"},
                      {H5T_STD_U8LE, "f8_e5m2", "f8_e5m2"},
                      {H5T_STD_U8LE, "bool", nullptr},
                      {H5T_STD_U16LE, "f32", ""},
                      {H5T_STD_U16LE, "nonsense", ""},
                      {H5T_IEEE_F32LE, "bf16", "f32"},  // upcast by its writer: stored is f32
                      {H5T_IEEE_F32LE, "", "f32"},
                      {H5T_IEEE_F32BE, "", ""},
                      {H5T_STD_I64BE, "", ""},
                      {opaque(2), "", ""},
                      {opaque(2), "bf16", "bf16"},
                      {opaque(1), "f8_e5m2", "f8_e5m2"},
                      {opaque(3), "bf16", ""},
                      {H5T_STD_I64LE, "int64", "i64"}};
  for (const Row& row : rows) {
    const std::string expected = row.dtype ? row.dtype : std::string(dtype_name(DType::boolean));
    INFO("attribute '" << row.attribute << "', expected '" << expected << "'");
    const Outcome outcome = read_one(row.type, row.attribute, counting(48));
    CHECK(outcome.dtype == expected);
    if (expected.empty()) {
      CHECK(says(outcome.error, {"/x", "dtype"}));
    } else {
      CHECK(outcome.bytes == counting(48));
    }
  }
}

TEST_CASE("chunked, shuffled, deflated and compact data are decoded to the stored bytes") {
  const TempDirectory directory;
  const std::string bytes = counting(7 * 9 * 4);
  {
    Hdf5Maker maker(directory / "a.h5");
    maker.dataset("plain", H5T_IEEE_F32LE, {7, 9}, bytes, {{2, 4}, {}, ""});
    maker.dataset("packed", H5T_IEEE_F32LE, {7, 9}, bytes,
                  {{3, 3},
                   [](hid_t list) {
                     H5Pset_shuffle(list);
                     H5Pset_deflate(list, 9);
                     H5Pset_fletcher32(list);
                   },
                   ""});
    maker.dataset("compact", H5T_IEEE_F32LE, {7, 9}, bytes, {{}, [](hid_t l) { H5Pset_layout(l, H5D_COMPACT); }, ""});
  }
  const Trace trace = Trace::open(directory / "a.h5");
  for (const char* path : {"plain", "packed", "compact"}) {
    INFO(path);
    REQUIRE(trace.find(path, 0) != nullptr);
    CHECK(bytes_of(trace.read(*trace.find(path, 0))) == bytes);
  }
}

TEST_CASE("our layout without an index gives steps, layers and paths") {
  const TempDirectory directory;
  {
    Hdf5Maker maker(directory / "a.h5");
    maker.dataset("t/s000000/Lpre/0000_embed", H5T_IEEE_F32LE, {2}, counting(8));
    maker.dataset("t/s000000/L00/0000_attn.q_proj", H5T_IEEE_F32LE, {2}, counting(8));
    maker.dataset("t/s000012/L05/0007_attn.q_proj", H5T_IEEE_F32LE, {2}, counting(8));
    maker.dataset("t/s12/L05/0007_x", H5T_IEEE_F32LE, {2}, counting(8));  // not quite our layout
  }
  const Trace trace = Trace::open(directory / "a.h5");
  CHECK(trace.find("embed", 0) != nullptr);
  REQUIRE(trace.find("layer.5.attn.q_proj", 12) != nullptr);
  CHECK(trace.find("layer.5.attn.q_proj", 12)->layer == 5);
  CHECK(trace.find("layer.0.attn.q_proj", 0)->layer == 0);
  CHECK(trace.find("t.s12.L05.0007_x", 0) != nullptr);
  REQUIRE(trace.steps().size() == 2);
  CHECK(trace.steps()[1].index == 12);
}

TEST_CASE("foreign taps come in the order in which they lie in the file") {
  const TempDirectory directory;
  {
    Hdf5Maker maker(directory / "a.h5");
    for (const char* name : {"layer.2", "layer.10", "a", "layer.1"})
      maker.dataset(name, H5T_IEEE_F32LE, {1000}, counting(4000));
  }
  const Trace trace = Trace::open(directory / "a.h5");
  std::vector<std::string> order;
  for (const TapEntry& entry : trace.taps()) order.push_back(entry.path);
  CHECK(order == std::vector<std::string>{"layer.2", "layer.10", "a", "layer.1"});
}

TEST_CASE("two datasets whose names become one path are refused by name") {
  const TempDirectory directory;
  {
    Hdf5Maker maker(directory / "a.h5");
    maker.dataset("a/b.c", H5T_IEEE_F32LE, {2});
    maker.dataset("a.b/c", H5T_IEEE_F32LE, {2});
  }
  CHECK(says(message_of([&] { Trace::open(directory / "a.h5"); }), {"'a.b.c'", "two tensors"}));
}

TEST_CASE("what is no HDF5 file is refused by name") {
  const TempDirectory directory;
  write_file(directory / "text", "hello");
  write_file(directory / "nothing", "");
  CHECK(says(message_of([&] { Trace::open(directory / "text"); }), {"text", "not a whole HDF5 file"}));
  CHECK(says(message_of([&] { Trace::open(directory / "nothing"); }), {"nothing", "not a whole HDF5 file"}));
  CHECK(says(message_of([&] { Trace::open(directory / "absent"); }), {"absent", "No such file"}));
  CHECK(says(message_of([&] { Trace::open(directory.path()); }), {"not a regular file"}));
}
