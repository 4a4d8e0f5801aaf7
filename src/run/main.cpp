// SPDX-License-Identifier: Apache-2.0
// plumbline-run: one model, one backend, one trace. Exit status 0: the trace is there and whole; 2: anything else.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>

#include "core/printable.h"
#include "core/process_start.h"
#include "core/progress.h"
#include "run/audit_warning.h"
#include "run/backends.h"
#include "run/decode.h"
#include "run/feed.h"
#include "run/generate.h"
#include "run/interruption.h"
#include "run/options.h"
#include "run/order.h"
#include "run/progress_sink.h"
#include "run/report.h"
#include "run/say.h"
#include "run/selection.h"
#include "run/stop_tokens.h"
#include "run/trace_header.h"
#include "run/writer_thread.h"

#include <plumbline/error.h>
#include <plumbline/trace.h>

namespace plumbline::run {
namespace {

constexpr int kExitError = 2;
// In place of a verb, as a model may be called order.
constexpr std::string_view kOrder = "--order", kGenerate = "--generate";

/// What the writer would refuse after minutes of loading is refused at once. Nothing is removed yet.
void check_output(const RunOptions& options) {
  using std::filesystem::file_type;
  const std::string name = options.output.string();
  const auto type = [](const std::filesystem::path& file) {
    std::error_code unknown;  // the writer says why
    return std::filesystem::symlink_status(file, unknown).type();
  };
  if (options.output.has_parent_path() && type(options.output.parent_path() / ".") != file_type::directory)
    throw UsageError("plumbline run: no directory " + options.output.parent_path().string() + " for -o", {},
                     "make it first");
  if (type(name) == file_type::directory)
    throw UsageError("plumbline run: -o " + name + " is a directory", {}, "give the name of a file in it");
  if (options.force) return;
  if (type(name) != file_type::not_found && type(name) != file_type::none)
    throw UsageError("plumbline run: " + name + " exists", {}, "--force replaces it");
  if (type(name + ".part") == file_type::regular)
    throw UsageError("plumbline run: " + name + ".part exists: that run is under way or was interrupted", {},
                     "`plumbline recover " + name + ".part -o FILE` saves what it holds; --force drops it");
}

struct Recorded {
  Decoded decoded;
  RunSummary summary;
};

/// Runs the steps and leaves the trace, whole and under its own name. A backend that hands out taps ahead of their
/// values gets a thread beside it that waits for them and writes.
Recorded record(const RunOptions& options, const Model& model, const std::optional<WeightCast>& cast, const Feed& feed,
                Backend& backend, const TapPaths& taps) {
  const StopTokens stop = stop_tokens(model);
  TraceWriter writer(options.output, make_header(options, model, feed, stop, backend, cast),
                     {.replace = options.force});
  const Interruption interruption(options.output);
  const auto steps = static_cast<int64_t>(feed.steps.size()) + std::max<int64_t>(options.new_tokens - 1, 0);
  const DecodePlan plan{feed.steps, options.new_tokens, stop.ids};
  const bool ahead = backend.capture().has_value();
  Recorded run;
  run.summary.cast = cast;
  {
    ProgressSink progress(writer, steps, steps * static_cast<int64_t>(taps.size()));
    ReducedTaps reduced(progress);
    SelectedTaps sink(asks_for_statistics(options.taps) ? static_cast<TapSink&>(reduced) : progress, taps);
    if (ahead) {
      WriterThread writing(sink);
      run.decoded = decode(backend, plan, writing);
      writing.finish([&] { writer.finish(); });
    } else {
      run.decoded = decode(backend, plan, sink);
    }
    run.summary.taps = progress.taps();
    run.summary.bytes = progress.bytes();
    run.summary.recording_seconds = progress.seconds();
    run.summary.capture = backend.capture();
  }
  if (ahead) return run;  // twin and GPU have verified their taps themselves, in each step and the caches too
  if (options.verify_taps) verify_without_taps(*make_backend(options, model), run.decoded);
  writer.finish();
  return run;
}

int run_model(const RunOptions& options) {
  const auto start = std::chrono::steady_clock::now();
  check_output(options);
  Model model = load_model(options.model);
  if (options.audit) warn_of_checkpoint(options.model, options.threads);
  const std::optional<WeightCast> cast =
      options.dtype.empty() ? std::nullopt : cast_weights(model, *parse_dtype(options.dtype));
  for (const std::string& fault : options.faults) apply_fault(model, fault);
  const Feed feed = make_feed(options, model);
  const auto backend = make_backend(options, model);
  const TapPaths taps = selected_taps(options.taps, backend->graph());
  Recorded run = record(options, model, cast, feed, *backend, taps);
  if (run.decoded.first_nan_step >= 0)
    fmt::print(stderr, "plumbline run: the logits of step {} hold NaN\n", run.decoded.first_nan_step);
  run.summary.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  const auto report = options.json ? json_report : text_report;
  say(report(options, model, feed, run.decoded, run.summary), "the trace " + options.output.string() + " is whole");
  return 0;
}

/// LibTorch's OpenMP threads spin while they wait for each other, which on a busy machine makes small models many times
/// slower. The policy is read when the library is loaded, before main: hence a second start. It moves no bit.
void wait_without_spinning(bool torch, char** argv) {
  constexpr const char* kPolicy = "OMP_WAIT_POLICY";
  if (!torch || std::getenv(kPolicy) != nullptr) return;
  if (setenv(kPolicy, "passive", 0) == 0) execv("/proc/self/exe", argv);  // returns only if it failed: go on spinning
}

int run_program(int argc, char** argv) {
  start_process();
  show_progress(true);
  // Progress goes to a pipe whose reader may leave (2>&1 | head): no reason to abandon the trace.
  std::signal(SIGPIPE, SIG_IGN);
  if (argc > 1 && std::string_view(argv[1]) == kOrder) {
    wait_without_spinning(true, argv);  // the backend may be any
    return order_program(argc - 1, argv + 1);
  }
  if (argc > 1 && std::string_view(argv[1]) == kGenerate) {
    wait_without_spinning(true, argv);
    return generate_program(argc - 1, argv + 1);
  }
  const ParsedOptions parsed = parse_options(argc, argv);
  if (parsed.finished) {
    say(*parsed.finished);
    return 0;
  }
  if (parsed.options.list_backends) {
    say(backends_report(backend_statuses(), parsed.options.json));
    return 0;
  }
  wait_without_spinning(parsed.options.backend == "torch", argv);
  return run_model(parsed.options);
}

}  // namespace
}  // namespace plumbline::run

int main(int argc, char** argv) {
  try {
    return plumbline::run::run_program(argc, argv);
  } catch (const std::bad_alloc&) {
    std::fputs("plumbline run: out of memory\n  fewer tokens, fewer --taps, or a smaller model\n", stderr);
  } catch (const std::exception& error) {
    fmt::print(stderr, "{}\n", plumbline::printable_lines(error.what()));
  }
  return plumbline::run::kExitError;
}
