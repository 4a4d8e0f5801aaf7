// SPDX-License-Identifier: Apache-2.0
// The words for errors of CUDA, from injected codes: what, facts, way out.
#include "cuda/common/gpu_error.h"

#include <string>
#include <vector>

#include "support/catch.h"

using namespace plumbline;

namespace {

const GpuFault kIllegal{700, "an illegal memory access was encountered"};

LaunchRecord launched(const char* op, unsigned blocks, const void* stream = nullptr) {
  return {op, std::source_location::current(), {blocks, 2, 1}, {128, 1, 1}, 512, stream};
}

bool says(const std::exception& error, const std::string& part) {
  return std::string(error.what()).find(part) != std::string::npos;
}

std::vector<std::string> pending(const LaunchLog& log, int64_t& more) {
  std::vector<std::string> ops;
  for (const LaunchRecord& launch : log.pending(more)) ops.emplace_back(launch.op);
  return ops;
}

}  // namespace

TEST_CASE("the log keeps the last launches of each stream until somebody has waited for it") {
  LaunchLog log;
  const int one = 0, two = 0;
  log.add(launched("a", 1, &one));
  log.add(launched("b", 1, &two));
  log.add(launched("c", 1, &one));
  int64_t more = 0;
  CHECK(pending(log, more) == std::vector<std::string>{"a", "b", "c"});
  log.waited(&one);
  CHECK(pending(log, more) == std::vector<std::string>{"b"});
  log.waited(nullptr);
  CHECK(pending(log, more).empty());
  for (size_t i = 0; i < LaunchLog::kMost + 3; ++i) log.add(launched(i < 3 ? "old" : "new", 1));
  CHECK(pending(log, more) == std::vector<std::string>(LaunchLog::kMost, "new"));
  CHECK(more == 3);
  log.add(launched("other", 1, &one));
  log.waited(&two);
  CHECK(pending(log, more).back() == "other");
  CHECK(pending(log, more).size() == LaunchLog::kMost);
}

TEST_CASE("a launch that CUDA refuses names kernel, grid and line, and is not blamed on an earlier one") {
  LaunchLog log;
  log.add(launched("earlier", 1));
  const BackendError error = launch_error({9, "invalid configuration argument"}, launched("linear", 7), log, false);
  CHECK(says(error, "launch of 'linear': invalid configuration argument (CUDA error 9)"));
  CHECK(says(error, "grid (7, 2, 1), block (128, 1, 1), dynamic shared memory 512 bytes"));
  CHECK(says(error, "gpu_error_test.cpp:"));
  CHECK(!says(error, "earlier"));
}

TEST_CASE("an error of a running kernel names the only launch, or those that may be to blame") {
  LaunchLog log;
  CHECK(says(operation_error("copying 'y'", kIllegal, log), "no launch is pending"));
  log.add(launched("rmsnorm", 4));
  const BackendError sure = operation_error("waiting for the GPU", kIllegal, log);
  CHECK(says(sure, "waiting for the GPU: an illegal memory access was encountered (CUDA error 700)"));
  CHECK(says(sure, "by 'rmsnorm', grid (4, 2, 1), block (128, 1, 1), dynamic shared memory 512 bytes, at "));
  log.add(launched("linear", 5));
  const BackendError unsure = operation_error("waiting for the GPU", kIllegal, log);
  CHECK(says(unsure, "by one of the 2 launches since the last wait"));
  CHECK(says(unsure, "'rmsnorm', grid (4, 2, 1)"));
  CHECK(says(unsure, "'linear', grid (5, 2, 1)"));
  CHECK(says(unsure, "CUDA_LAUNCH_BLOCKING=1"));
  CHECK(says(launch_error(kIllegal, launched("silu", 6), log, false), "by one of the 2 launches"));
  log.waited(nullptr);
  LaunchRecords layers;
  int stream = 0;
  log.divert(&stream, &layers);
  for (int i = 0; i < 3; ++i)
    for (const char* op : {"heads", "attention"}) log.add(launched(op, 8, &stream));
  log.add(launched("logits", 9, &stream));
  log.divert(nullptr, nullptr);
  log.add({"replay of a graph",
           std::source_location::current(),
           {},
           {},
           0,
           nullptr,
           std::make_shared<const LaunchRecords>(layers)});
  const BackendError of_graph = operation_error("waiting for the GPU", kIllegal, log);
  CHECK(says(of_graph, "by 'replay of a graph', at "));
  CHECK(says(of_graph, "    'heads', grid (8, 2, 1), block (128, 1, 1), dynamic shared memory 512 bytes, at "));
  CHECK(says(of_graph, ", 3 times"));
  CHECK(says(of_graph, "    'logits', grid (9, 2, 1)"));
  log.add(launched("after", 1));
  CHECK(says(operation_error("waiting for the GPU", kIllegal, log), "    'attention', grid (8, 2, 1)"));
  const BackendError certain = launch_error(kIllegal, launched("silu", 6), log, true);
  CHECK(says(certain, "launch of 'silu': an illegal memory access"));
  CHECK(!says(certain, "linear"));
}

TEST_CASE("which codes are of a kernel that ran") {
  for (const int code : {214, 700, 702, 710, 714, 715, 716, 717, 718, 719, 999}) {
    CAPTURE(code);
    CHECK(of_a_running_kernel({code, ""}));
  }
  for (const int code : {1, 2, 9, 35, 98, 100, 209, 701, 720, 900}) {  // 701: too many resources asked for
    CAPTURE(code);
    CHECK(!of_a_running_kernel({code, ""}));
  }
  LaunchLog log;
  log.add(launched("linear", 5));
  CHECK(!says(operation_error("copying 'y'", {1, "invalid argument"}, log), "linear"));
}

TEST_CASE("out of memory says what was asked for, what there is, and what to do") {
  const BackendError error =
      memory_error("logits", {(size_t{3} << 30) + 1, size_t{1} << 30, size_t{80} << 30}, {2, "out of memory"});
  CHECK(says(error, "out of GPU memory for 'logits': out of memory (CUDA error 2)"));
  CHECK(says(error, "asked  3073 MiB (3221225473 bytes)"));
  CHECK(says(error, "free   1024 MiB of 81920 MiB"));
  CHECK(says(error, "fewer tokens, fewer taps or a smaller model"));
}

TEST_CASE("no GPU, an old driver and a wrong architecture are told apart") {
  const BackendError none = no_gpu_error({100, "no CUDA-capable device is detected"}, {13000, 13000});
  CHECK(says(none, "kernels: no GPU can be used"));
  CHECK(says(none, "driver        for CUDA 13.0"));
  CHECK(!says(none, "install"));
  const GpuFault insufficient{35, "CUDA driver version is insufficient for CUDA runtime version"};
  CHECK(says(no_gpu_error(insufficient, {0, 13000}), "kernels: no GPU can be used"));
  CHECK(says(no_gpu_error(insufficient, {0, 13000}), "driver        none"));
  const BackendError old = no_gpu_error(insufficient, {12040, 13000});
  CHECK(says(old, "kernels: the NVIDIA driver is too old for this build"));
  CHECK(says(old, "install a driver for CUDA 13.0 or later, or run with --backend twin"));
  const BackendError wrong = architecture_error({209, "no kernel image is available"}, {"NVIDIA A100", 8, 0}, "90");
  CHECK(says(wrong, "kernels: this build has no code for this GPU"));
  CHECK(says(wrong, "GPU         NVIDIA A100, sm_80"));
  CHECK(says(wrong, "built for   sm_90"));
  CHECK(says(wrong, "-DCMAKE_CUDA_ARCHITECTURES=80"));
}
