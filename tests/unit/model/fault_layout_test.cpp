// SPDX-License-Identifier: Apache-2.0
// What faults of a weight's layout and of its values leave in it, element by element.
#include <algorithm>
#include <cmath>
#include <set>

#include <plumbline/model.h>

#include "support/catch.h"
#include "support/tiny_model.h"

namespace plumbline {
namespace {

using Values = std::vector<double>;

const std::string kAt = "model.layers.3.";

const Model& healthy() {
  static const Model model = [] {
    test::TinyModelOptions options;
    options.layers = 4;
    const test::TempDirectory directory = test::write_tiny_model(options);
    return load_model(directory.path());
  }();
  return model;
}

Values weight(const Model& model, const std::string& name) {
  return to_values(model.parameters.at(kAt + name + ".weight").view());
}

Values faulty(const std::string& fault, const std::string& name) {
  Model model = healthy();
  apply_fault(model, fault);
  return weight(model, name);
}

Values sorted(Values values) {
  std::sort(values.begin(), values.end());
  return values;
}

/// How many rows (of `columns` values) differ.
size_t rows_changed(const Values& a, const Values& b, size_t columns) {
  std::set<size_t> rows;
  for (size_t i = 0; i < a.size(); ++i)
    if (a[i] != b[i]) rows.insert(i / columns);
  return rows.size();
}

/// How many columns differ.
size_t columns_changed(const Values& a, const Values& b, size_t columns) {
  std::set<size_t> changed;
  for (size_t i = 0; i < a.size(); ++i)
    if (a[i] != b[i]) changed.insert(i % columns);
  return changed.size();
}

constexpr size_t kHidden = 64, kHead = 32, kInner = 96;

}  // namespace

TEST_CASE("A fault of the layout moves a weight's values and changes none") {
  const struct {
    const char *fault, *name;
  } rows[] = {{"weight.rows_swapped=5", "self_attn.k_proj"}, {"weight.rows_shifted=7", "self_attn.v_proj"},
              {"weight.columns_swapped=3", "mlp.down_proj"}, {"weight.columns_shifted", "self_attn.o_proj"},
              {"weight.blocks_transposed=8", "mlp.up_proj"}, {"weight.pairs_interleaved", "self_attn.q_proj"}};
  for (const auto& row : rows) {
    INFO(row.fault);
    const Values before = weight(healthy(), row.name), after = faulty(row.fault, row.name);
    CHECK(before != after);
    CHECK(sorted(before) == sorted(after));
  }
}

TEST_CASE("Each cell comes from where the fault says") {
  const Values v = weight(healthy(), "self_attn.v_proj"), shifted = faulty("weight.rows_shifted=7", "self_attn.v_proj");
  const Values q = weight(healthy(), "self_attn.q_proj"),
               paired = faulty("weight.pairs_interleaved", "self_attn.q_proj");
  const Values up = weight(healthy(), "mlp.up_proj"), blocks = faulty("weight.blocks_transposed=8", "mlp.up_proj");
  for (size_t c = 0; c < kHidden; ++c) {
    CHECK(shifted[9 * kHidden + c] == v[2 * kHidden + c]);
    CHECK(shifted[0 * kHidden + c] == v[57 * kHidden + c]);  // 64 rows: the first gets the seventh from the end
    CHECK(paired[(kHead + 6) * kHidden + c] == q[(kHead + 3) * kHidden + c]);   // 2i holds i
    CHECK(paired[(kHead + 7) * kHidden + c] == q[(kHead + 19) * kHidden + c]);  // 2i + 1 holds i + D/2
  }
  CHECK(blocks[(8 + 1) * kHidden + 16 + 5] == up[(8 + 5) * kHidden + 16 + 1]);
}

TEST_CASE("Runs have the width that was asked for") {
  const Values k = weight(healthy(), "self_attn.k_proj");
  CHECK(rows_changed(k, faulty("weight.rows_swapped=5", "self_attn.k_proj"), kHidden) == 10);
  CHECK(rows_changed(k, faulty("weight.rows_negated=4", "self_attn.k_proj"), kHidden) == 4);
  const Values v = weight(healthy(), "self_attn.v_proj"), gone = faulty("weight.rows_zeroed=9", "self_attn.v_proj");
  CHECK(rows_changed(v, gone, kHidden) == 9);
  CHECK(std::count(gone.begin(), gone.end(), 0.0) >= 9 * 64);
  const Values down = weight(healthy(), "mlp.down_proj");
  CHECK(columns_changed(down, faulty("weight.columns_zeroed=11@layer.3.mlp.down_proj", "mlp.down_proj"), kInner) == 11);
  CHECK(columns_changed(down, faulty("weight.columns_swapped=3", "mlp.down_proj"), kInner) == 6);
  const Values up = weight(healthy(), "mlp.up_proj"), broken = faulty("weight.element_wrong=3", "mlp.up_proj");
  CHECK(rows_changed(up, broken, kHidden) == 1);
  CHECK(columns_changed(up, broken, kHidden) == 1);
  CHECK(std::count(broken.begin(), broken.end(), 3.0) == 1);
}

TEST_CASE("Quantised weights take no more values than their format has") {
  const Values gate = faulty("weight.int8_rows", "mlp.gate_proj");
  for (size_t row = 0; row < 4; ++row) {
    const std::set<double> seen(gate.begin() + static_cast<std::ptrdiff_t>(row * kHidden),
                                gate.begin() + static_cast<std::ptrdiff_t>((row + 1) * kHidden));
    CHECK(seen.size() > 20);  // of 255
  }
  const Values four = faulty("weight.int4_groups=24", "mlp.down_proj");
  const std::set<double> group(four.begin(), four.begin() + 24);
  CHECK(group.size() <= 15);
  const Values tensor = faulty("weight.int_tensor=3", "self_attn.o_proj");
  CHECK(std::set<double>(tensor.begin(), tensor.end()).size() <= 7);
  for (const double w : faulty("weight.f8_e4m3", "mlp.up_proj")) CHECK(w == round_to(DType::f8_e4m3fn, w));
  for (const double w : faulty("weight.f8_e5m2", "mlp.up_proj")) CHECK(w == round_to(DType::f8_e5m2, w));
  const Values q = weight(healthy(), "self_attn.q_proj"), cut = faulty("weight.mantissa_cut=2", "self_attn.q_proj");
  for (size_t i = 0; i < q.size(); ++i) {
    CHECK(std::fabs(cut[i]) <= std::fabs(q[i]));
    CHECK(std::fabs(cut[i]) > 0.75 * std::fabs(q[i]) * (q[i] == 0.0 ? 0.0 : 1.0) - 1e-30);
  }
}

TEST_CASE("The same fault is the same in every run and another one with another value or place") {
  CHECK(faulty("weight.rows_scaled=2", "self_attn.q_proj") == faulty("weight.rows_scaled=2", "self_attn.q_proj"));
  CHECK(faulty("weight.element_wrong=3", "mlp.up_proj") != faulty("weight.element_wrong=4", "mlp.up_proj"));
}

}  // namespace plumbline
