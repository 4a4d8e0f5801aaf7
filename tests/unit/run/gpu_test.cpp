// SPDX-License-Identifier: Apache-2.0
// Versions as people write them, and what is known of a GPU, if there is one.
#include "run/gpu.h"

#include "support/catch.h"

using namespace plumbline::run;

TEST_CASE("versions of CUDA and cuBLAS read as their makers write them") {
  CHECK(cuda_version_text(13000) == "13.0");
  CHECK(cuda_version_text(12080) == "12.8");
  CHECK(cuda_version_text(0).empty());
  CHECK(cublas_version_text(130002) == "13.0.2");
  CHECK(cublas_version_text(120905) == "12.9.5");
  CHECK(cublas_version_text(0).empty());
}

TEST_CASE("a GPU has a name, an architecture and a driver; without one nothing is made up") {
  const auto entries = gpu_environment();
  if (gpu_names().empty()) {
    CHECK(entries.empty());
    return;
  }
  CHECK(entries.at("gpu").starts_with(gpu_names().front() + ", sm_"));
  CHECK(entries.count("cuda.driver") == 1);
  for (const auto& [name, text] : entries) CHECK(!text.empty());
}
