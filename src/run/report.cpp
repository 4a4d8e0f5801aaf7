// SPDX-License-Identifier: Apache-2.0
// Two layouts of the same few facts.
#include "run/report.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <optional>

#include "core/printable.h"
#include "model/text_codec.h"
#include "run/selection.h"

#include <plumbline/error.h>

namespace plumbline::run {
namespace {

std::string shown(const TextCodecPtr& tokenizer, const std::vector<int64_t>& ids) {
  return tokenizer ? quoted(tokenizer->decode(ids)) : fmt::format("[{}]", fmt::join(ids, ", "));
}

/// "256 MiB", "3 KiB", "100 bytes"
std::string binary_size(int64_t bytes) {
  if (bytes % (int64_t{1} << 20) == 0) return fmt::format("{} MiB", bytes >> 20);
  if (bytes % (int64_t{1} << 10) == 0) return fmt::format("{} KiB", bytes >> 10);
  return fmt::format("{} bytes", bytes);
}

std::string ending(const RunOptions& options, const Decoded& run) {
  if (!run.stopped) return "";
  return fmt::format("ended         at end-of-text token {} after {} of {} new tokens\n", run.generated.back(),
                     run.generated.size(), options.new_tokens);
}

/// Beside the line of the trace, whose seconds of writing passed while the backend went on.
std::string capture_line(const CaptureCounts& counts) {
  return fmt::format("capture       ring of {}, {:.1f} MiB through it, {} stalls ({:.2f} s){}\n",
                     binary_size(counts.ring_bytes), static_cast<double>(counts.bytes) / 0x1p20, counts.stalls,
                     counts.stall_seconds,
                     counts.oversized == 0 ? "" : fmt::format(", {} taps larger than it", counts.oversized));
}

nlohmann::json capture_json(const CaptureCounts& counts) {
  return {{"ring_bytes", counts.ring_bytes}, {"taps", counts.taps},     {"bytes", counts.bytes},
          {"oversized", counts.oversized},   {"stalls", counts.stalls}, {"stall_seconds", counts.stall_seconds}};
}

}  // namespace

std::string text_report(const RunOptions& options, const Model& model, const Feed& feed, const Decoded& run,
                        const RunSummary& summary) {
  const std::vector<int64_t> given = feed.tokens();
  const TextCodecPtr tokenizer = text_codec_or_none(model.directory);
  std::string out = fmt::format("prompt        {} tokens  {}\n", given.size(), shown(tokenizer, given));
  if (options.new_tokens > 0)
    out += fmt::format("continuation  {} tokens  {}\n", run.generated.size(), shown(tokenizer, run.generated));
  out += ending(options, run);
  if (summary.cast) out += "cast          " + describe(*summary.cast) + "\n";
  for (const std::string& fault : model.faults) out += "fault         " + printable_text(fault) + "\n";
  if (summary.capture) out += capture_line(*summary.capture);
  if (asks_for_statistics(options.taps))
    out += "taps          statistics in place of values: `plumbline show` prints them, nothing to compare\n";
  if (summary.taps == 0) out += "taps          none recorded: the trace holds the tokens, and nothing to compare\n";
  return out +
         fmt::format(
             "trace         {}: backend {}, {} steps, {} taps, {:.1f} MiB, {:.2f} s ({:.2f} s of it writing taps)\n",
             printable_text(options.output.string()), options.backend, run.steps.size(), summary.taps,
             static_cast<double>(summary.bytes) / 0x1p20, summary.seconds, summary.recording_seconds);
}

std::string json_report(const RunOptions& options, const Model& model, const Feed& feed, const Decoded& run,
                        const RunSummary& summary) {
  const std::vector<int64_t> given = feed.tokens();
  nlohmann::json out = {{"file", options.output.string()},
                        {"backend", options.backend},
                        {"prompt_ids", given},
                        {"continuation_ids", run.generated},
                        {"ended_at_eos", run.stopped},
                        {"steps", run.steps.size()},
                        {"taps", summary.taps},
                        {"bytes", summary.bytes},
                        {"seconds", summary.seconds},
                        {"recording_seconds", summary.recording_seconds},
                        {"dtype", dtype_name(model.config.dtype)},
                        {"faults", model.faults}};
  if (summary.capture) out["capture"] = capture_json(*summary.capture);
  if (summary.cast) out["cast"] = describe(*summary.cast);
  if (const TextCodecPtr tokenizer = text_codec_or_none(model.directory)) {
    out["prompt"] = tokenizer->decode(given);
    out["continuation"] = tokenizer->decode(run.generated);
  }
  return out.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

std::string backends_report(const std::vector<BackendStatus>& statuses, bool json) {
  nlohmann::json list = nlohmann::json::array();
  std::string text;
  for (const BackendStatus& status : statuses) {
    list.push_back({{"name", status.name}, {"available", status.available}, {"detail", status.detail}});
    text += fmt::format("{:<7} {:<8} {}\n", status.name, status.available ? "ready" : "missing", status.detail);
  }
  return json ? nlohmann::json{{"backends", list}}.dump() + "\n" : text;
}

}  // namespace plumbline::run
