// SPDX-License-Identifier: Apache-2.0
// Invariant: forward.h.
#include "bench/forward.h"

#include <algorithm>
#include <cstring>
#include <stdexcept>

#include "bench/timing.h"
#include "cuda/pipeline/pipeline.h"
#include "reference/torch_backend.h"

namespace plumbline::bench {
namespace {

const std::string kTheirBits = "torch/sm90";

Step prompt_of(const Model& model, int64_t tokens) {
  Step step;
  for (int64_t i = 0; i < tokens; ++i) step.tokens.push_back((i * i * 7 + i * 31 + 5) % model.config.vocab);
  return step;
}

std::unique_ptr<KernelsBackend> ours_of(const Model& model, const std::string& numerics = kTheirBits) {
  return make_cuda_backend(model, {.numerics = numerics, .checked = false});
}

/// LibTorch's own greedy continuation: the tokens, and the seconds of each step until its token is known.
std::vector<int64_t> eager_tokens(const Model& model, const Step& prompt, int64_t count, std::vector<double>& times) {
  const auto torch = make_torch_backend(model, {.device = "cuda"});
  int64_t token = torch->next_token(prompt);
  Step step = prompt;
  std::vector<int64_t> tokens;
  while (static_cast<int64_t>(tokens.size()) < count) {
    step = {step.index + 1, step.first_position + static_cast<int64_t>(step.tokens.size()), {token}};
    times.push_back(seconds_of(1, [&] { token = torch->next_token(step); }).front());
    tokens.push_back(token);
  }
  return tokens;
}

}  // namespace

nlohmann::json decode_entry(const Model& model, const std::string& numerics, int64_t prompt, int64_t count) {
  const Step given = prompt_of(model, prompt);
  std::vector<double> eager_seconds;
  const int64_t compared = std::min<int64_t>(count, 32);
  const std::vector<int64_t> expected = eager_tokens(model, given, compared, eager_seconds);
  const auto ours = ours_of(model, numerics);
  std::vector<double> rates;
  std::vector<int64_t> tokens;
  for (int repeat = 0; repeat < 6; ++repeat) {
    const int64_t first = ours->next_token(given);
    ours->generate(first, 1);  // what it records and allocates for the first time
    ours->next_token(given);
    const double seconds = seconds_of(1, [&] { tokens = ours->generate(first, count); }).front();
    if (repeat > 0) rates.push_back(static_cast<double>(count) / seconds);
  }
  const int64_t equal = std::ranges::mismatch(expected, tokens).in1 - expected.begin();
  if (numerics == kTheirBits && equal != compared) throw std::runtime_error("decode: other tokens than LibTorch eager");
  const nlohmann::json rate = spread(rates), eager = spread(eager_seconds);
  return {{"part", "decode"},
          {"prompt", prompt},
          {"count", count},
          {"tokens_per_second", rate},
          {"numerics", numerics},
          {"tokens_compared", compared},
          {"tokens_equal", equal},
          {"eager_cpp_seconds", eager},
          {"eager_cpp_tokens_per_second", 1 / median(eager)},
          {"speedup_over_eager_cpp", median(rate) * median(eager)}};
}

nlohmann::json prefill_entry(const Model& model, int64_t tokens) {
  const Step step = prompt_of(model, tokens);
  NullSink nothing;
  const auto ours = ours_of(model);
  const auto torch = make_torch_backend(model, {.device = "cuda"});
  const Tensor actual = ours->forward(step, nothing), expected = torch->forward(step, nothing);
  if (actual.byte_size() != expected.byte_size() ||
      std::memcmp(actual.data(), expected.data(), actual.byte_size()) != 0)
    throw std::runtime_error("prefill: other logits than LibTorch eager");
  int64_t chosen = ours->next_token(step), theirs_chosen = torch->next_token(step);
  const nlohmann::json mine = spread(seconds_of(20, [&] { chosen = ours->next_token(step); })),
                       theirs = spread(seconds_of(20, [&] { theirs_chosen = torch->next_token(step); }));
  if (chosen != theirs_chosen) throw std::runtime_error("prefill: another token than LibTorch eager");
  return {{"part", "prefill"},
          {"tokens", tokens},
          {"logits_compared", actual.count()},
          {"logits_differing", 0},
          {"seconds", mine},
          {"eager_cpp_seconds", theirs},
          {"speedup_over_eager_cpp", median(theirs) / median(mine)}};
}

}  // namespace plumbline::bench
