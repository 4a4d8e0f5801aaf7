// SPDX-License-Identifier: Apache-2.0
// Gathers the header from model, options, backend and the system.
#include "run/trace_header.h"

#include <sys/utsname.h>
#include <unistd.h>

#include <chrono>
#include <ctime>
#include <fstream>
#include <random>
#include <thread>

#include "core/progress.h"
#include "run/gpu.h"
#ifdef PLUMBLINE_RUN_TORCH
#include "reference/torch_backend.h"
#endif

namespace plumbline::run {
namespace {

std::string utc_now() {
  const std::time_t now = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now());
  std::tm parts{};
  gmtime_r(&now, &parts);
  char text[sizeof "2025-01-01T00:00:00Z"];
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
  return text;
}

/// 128 random bits as hex: tells two runs of one command apart.
std::string random_id() {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::random_device source;
  std::string id;
  for (int i = 0; i < 32; ++i) id += kDigits[source() % 16];
  return id;
}

/// "model name" of the first processor; empty where the system does not say.
std::string processor_name() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);)
    if (line.starts_with("model name")) {
      const size_t colon = line.find(": ");
      return colon == std::string::npos ? "" : line.substr(colon + 2);
    }
  return "";
}

std::string system_name() {
  utsname names{};
  if (uname(&names) != 0) return "";
  return std::string(names.sysname) + " " + names.release + " " + names.machine;
}

std::string compiler_name() {
#ifdef __clang__
  return __VERSION__;
#else
  return std::string("GCC ") + __VERSION__;
#endif
}

std::string joined(const std::vector<int64_t>& ids) {
  std::string all;
  for (const int64_t id : ids) all += (all.empty() ? "" : " ") + std::to_string(id);
  return all;
}

std::string joined(const std::vector<std::string>& parts) {
  std::string all;
  for (const std::string& part : parts) all += (all.empty() ? "" : " ") + part;
  return all;
}

bool on_gpu(const RunOptions& options) {
  return options.backend == "cuda" || (options.backend == "torch" && options.device == "cuda");
}

std::map<std::string, std::string> environment(const RunOptions& options, const Model& model, const StopTokens& stop,
                                               const Backend& backend, const std::optional<WeightCast>& cast) {
  std::map<std::string, std::string> entries = {
      {"backend.description", backend.description()},
      {"threads", options.threads == 0 ? "default" : std::to_string(options.threads)},
      {"processors", std::to_string(std::thread::hardware_concurrency())},
      {"cpu", processor_name()},
      {"system", system_name()},
      {"compiler", compiler_name()},
      {"new_tokens", std::to_string(options.new_tokens)},
      {"taps", joined(options.taps)},
      {"dtype", std::string(dtype_name(model.config.dtype))},
      {"checkpoint.dtype", std::string(dtype_name(cast ? cast->from : model.config.dtype))},
  };
  if (cast) entries["cast"] = describe(*cast);
  if (!stop.ids.empty()) entries["eos"] = joined(stop.ids) + " (" + stop.source + ")";
  if (!options.kernels.empty()) entries["kernel"] = joined(options.kernels);
  if (on_gpu(options)) entries.merge(gpu_environment());
  if (options.backend == "twin" || options.backend == "cuda") entries["numerics"] = options.numerics;
#ifdef PLUMBLINE_RUN_TORCH
  if (options.backend == "torch") entries["libtorch"] = torch_version();
#endif
  if (options.backend == "torch") {
    entries["attention"] = options.attention.empty() ? "eager" : options.attention;
    entries["batch"] = std::to_string(options.batch);
  }
  if (!options.check.empty()) entries["check"] = options.check;
  if (options.verify_taps) entries["verify_taps"] = "logits bit-equal without taps";
  return entries;
}

std::map<std::string, std::string> parameter_digests(const Model& model) {
  int64_t bytes = 0;
  for (const auto& [name, tensor] : model.parameters) bytes += static_cast<int64_t>(tensor.byte_size());
  Progress progress("digests of the parameters", bytes);
  std::map<std::string, std::string> digests;
  for (const auto& [name, tensor] : model.parameters) {
    digests[name] = digest(tensor.view());
    progress.advance(static_cast<int64_t>(tensor.byte_size()));
  }
  return digests;
}

}  // namespace

TraceHeader make_header(const RunOptions& options, const Model& model, const Feed& feed, const StopTokens& stop,
                        const Backend& backend, const std::optional<WeightCast>& cast) {
  TraceHeader header;
  header.run_id = random_id();
  header.producer = "plumbline-run";
  header.producer_version = PLUMBLINE_VERSION;
  header.created_utc = utc_now();
  header.backend = options.backend;
  header.device = options.backend == "cuda" ? "cuda" : options.device;
  header.model_directory = std::filesystem::absolute(model.directory).lexically_normal().string();
  header.architecture = model.config.architecture;
  header.config_json = model.config.json;
  header.graph_json = to_json(backend.graph());
  for (const FileDigest& file : model.files) header.files[file.name] = file.xxh3 + " " + std::to_string(file.bytes);
  header.parameters = parameter_digests(model);
  header.environment = environment(options, model, stop, backend, cast);
  header.faults = model.faults;
  header.prompt = feed.prompt;
  return header;
}

}  // namespace plumbline::run
