// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <limits>
#include <memory>

#include <plumbline/error.h>
#include <plumbline/tensor.h>

#include "support/catch.h"

using namespace plumbline;

TEST_CASE("element counts are checked", "[core]") {
  CHECK(element_count({}) == 1);
  CHECK(element_count({2, 0, 3}) == 0);
  CHECK_THROWS_AS(element_count({2, -1}), ShapeError);
  CHECK_THROWS_AS(element_count({int64_t{1} << 40, int64_t{1} << 40}), ShapeError);
}

TEST_CASE("a new tensor holds NaN in every element until it is written", "[core]") {
  const Tensor tensor(DType::bf16, {3, 5});
  CHECK(reinterpret_cast<uintptr_t>(tensor.data()) % 64 == 0);
  for (const double value : to_values(tensor.view())) CHECK(std::isnan(value));
}

TEST_CASE("values are rounded once into the format", "[core]") {
  const Tensor tensor = Tensor::from_values(DType::bf16, {2}, std::vector<double>{1.0 + 0x1p-8, -3.0});
  CHECK(to_values(tensor.view()) == std::vector<double>{1.0, -3.0});
  CHECK_THROWS_AS(Tensor::from_values(DType::f32, {3}, std::vector<double>{1.0}), ShapeError);
}

TEST_CASE("a borrowed tensor keeps its owner alive and refuses writes", "[core]") {
  auto owner = std::make_shared<std::vector<float>>(std::vector<float>{1.5f, 2.5f});
  const std::weak_ptr<std::vector<float>> watch = owner;
  Tensor tensor = Tensor::borrow({DType::f32, {2}, reinterpret_cast<const std::byte*>(owner->data())}, owner);
  owner.reset();
  REQUIRE_FALSE(watch.expired());
  CHECK(tensor.view().at(1) == 2.5);
  CHECK_THROWS_AS(tensor.mutable_data(), Error);
  tensor = Tensor();
  CHECK(watch.expired());
}
