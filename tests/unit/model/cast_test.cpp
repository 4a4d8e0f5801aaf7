// SPDX-License-Identifier: Apache-2.0
// The cast of a checkpoint's weights: one rounding each, nothing overflows silently, and what happened is counted.
#include <plumbline/error.h>

#include <cmath>
#include <cstring>
#include <limits>

#include "model/cast.h"
#include "support/catch.h"
#include "support/error_text.h"
#include "support/tiny_model.h"

namespace plumbline::test {
namespace {

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kInf = std::numeric_limits<float>::infinity();
const std::string kName = "model.layers.1.self_attn.k_norm.weight";

/// An f32 model whose K-norm weight of layer 1 begins with these.
Model model_with(const std::vector<float>& values) {
  const TempDirectory directory =
      write_tiny_model({.dtype = "float32", .edit_tensors = [&](auto& tensors) {
                          for (RawTensor& tensor : tensors)
                            if (tensor.name == kName)
                              std::memcpy(tensor.bytes.data(), values.data(), values.size() * sizeof(float));
                        }});
  return load_model(directory.path());  // the mapping outlives the file's name
}

double cast_value(float value, DType dtype) {
  Model model = model_with({value});
  cast_weights(model, dtype);
  return model.parameters.at(kName).view().at(0);
}

}  // namespace

TEST_CASE("each weight is rounded once, to nearest even") {
  struct Row {
    float stored;
    DType dtype;
    double expected;
  };
  const Row rows[] = {
      // bf16 has 7 fraction bits: next to 1 the step is 2^-7, ties at 2^-8 go to the even neighbour.
      {1.0F + 0x1p-8F, DType::bf16, 1.0},
      {1.0F + 0x1p-8F + 0x1p-20F, DType::bf16, 1.0 + 0x1p-7},
      {1.0F + 3 * 0x1p-8F, DType::bf16, 1.0 + 0x1p-6},
      {96.5F, DType::bf16, 96.5},
      {-0.0F, DType::bf16, -0.0},
      // f16 has 10: ties at 2^-11. Its subnormals are multiples of 2^-24; half of the smallest goes to zero (even).
      {1.0F + 0x1p-11F, DType::f16, 1.0},
      {1.0F + 3 * 0x1p-11F, DType::f16, 1.0 + 0x1p-9},
      {3 * 0x1p-24F, DType::f16, 3 * 0x1p-24},
      {0x1p-25F, DType::f16, 0.0},
      {65504.0F, DType::f16, 65504.0},
      {65519.99F, DType::f16, 65504.0},  // the last f32 below the tie at 65520, which would round to infinity
  };
  for (const Row& row : rows) {
    INFO(row.stored << " as " << dtype_name(row.dtype));
    const double value = cast_value(row.stored, row.dtype);
    CHECK(value == row.expected);
    CHECK(std::signbit(value) == std::signbit(row.expected));
  }
}

TEST_CASE("NaN and infinity that are stored stay what they are") {
  for (const DType dtype : {DType::bf16, DType::f16}) {
    CHECK(std::isnan(cast_value(kNan, dtype)));
    CHECK(cast_value(kInf, dtype) == static_cast<double>(kInf));
    CHECK(cast_value(-kInf, dtype) == -static_cast<double>(kInf));
  }
}

TEST_CASE("a finite weight that would overflow is an error that names tensor, element and value") {
  struct Row {
    float stored;
    DType dtype;
    std::string value, largest;
  };
  const Row rows[] = {
      {65520.0F, DType::f16, "65520", "65504"},
      {-1e30F, DType::f16, "-1.00000002e+30", "65504"},
      {std::numeric_limits<float>::max(), DType::bf16, "3.40282347e+38", "3.38953139e+38"},
  };
  for (const Row& row : rows) {
    Model model = model_with({1.0F, 2.0F, row.stored});
    const std::string text = error_text<CheckpointError>([&] { cast_weights(model, row.dtype); });
    INFO(text);
    CHECK(text.find(kName) != std::string::npos);
    CHECK(text.find("element  2") != std::string::npos);
    CHECK(text.find(row.value) != std::string::npos);
    CHECK(text.find(row.largest) != std::string::npos);
    CHECK(model.config.dtype == DType::f32);  // left as it was
  }
}

TEST_CASE("a cast counts what it changed, and the graph is of the new format") {
  Model model = model_with({1.0F, 1e-30F, 2.0F});
  const auto cast = cast_weights(model, DType::f16);
  REQUIRE(cast.has_value());
  CHECK(cast->from == DType::f32);
  CHECK(cast->to == DType::f16);
  CHECK(cast->vanished == 1);
  CHECK(cast->changed > cast->weights / 2);  // random f32 numbers seldom fit into 11 bits
  CHECK(model.config.dtype == DType::f16);
  CHECK(model.graph.ops.front().outputs.front().dtype == DType::f16);
  for (const auto& [name, tensor] : model.parameters) CHECK(tensor.dtype() == DType::f16);
  CHECK(describe(*cast).starts_with("f32 to f16, each weight rounded once to nearest even: "));
}

TEST_CASE("a cast to a wider format changes no number, one to the same format is none") {
  const TempDirectory directory = write_tiny_model();
  const Model stored = load_model(directory.path());
  Model model = load_model(directory.path());
  CHECK_FALSE(cast_weights(model, DType::bf16).has_value());
  const auto cast = cast_weights(model, DType::f32);
  REQUIRE(cast.has_value());
  CHECK(cast->changed == 0);
  for (const auto& [name, tensor] : stored.parameters)
    CHECK(to_values(tensor.view()) == to_values(model.parameters.at(name).view()));
  CHECK_THROWS_AS(cast_weights(model, DType::i8), UsageError);
}

}  // namespace plumbline::test
