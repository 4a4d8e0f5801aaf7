// SPDX-License-Identifier: Apache-2.0
// Invariant: fused_qkv.h.
#include "tests/bench/fused_qkv.h"

#include <algorithm>

#include "cuda/common/launch_graph.h"
#include "cuda/common/memory.h"
#include "cuda/rmsnorm_qkv/rmsnorm_qkv.h"

namespace plumbline::bench {
namespace {

using namespace plumbline::cuda;

class Events {
 public:
  Events() {
    cudaEventCreate(&start_);
    cudaEventCreate(&stop_);
  }
  ~Events() {
    cudaEventDestroy(start_);
    cudaEventDestroy(stop_);
  }
  Events(const Events&) = delete;
  Events& operator=(const Events&) = delete;

  /// Milliseconds of what `body` puts into the stream.
  template <class Body>
  double milliseconds(Stream stream, const Body& body) {
    cudaEventRecord(start_, stream);
    body();
    cudaEventRecord(stop_, stream);
    synchronize(stream);
    float time = 0;
    if (cudaEventElapsedTime(&time, start_, stop_) != cudaSuccess)
      throw BackendError("no time from CUDA's events", {}, "");
    return time;
  }

 private:
  cudaEvent_t start_ = nullptr, stop_ = nullptr;
};

void launch_qkv(const QkvProblem& problem, size_t set, Stream stream) {
  RmsNormQkvArgs args{{.x = static_cast<const bf16*>(problem.x),
                       .weight = static_cast<const bf16*>(problem.norm_weight),
                       .rows = problem.rows,
                       .columns = problem.hidden,
                       .eps = problem.eps,
                       .arithmetic = Arithmetic::torch_sm90,
                       .mean_lanes = problem.mean_lanes,
                       .normed = static_cast<bf16*>(problem.normed)},
                      NormRounding::two,
                      {}};
  for (size_t i = 0; i < 3; ++i)
    args.projections[i] = {static_cast<const bf16*>(problem.weights[set][i]), nullptr, static_cast<bf16*>(problem.y[i]),
                           problem.columns[i]};
  rmsnorm_qkv(args, nullptr, 128, stream);
}

}  // namespace

void run_qkv(const QkvProblem& problem, size_t set) {
  launch_qkv(problem, set, nullptr);
  synchronize(nullptr);
}

std::vector<double> time_qkv(const QkvProblem& problem, int calls, int replays) {
  const LaunchGraph graph([&](Stream stream) {
    for (int i = 0; i < calls; ++i) launch_qkv(problem, size_t(i) % problem.weights.size(), stream);
  });
  const OwnStream stream;
  Events events;
  std::vector<double> times;
  for (int i = 0; i < replays + 5; ++i) {
    const double time = events.milliseconds(stream.get(), [&] { graph.replay(stream.get()); });
    if (i >= 5) times.push_back(time * 1000 / calls);
  }
  return times;
}

std::vector<double> time_calls(const std::function<void()>& call, int count, int repeats) {
  Events events;
  std::vector<double> times;
  for (int i = 0; i < repeats + 3; ++i) {
    const double time = events.milliseconds(nullptr, [&] {
      for (int j = 0; j < count; ++j) call();
    });
    if (i >= 3) times.push_back(time * 1000 / count);
  }
  return times;
}

double copy_rate() {
  constexpr size_t kBytes = size_t{2} << 30;
  DeviceBuffer from(kBytes, "copied from"), to(kBytes, "copied to");
  const std::vector<double> times = time_calls(
      [&] { cudaMemcpyAsync(to.as<void>(), from.as<void>(), kBytes, cudaMemcpyDeviceToDevice, nullptr); }, 4, 5);
  return 2.0 * double(kBytes) / (*std::min_element(times.begin(), times.end()) * 1e-6);
}

}  // namespace plumbline::bench
