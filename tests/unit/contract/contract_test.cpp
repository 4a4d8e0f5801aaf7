// SPDX-License-Identifier: Apache-2.0
// The table of contracts is complete and its bounds say what their formulas say.
#include <plumbline/contract.h>

#include <cmath>
#include <set>

#include <plumbline/error.h>

#include "support/catch.h"
#include "support/error_text.h"

using namespace plumbline;

TEST_CASE("every kind of op has a contract and no two contracts share a name") {
  std::set<std::string_view> names;
  for (const Contract& contract : all_contracts()) {
    CAPTURE(std::string(contract.name));
    CHECK(names.insert(contract.name).second);
    CHECK_FALSE(contract.summary.empty());
    CHECK_FALSE(contract.source.empty());
    CHECK_NOTHROW(contract.grid("out"));
    for (const OpKind kind : contract.kinds) CHECK(contract.covers(kind));
  }
  for (int kind = 0; kind <= static_cast<int>(OpKind::gelu_tanh); ++kind) {
    CAPTURE(kind);
    CHECK_FALSE(contracts_for(static_cast<OpKind>(kind)).empty());
  }
  CHECK(contracts_for(OpKind::rmsnorm).size() == 4);
}

TEST_CASE("the norms differ in where they round") {
  struct Row {
    std::string_view contract;
    Grid n, out;
  };
  const Row rows[] = {{"rmsnorm/llama", Grid::model, Grid::model},
                      {"rmsnorm/olmo", Grid::f32, Grid::model},
                      {"rmsnorm/gemma", Grid::f32, Grid::model},
                      {"rmsnorm/f32", Grid::f32, Grid::f32}};
  for (const Row& row : rows) {
    CAPTURE(std::string(row.contract));
    CHECK(find_contract(row.contract).grid("n") == row.n);
    CHECK(find_contract(row.contract).grid("out") == row.out);
  }
}

TEST_CASE("an unknown contract is an error that names the nearest ones") {
  const std::string message = test::error_text<InputError>([] { find_contract("rmsnorm/lama"); });
  test::require_parts(message, {"rmsnorm/lama", "nearest   rmsnorm/llama"});
  CHECK_THROWS_AS(find_contract("linear/f32acc").grid("n32"), InputError);
}

TEST_CASE("accumulation bounds follow their formulas") {
  const double u = kUnitF32;
  CHECK(accumulation_bound(Accumulator::f32_chain, 9) == Approx(9 * u).epsilon(1e-6));
  CHECK(accumulation_bound(Accumulator::f32_chain, 1024) == Approx(1024 * u).epsilon(1e-4));
  // 1024 / 32 + 5 = 37 adds deep.
  CHECK(accumulation_bound(Accumulator::f32_tree, 1024) == Approx(37 * u).epsilon(1e-5));
  // One step of 16: 17 * 2^-25 + 2^-23 = 10.5 u; 64 steps 64 times that.
  CHECK(accumulation_bound(Accumulator::tensor_core, 16) == Approx(10.5 * u).epsilon(1e-5));
  CHECK(accumulation_bound(Accumulator::tensor_core, 1024) == Approx(672 * u).epsilon(1e-3));
  CHECK(accumulation_bound(Accumulator::scalar_any, 1000) == Approx(1000 * u).epsilon(1e-3));
  CHECK(accumulation_bound(Accumulator::none, 1000) == 0.0);
  for (const int64_t n : {1, 7, 16, 64, 100, 1024, 8192}) {
    CAPTURE(n);
    for (const Accumulator part : {Accumulator::f32_chain, Accumulator::f32_tree, Accumulator::tensor_core}) {
      CHECK(accumulation_bound(Accumulator::any, n) >= accumulation_bound(part, n));
      CHECK(accumulation_walk(Accumulator::any, n) >= accumulation_walk(part, n));
    }
    // What is expected is never more than what is possible.
    CHECK(expected_accumulation_error(Accumulator::any, n, 1.0, 1.0) < 2 * accumulation_bound(Accumulator::any, n));
  }
}
