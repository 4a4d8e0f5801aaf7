// SPDX-License-Identifier: Apache-2.0
// Three sources of tokens, one division into steps.
#include "run/feed.h"

#include <algorithm>
#include <charconv>
#include <fstream>

#include <plumbline/error.h>
#include <plumbline/trace.h>

#include "core/printable.h"
#include "model/text_codec.h"
#include "run/read_text.h"

namespace plumbline::run {
namespace {

constexpr std::string_view kHdf5Signature = "\x89HDF\r\n\x1a\n";
constexpr std::string_view kSeparators = " \t\r\n,";

/// Only a regular file can be a trace; of everything else not a byte is read here.
bool is_trace(const std::filesystem::path& file) {
  std::error_code unreadable;
  if (!std::filesystem::is_regular_file(file, unreadable)) return false;
  std::ifstream stream(file, std::ios::binary);
  std::string head(kHdf5Signature.size(), '\0');
  stream.read(head.data(), static_cast<std::streamsize>(head.size()));
  return head == kHdf5Signature;
}

Feed replay(const std::filesystem::path& file) {
  const Trace trace = Trace::open(file);
  Feed feed{{}, trace.header().prompt};
  for (const Step& step : trace.steps())
    if (!step.tokens.empty()) feed.steps.push_back(step.tokens);
  if (feed.steps.empty()) throw InputError("plumbline run: trace " + file.string() + " holds no tokens to replay");
  return feed;
}

Feed read_source(const RunOptions& options, const Model& model) {
  if (options.prompt && options.chat)
    return {{chat_tokens(model.directory, *options.prompt, options.system)}, *options.prompt};
  if (options.prompt) return {{load_text_codec(model.directory)->encode(*options.prompt)}, *options.prompt};
  if (is_trace(options.tokens)) return replay(options.tokens);
  const std::string text =
      read_text(options.tokens, "token file",
                "--tokens wants a readable file: a JSON array of ids, ids separated by blanks, or a trace (.h5)");
  if (text.starts_with(kHdf5Signature))
    throw InputError("plumbline run: " + options.tokens.string() + " gives a trace, but is no regular file", {},
                     "give the path of the trace itself");
  return {{parse_token_ids(text, options.tokens.string())}, ""};
}

/// One step of `first` tokens, then one step for each of the rest.
void split(Feed& feed, int64_t first) {
  const std::vector<int64_t> all = feed.tokens();
  if (first > static_cast<int64_t>(all.size()))
    throw InputError("plumbline run: --prefill " + std::to_string(first) + " is longer than the given " +
                     std::to_string(all.size()) + " tokens");
  feed.steps = {{all.begin(), all.begin() + first}};
  for (auto id = all.begin() + first; id != all.end(); ++id) feed.steps.push_back({*id});
}

/// Before anything is recorded: a backend would notice only in the step that holds the id.
void check_ids(const Feed& feed, const ModelConfig& config) {
  const std::vector<int64_t> ids = feed.tokens();
  const auto bad = std::find_if(ids.begin(), ids.end(), [&](int64_t id) { return id < 0 || id >= config.vocab; });
  if (bad == ids.end()) return;
  throw InputError("plumbline run: a token is outside the vocabulary",
                   {"token       " + std::to_string(*bad) + ", number " + std::to_string(bad - ids.begin()) +
                        " (from 0) of " + std::to_string(ids.size()),
                    "vocabulary  0 to " + std::to_string(config.vocab - 1)},
                   "give ids made by this model's tokenizer");
}

void check_length(const Feed& feed, const RunOptions& options, const ModelConfig& config) {
  // The last new token is chosen, not fed.
  const int64_t fed = static_cast<int64_t>(feed.tokens().size()) + std::max<int64_t>(options.new_tokens - 1, 0);
  if (config.max_positions > 0 && fed > config.max_positions)
    throw InputError("plumbline run: more tokens than the model has positions",
                     {"tokens     " + std::to_string(fed), "positions  " + std::to_string(config.max_positions)},
                     "shorten the prompt or lower --new");
}

}  // namespace

std::vector<int64_t> Feed::tokens() const {
  std::vector<int64_t> all;
  for (const auto& step : steps) all.insert(all.end(), step.begin(), step.end());
  return all;
}

std::vector<int64_t> parse_token_ids(const std::string& text, const std::string& source) {
  std::string_view rest = text;
  const auto trim = [&](std::string_view characters) {
    rest.remove_prefix(std::min(rest.find_first_not_of(characters), rest.size()));
    rest.remove_suffix(rest.size() - 1 - std::min(rest.find_last_not_of(characters), rest.size() - 1));
  };
  if (!rest.empty()) trim(" \t\r\n");
  if (rest.size() >= 2 && rest.front() == '[' && rest.back() == ']') rest = rest.substr(1, rest.size() - 2);
  std::vector<int64_t> ids;
  for (size_t at = rest.find_first_not_of(kSeparators); at != std::string_view::npos;
       at = rest.find_first_not_of(kSeparators, at)) {
    const size_t end = std::min(rest.find_first_of(kSeparators, at), rest.size());
    int64_t id = 0;
    const auto [stop, problem] = std::from_chars(rest.data() + at, rest.data() + end, id);
    if (problem != std::errc() || stop != rest.data() + end)
      throw InputError(
          "plumbline run: '" + printable_text(rest.substr(at, std::min<size_t>(end - at, 40))) + "' is no token id",
          {"in  " + source}, "give a JSON array of ids, ids separated by blanks, or a trace (.h5)");
    ids.push_back(id);
    at = end;
  }
  if (ids.empty()) throw InputError("plumbline run: no token ids in " + source);
  return ids;
}

Feed make_feed(const RunOptions& options, const Model& model) {
  Feed feed = read_source(options, model);
  if (feed.tokens().empty())
    throw InputError("plumbline run: the prompt has no tokens", {}, "give a text of at least one character");
  check_ids(feed, model.config);
  if (options.prefill > 0) split(feed, options.prefill);
  check_length(feed, options, model.config);
  return feed;
}

}  // namespace plumbline::run
