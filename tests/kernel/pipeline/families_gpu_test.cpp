// SPDX-License-Identifier: Apache-2.0
// Every family's kernels on a GPU: the twin's bits in every tap, in prefill and in decode steps. Runs where a GPU is;
// elsewhere it says so. The table: tests/support/families.h.
#include <algorithm>
#include <cstdio>

#include <plumbline/error.h>

#include "kernel/pipeline/tiny_runs.h"
#include "reference/memory_sink.h"
#include "support/catch.h"
#include "support/families.h"

namespace plumbline::test {
namespace {

constexpr int64_t kPrompt = 11, kSteps = 5;

bool skipped() {
  try {
    require_gpu({});
    return false;
  } catch (const BackendError& none) {
    std::printf("no GPU here: nothing compared (%s)\n", none.what());
    return true;
  }
}

bool same(const Tensor& a, const Tensor& b) {
  return a.dtype() == b.dtype() && a.shape() == b.shape() && std::equal(a.data(), a.data() + a.byte_size(), b.data());
}

/// The taps of one step that are not the same bits on both sides, or stand on one side only.
std::string differing(const MemorySink& twin, const MemorySink& gpu) {
  std::string paths;
  for (const auto& [path, values] : twin.taps())
    if (!gpu.taps().contains(path) || !same(values, gpu.at(path))) paths += path + "\n";
  for (const auto& [path, values] : gpu.taps())
    if (!twin.taps().contains(path)) paths += path + "\n";
  return paths;
}

}  // namespace

TEST_CASE("checkpoints of every family: the GPU's taps are the twin's, bit for bit, in prefill and decode") {
  if (skipped()) return;
  size_t taps = 0;
  for (const FamilyRow& row : families()) {
    for (size_t number = 0; number < row.models.size(); ++number) {
      INFO(row.architecture << ", checkpoint " << number);
      const Model model = tiny(row.models[number]);
      const auto twin = make_twin_backend(model, {}), gpu = make_cuda_backend(model, {});
      Step step = prefill(kPrompt);
      for (int64_t index = 0; index <= kSteps; ++index) {
        MemorySink expected, actual;
        const Tensor logits = twin->forward(step, expected), others = gpu->forward(step, actual);
        INFO("step " << index);
        CHECK(same(logits, others));
        CHECK_FALSE(expected.taps().empty());
        CHECK(differing(expected, actual).empty());
        taps += expected.taps().size();
        step = {index + 1, kPrompt + index, {(index * 37 + 11) % 256}};
      }
    }
  }
  std::printf("%zu families, %zu taps on both sides\n", families().size(), taps);
}

}  // namespace plumbline::test
