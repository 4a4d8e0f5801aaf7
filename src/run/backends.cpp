// SPDX-License-Identifier: Apache-2.0
// The one place that knows which backends were compiled in.
#include "run/backends.h"

#include "run/gpu.h"
#include "run/selection.h"

#include "cuda/pipeline/pipeline.h"
#include "cuda/twin/options.h"
#include "oracle/backend.h"
#ifdef PLUMBLINE_RUN_TORCH
#include "reference/torch_backend.h"
#endif

#include <charconv>

#include <plumbline/error.h>

namespace plumbline::run {
namespace {

/// "qkv=single" for every layer, "qkv=single@layer.3" for one.
KernelOptions kernel_options(const RunOptions& options) {
  KernelOptions kernels;
  kernels.threads = options.threads;
  kernels.verify_taps = options.verify_taps;
  kernels.numerics = options.numerics;
  kernels.statistics = asks_for_statistics(options.taps);
  if (options.ring_bytes > 0) kernels.ring_bytes = static_cast<size_t>(options.ring_bytes);
  if (options.kernels.empty()) return kernels;
  const std::string& choice = options.kernels.front();
  constexpr std::string_view kKey = "qkv=", kSite = "@layer.";
  const size_t site = choice.find(kSite);
  kernels.qkv = choice.substr(kKey.size(), site == std::string::npos ? site : site - kKey.size());
  if (site != std::string::npos) {
    const char* const end = choice.data() + choice.size();
    std::from_chars(choice.data() + site + kSite.size(), end, kernels.qkv_layer);
  }
  return kernels;
}

/// The kernels read bf16. What they do not get by themselves they are not given silently.
void require_bf16(const RunOptions& options, const Model& model) {
  const bool kernels = options.backend == "twin" || options.backend == "cuda";
  if ((!kernels && options.kernels.empty()) || model.config.dtype == DType::bf16) return;
  throw UsageError(
      "plumbline run: " + (kernels ? "backend " + options.backend : std::string("--kernel")) + " runs in bf16 only",
      {"checkpoint  " + std::string(dtype_name(model.config.dtype)) + " (" + model.directory.string() + ")"},
      "--dtype bf16 rounds every weight once, to nearest even, and the trace says so; torch and oracle "
      "run the checkpoint as it is");
}

std::unique_ptr<Backend> make_twin(const RunOptions& options, const Model& model) {
  twin::TwinOptions settings = twin::twin_options();
  settings.check_races = options.check == "races";
  twin::set_twin_options(settings);
  return make_twin_backend(model, kernel_options(options));
}

/// With --kernel: the graph that those kernels run, by an implementation that shares nothing with them.
std::unique_ptr<Backend> make_oracle(const RunOptions& options, const Model& model) {
  if (options.kernels.empty()) return make_oracle_backend(model, options.threads);
  if (model.config.dtype != DType::bf16)
    throw BackendError("plumbline run: --kernel needs a bf16 model, as the kernels do",
                       {"config.json says " + std::string(dtype_name(model.config.dtype))}, "leave --kernel out");
  return make_oracle_backend(model, options.threads, graph_as_run(model.graph, kernel_options(options)));
}

BackendStatus torch_status() {
#ifdef PLUMBLINE_RUN_TORCH
  const std::string problem = torch_device_problem("cuda");
  return {"torch", true,
          torch_version() + "; devices: cpu" + (problem.empty() ? ", cuda" : " (cuda: " + problem + ")")};
#else
  return {"torch", false, "no Python with torch was found when this was built: scripts/setup.sh installs it"};
#endif
}

#ifdef PLUMBLINE_RUN_CUDA
std::string one_line(std::string text) {
  for (size_t at = text.find("\n  "); at != std::string::npos; at = text.find("\n  ", at)) text.replace(at, 3, "; ");
  return text;
}
#endif

BackendStatus cuda_status() {
  const std::vector<std::string> gpus = gpu_names();
#ifdef PLUMBLINE_RUN_CUDA
  if (gpus.empty())
    return {"cuda", false,
            "the kernels are compiled in, but the driver offers no GPU: backend twin runs the same kernels"};
  try {
    require_gpu();
  } catch (const BackendError& error) {
    return {"cuda", false, one_line(error.what())};
  }
  return {"cuda", true, gpus.front()};
#else
  return {"cuda", false,
          gpus.empty() ? "no nvcc when this was built, and no GPU here: backend twin runs the same kernels"
                       : "no nvcc when this was built (GPU here: " + gpus.front() + ")"};
#endif
}

void check_kernel_faults(const RunOptions& options, const Model& model) {
  if (model.kernel_faults.empty() || options.backend == "twin" || options.backend == "cuda") return;
  const KernelFault& fault = model.kernel_faults.front();
  throw UsageError("plumbline run: the fault '" + fault.name + "' is a defect of a kernel, and backend " +
                       options.backend + " runs none",
                   {"op        " + fault.op, "backends  twin, cuda"}, "plant it with --backend twin");
}

/// Of that one alone: to ask for another's GPU takes time and memory there.
BackendStatus status_of(const std::string& backend) {
  if (backend == "torch") return torch_status();
  if (backend == "cuda") return cuda_status();
  if (backend == "twin") return {backend, true, "the CUDA kernels' own source on the CPU, bit for bit"};
  return {"oracle", true, "f64 with the roundings that each op's contract declares"};
}

}  // namespace

std::vector<BackendStatus> backend_statuses() {
  return {status_of("torch"), status_of("twin"), status_of("cuda"), status_of("oracle")};
}

void require_backend(const RunOptions& options) {
  if (const BackendStatus status = status_of(options.backend); !status.available)
    throw BackendError("plumbline run: backend " + status.name + " is not available", {status.detail},
                       "--list-backends shows what this build has");
#ifdef PLUMBLINE_RUN_TORCH
  if (options.backend == "torch") require_torch_device(options.device);
#endif
#ifdef PLUMBLINE_RUN_CUDA
  if (options.backend == "cuda") require_gpu(kernel_options(options));
#endif
}

std::unique_ptr<Backend> make_backend(const RunOptions& options, const Model& model) {
  check_kernel_faults(options, model);
  require_backend(options);
  require_bf16(options, model);
#ifdef PLUMBLINE_RUN_TORCH
  if (options.backend == "torch")
    return make_torch_backend(model, {.device = options.device,
                                      .threads = options.threads,
                                      .sdpa = options.attention == "sdpa",
                                      .batch = options.batch});
#endif
#ifdef PLUMBLINE_RUN_CUDA
  if (options.backend == "cuda") return make_cuda_backend(model, kernel_options(options));
#endif
  if (options.backend == "twin") return make_twin(options, model);
  return make_oracle(options, model);
}

}  // namespace plumbline::run
