// SPDX-License-Identifier: Apache-2.0
// Launches that are repeated with the same arguments. Under CUDA they are captured once into a graph, so that a replay
// costs one call instead of one a launch; the twin keeps and runs them. Invariant: nothing runs while they are
// recorded; a replay does what the launches would have done. Left to others: keeping alive the memory that they name.
#pragma once
#include <functional>
#include <memory>
#include <source_location>
#include <string>
#include <utility>

#include "cuda/common/gpu.h"
#include "cuda/common/stream.h"
#if !defined(__CUDACC__)
#include "cuda/twin/recorded_grids.h"
#endif

namespace plumbline::PLUMBLINE_BUILD_NS {

#if defined(__CUDACC__)

class LaunchGraph {
 public:
  /// Calls `launches` with the stream that they must use; memory may be allocated and copied in between, at once and
  /// only once. Throws what it throws, and BackendError if CUDA refuses the graph.
  explicit LaunchGraph(const std::function<void(Stream)>& launches) {
    check(cudaStreamCreateWithFlags(&capturing_, cudaStreamNonBlocking), "making a stream");
    check(cudaStreamBeginCapture(capturing_, cudaStreamCaptureModeRelaxed), "beginning");
    cudaGraph_t graph = nullptr;
    LaunchRecords recorded;
    launch_log().divert(capturing_, &recorded);
    try {
      launches(capturing_);
    } catch (...) {
      launch_log().divert(nullptr, nullptr);
      cudaStreamEndCapture(capturing_, &graph);
      release(graph);
      throw;
    }
    launch_log().divert(nullptr, nullptr);
    launches_ = std::make_shared<const LaunchRecords>(std::move(recorded));
    check(cudaStreamEndCapture(capturing_, &graph), "ending");
    const cudaError_t error = cudaGraphInstantiate(&graph_, graph, 0);
    release(graph);
    check(error, "preparing");
  }
  ~LaunchGraph() { cudaGraphExecDestroy(graph_); }
  LaunchGraph(const LaunchGraph&) = delete;
  LaunchGraph& operator=(const LaunchGraph&) = delete;

  void replay(Stream stream, std::source_location where = std::source_location::current()) const {
    check(cudaGraphLaunch(graph_, stream), "replaying");
    launch_log().add({"replay of a graph", where, {}, {}, 0, stream, launches_});
  }

 private:
  static void check(cudaError_t error, const char* doing) {
    if (error != cudaSuccess) fail_operation(error, std::string(doing) + " a graph of launches");
  }
  void release(cudaGraph_t graph) {
    if (graph != nullptr) cudaGraphDestroy(graph);
    cudaStreamDestroy(capturing_);
  }

  Stream capturing_ = nullptr;
  cudaGraphExec_t graph_ = nullptr;
  std::shared_ptr<const LaunchRecords> launches_;  // for errors
};

#else

class LaunchGraph {
 public:
  explicit LaunchGraph(const std::function<void(Stream)>& launches) : grids_([&] { launches(nullptr); }) {}
  void replay(Stream) const { grids_.run(); }

 private:
  const RecordedGrids grids_;
};

#endif

}  // namespace plumbline::PLUMBLINE_BUILD_NS
