// SPDX-License-Identifier: Apache-2.0
// capture_speed MODEL [--backend cuda|twin] [--tokens N] [--steps N] [--repeats N] [--ring BYTES] [--numerics N]
//               [--checked 0|1]: what taps cost a forward pass while the disk is no obstacle. Prefill and decode steps
// with no tap, with the statistics of all, with what ops hand on, and with all of them, into a sink that drops them on
// a thread of its own; beside the times the measured rate of one large copy, and max(time without taps, bytes / rate),
// as JSON on stdout. A time is the host's: of a prefill from the call until the sink has every tap; of a decode step a
// share of a run of them, from the first call until the sink has every tap of the last, one step behind the prefill
// (the one that is recorded) left out. The choices take turns. Exit 2: it cannot run. Judges nothing.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include <plumbline/error.h>

#include "cuda/pipeline/pipeline.h"
#include "kernel/pipeline/copy_rate.h"
#include "run/selection.h"
#include "run/writer_thread.h"

namespace plumbline {
namespace {

constexpr const char* kUsage =
    "usage: capture_speed MODEL [--backend cuda|twin] [--tokens N] [--steps N] [--repeats N] [--ring BYTES] "
    "[--numerics N] [--checked 0|1]";

constexpr const char* kChoices[] = {"none", "stats", "outputs", "all"};

struct Arguments {
  std::string model, backend = "cuda";
  int64_t tokens = 512, steps = 64, repeats = 9;
  KernelOptions options;
};

class Dropping final : public TapSink {
 public:
  bool wants(std::string_view) const override { return true; }
  void begin_step(const Step&) override {}
  void record(const TapSpec&, const TensorView& values) override {
    ++taps;
    bytes += static_cast<int64_t>(values.byte_size());
  }
  int64_t taps = 0, bytes = 0;
};

Arguments parse(int count, char** values) {
  Arguments arguments;
  bool known = count >= 2 && count % 2 == 0;
  if (known) arguments.model = values[1];
  for (int i = 2; known && i + 1 < count; i += 2) {
    const std::string name = values[i], value = values[i + 1];
    const int64_t number = std::atoll(value.c_str());
    if (name == "--backend") {
      arguments.backend = value;
    } else if (name == "--tokens") {
      arguments.tokens = number;
    } else if (name == "--steps") {
      arguments.steps = number;
    } else if (name == "--repeats") {
      arguments.repeats = number;
    } else if (name == "--ring") {
      arguments.options.ring_bytes = static_cast<size_t>(number);
    } else if (name == "--numerics") {
      arguments.options.numerics = value;
    } else if (name == "--checked") {
      arguments.options.checked = number != 0;
    } else {
      known = false;
    }
  }
  if (!known || arguments.tokens < 1 || arguments.steps < 1 || arguments.repeats < 1)
    throw UsageError("capture_speed: wrong arguments", {}, kUsage);
  return arguments;
}

std::unique_ptr<Backend> backend_of(const Arguments& arguments, const Model& model) {
  if (arguments.backend == "twin") return make_twin_backend(model, arguments.options);
#ifdef PLUMBLINE_CAPTURE_SPEED_CUDA
  if (arguments.backend == "cuda") return make_cuda_backend(model, arguments.options);
#endif
  throw UsageError("capture_speed: no backend '" + arguments.backend + "' in this build", {}, kUsage);
}

double rate_of(const Arguments& arguments) {
  constexpr size_t kBytes = size_t{256} << 20;
#ifdef PLUMBLINE_CAPTURE_SPEED_CUDA
  if (arguments.backend == "cuda") return cuda::copy_rate(kBytes);
#endif
  return twin::copy_rate(kBytes);
}

/// Of one kind of pass, one entry a pass.
struct Times {
  std::vector<double> returned, arrived;  ///< seconds until the logits are there; until the sink has every tap
  int64_t taps = 0, bytes = 0;            ///< of one pass
  int64_t stalls = 0, oversized = 0;      ///< of all together
  double stall_seconds = 0.0;
};

/// Passes one behind the other; the times are shares of all.
void time_passes(Backend& backend, const std::vector<Step>& steps, const run::TapPaths& paths, Times& times) {
  Dropping dropping;
  run::SelectedTaps selected(dropping, paths);
  run::WriterThread writing(selected);
  const CaptureCounts before = *backend.capture();
  const auto start = std::chrono::steady_clock::now();
  const auto share = [&] {
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    return seconds / static_cast<double>(steps.size());
  };
  for (const Step& step : steps) backend.forward(step, writing);
  times.returned.push_back(share());
  writing.finish([] {});
  times.arrived.push_back(share());
  times.taps = dropping.taps / static_cast<int64_t>(steps.size());
  times.bytes = dropping.bytes / static_cast<int64_t>(steps.size());
  const CaptureCounts after = *backend.capture();
  times.stalls += after.stalls - before.stalls;
  times.oversized += after.oversized - before.oversized;
  times.stall_seconds += after.stall_seconds - before.stall_seconds;
}

/// A prefill, a step that is recorded, and `count` more.
void time_decode(Backend& backend, const Step& prefill, int64_t count, const run::TapPaths& paths, Times& times) {
  Times untimed;
  const auto position = static_cast<int64_t>(prefill.tokens.size());
  time_passes(backend, {prefill}, paths, untimed);
  time_passes(backend, {{1, position, {1}}}, paths, untimed);
  std::vector<Step> steps;
  for (int64_t i = 1; i <= count; ++i) steps.push_back({i + 1, position + i, {1}});
  time_passes(backend, steps, paths, times);
}

std::vector<int64_t> tokens_of(int64_t count, int64_t vocabulary) {
  std::vector<int64_t> tokens;
  for (int64_t i = 0; i < count; ++i) tokens.push_back((i * i * 7 + i * 31 + 5) % std::min<int64_t>(vocabulary, 256));
  return tokens;
}

nlohmann::json spread(std::vector<double> seconds) {
  std::sort(seconds.begin(), seconds.end());
  return {{"median", seconds[seconds.size() / 2]}, {"min", seconds.front()}, {"max", seconds.back()}};
}

double median_of(const std::vector<double>& seconds) { return spread(seconds)["median"]; }

nlohmann::json told(const Times& times, double without, double rate) {
  const nlohmann::json seconds = spread(times.arrived);
  const double bound = std::max(without, static_cast<double>(times.bytes) / rate), median = seconds["median"];
  return {{"taps", times.taps},
          {"bytes", times.bytes},
          {"seconds", seconds},
          {"seconds_until_logits", spread(times.returned)},
          {"of_time_without_taps", median / without},
          {"bound_seconds", bound},
          {"of_bound", median / bound},
          {"stalls", times.stalls},
          {"stall_seconds", times.stall_seconds},
          {"oversized", times.oversized}};
}

nlohmann::json measured(const Arguments& arguments) {
  const Model model = load_model(arguments.model);
  const auto backend = backend_of(arguments, model);
  const double rate = rate_of(arguments);
  Arguments reducing = arguments;
  reducing.options.statistics = true;
  const auto reduced = backend_of(reducing, model);
  nlohmann::json out = {
      {"device", backend->description()},     {"model", std::filesystem::path(arguments.model).filename().string()},
      {"tokens", arguments.tokens},           {"steps", arguments.steps},
      {"repeats", arguments.repeats},         {"ring_bytes", arguments.options.ring_bytes},
      {"checked", arguments.options.checked}, {"copy_bytes_per_second", rate}};
  const Step prefill{0, 0, tokens_of(arguments.tokens, model.config.vocab)};
  std::map<std::string, Times> prefills, decodes;
  for (int64_t round = -1; round < arguments.repeats; ++round) {  // in turns: a slow moment of the host is everybody's
    for (const std::string choice : kChoices) {
      Backend& runs = choice == "stats" ? *reduced : *backend;
      const run::TapPaths paths = run::selected_taps({choice}, runs.graph());
      Times warm;
      time_passes(runs, {prefill}, paths, round < 0 ? warm : prefills[choice]);
      time_decode(runs, prefill, arguments.steps, paths, round < 0 ? warm : decodes[choice]);
    }
  }
  for (const std::string choice : kChoices) {
    out["prefill"][choice] = told(prefills[choice], median_of(prefills["none"].arrived), rate);
    out["decode"][choice] = told(decodes[choice], median_of(decodes["none"].arrived), rate);
  }
  return out;
}

}  // namespace
}  // namespace plumbline

int main(int count, char** values) {
  try {
    std::printf("%s\n", plumbline::measured(plumbline::parse(count, values)).dump(1).c_str());
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 2;
  }
}
