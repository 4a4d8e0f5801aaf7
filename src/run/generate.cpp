// SPDX-License-Identifier: Apache-2.0
// Loads, decodes, shows.
#include "run/generate.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>

#include "core/printable.h"
#include "model/cast.h"
#include "model/text_codec.h"
#include "run/backends.h"
#include "run/feed.h"
#include "run/generate_options.h"
#include "run/generate_report.h"
#include "run/read_text.h"
#include "run/say.h"
#include "run/stop_tokens.h"
#include "run/text_stream.h"

#include <plumbline/error.h>

namespace plumbline::run {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_between(Clock::time_point from, Clock::time_point to) {
  return std::chrono::duration<double>(to - from).count();
}

/// One side's model: cast and faulty as its options say.
Model side_model(const RunOptions& side, Generated& run) {
  Model model = load_model(side.model);
  if (!side.dtype.empty())
    if (const auto cast = cast_weights(model, *parse_dtype(side.dtype)); cast && run.notes.empty())
      run.notes.push_back(describe(*cast));
  for (const std::string& fault : side.faults) apply_fault(model, fault);
  if (!model.faults.empty()) run.faults = model.faults;
  return model;
}

TokenText naming(const TextCodecPtr& tokenizer) {
  return [&tokenizer](int64_t id) {
    return tokenizer ? fmt::format("{} {}", id, quoted(tokenizer->decode({id}))) : std::to_string(id);
  };
}

/// Text for a terminal must not steer it; a file or a pipe gets the bytes as they are.
std::string for_output(const std::string& part) { return ::isatty(STDOUT_FILENO) == 1 ? printable_lines(part) : part; }

bool is_stop(const StopTokens& stop, int64_t token) {
  return std::find(stop.ids.begin(), stop.ids.end(), token) != stop.ids.end();
}

/// Decodes, and shows each token as it is chosen unless everything goes into one report at the end.
void decode_into(Generated& run, const GenerateOptions& options, const Model& model, const Feed& feed, Backend& backend,
                 const TextCodecPtr& tokenizer, bool shown) {
  const StopTokens stop = stop_tokens(model);
  TextStream stream(tokenizer ? [&tokenizer](const std::vector<int64_t>& ids) { return tokenizer->decode(ids); }
                              : TextStream::Decode(),
                    feed.tokens());
  const auto start = Clock::now();
  auto first = start, last = start;
  DecodePlan plan{feed.steps, options.run.new_tokens, stop.ids};
  plan.choose = [&](const TensorView& logits, int64_t number) {
    return choose_token(last_row(logits), options.sampling, number);
  };
  plan.chosen = [&](int64_t token) {
    last = Clock::now();
    if (run.added.empty()) first = last;
    run.added.push_back(token);
    if (is_stop(stop, token)) return;
    const std::string part = stream.add(token);
    if (shown && !part.empty()) say(for_output(part));
  };
  NullSink nothing;
  run.stopped = decode(backend, plan, nothing).stopped;
  const std::string rest = stream.finish();
  if (shown) say(for_output(rest) + "\n");
  run.given = feed.tokens();
  if (tokenizer) run.given_text = tokenizer->decode(run.given);
  if (tokenizer) run.added_text = stream.text();
  run.prompt_seconds = seconds_between(start, first);
  run.token_seconds = seconds_between(first, last);
}

int generate(const GenerateOptions& options) {
  Generated run;
  const RunOptions side = side_options(options, options.run.backend, false);
  const Model model = side_model(side, run);
  const TextCodecPtr tokenizer = text_codec_or_none(model.directory);
  const Feed feed = make_feed(side, model);
  const auto backend = make_backend(side, model);
  decode_into(run, options, model, feed, *backend, tokenizer, !options.run.json);
  if (options.run.json)
    say(generated_json(options, run));
  else
    std::fputs(generated_text(run, naming(tokenizer)).c_str(), stderr);
  return 0;
}

int compare(const GenerateOptions& options) {
  Generated run;
  const RunOptions left = side_options(options, options.run.backend, false);
  const RunOptions right = side_options(options, options.against, true);
  require_backend(left);  // before minutes of loading and running
  require_backend(right);
  const Model model = side_model(left, run);
  std::optional<Model> faulty;
  if (!right.faults.empty()) faulty = side_model(right, run);
  const TextCodecPtr tokenizer = text_codec_or_none(model.directory);
  const Feed feed = make_feed(left, model);
  const auto reference = make_backend(left, model), candidate = make_backend(right, faulty ? *faulty : model);
  ForcedPair pair(*reference, *candidate);
  decode_into(run, options, model, feed, pair, tokenizer, false);
  say(options.run.json ? comparison_json(options, run, pair.comparison())
                       : comparison_text(options, run, pair.comparison(), naming(tokenizer)));
  return pair.comparison().status();
}

}  // namespace

int generate_program(int argc, char** argv) {
  ParsedGenerateOptions parsed = parse_generate_options(argc, argv);
  if (parsed.finished) {
    say(*parsed.finished);
    return 0;
  }
  GenerateOptions& options = parsed.options;
  if (!options.prompt_file.empty())
    options.run.prompt = read_text(options.prompt_file, "prompt file", "--prompt-file wants a readable file of text");
  return options.against.empty() ? generate(options) : compare(options);
}

}  // namespace plumbline::run
