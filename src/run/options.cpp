// SPDX-License-Identifier: Apache-2.0
// Names, help and mutual exclusions of the options; CLI11 does the splitting.
#include "run/options.h"

#include <CLI/CLI.hpp>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <regex>

#include "core/parallel.h"
#include "core/progress.h"
#include "cuda/pipeline/pipeline.h"
#include "options/environment.h"
#include "run/option_checks.h"

#include <plumbline/error.h>

namespace plumbline::run {
namespace {

constexpr int64_t kMaxRing = int64_t{64} << 30;
constexpr const char* kUsage = "--help shows the options";

/// "qkv=VARIANT" or "qkv=VARIANT@layer.N"; an empty text means well-formed, as CLI11 wants it.
CLI::Validator kernel_choice() {
  const std::string names = fmt::format("{}", fmt::join(qkv_variants(), "|"));
  const std::string form = "qkv=" + names + "[@layer.N]";
  return CLI::Validator(
      [names, form](const std::string& text) {
        const std::regex matched("qkv=(" + names + ")(@layer\\.[0-9]{1,6})?");
        return std::regex_match(text, matched) ? "" : "'" + text + "' is not " + form;
      },
      form);
}

/// "16K", "256M", "4G", or bytes; CLI11's own would also take 16kb, 16 KiB and -1.
CLI::Validator byte_size() {
  CLI::Validator form(
      [](std::string& text) -> std::string {
        int64_t value = 0;
        const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
        const std::string unit(end, static_cast<const char*>(text.data() + text.size()));
        const size_t power = std::string_view("KMG").find(unit) + 1;
        const int64_t factor = unit.empty() ? 1 : int64_t{1} << (10 * power);
        if (problem != std::errc() || value < 1 || unit.size() > 1 || (!unit.empty() && power == 0) ||
            value > kMaxRing / factor)
          return "'" + text + "' is no size: a number and K, M or G, up to 64G";
        text = std::to_string(value * factor);
        return "";
      },
      "");
  return form;
}

/// Each copy costs its memory: a slip of the pen is not to cost all of it.
constexpr int64_t kMaxBatch = 64;

}  // namespace

void declare_chat(CLI::App& app, RunOptions& o) {
  app.add_flag("--chat", o.chat, "The prompt is a user's message: set it in the model's chat template");
  app.add_option("--system", o.system, "With --chat: a system's message before it (default: the template's own)")
      ->type_name("TEXT")
      ->check(not_empty());
}

namespace {

void declare(CLI::App& app, RunOptions& o) {
  app.set_version_flag("--version", std::string("plumbline-run ") + PLUMBLINE_VERSION);
  app.add_option("model", o.model, "Model directory in Hugging Face's layout")->type_name("MODEL")->check(not_empty());
  app.add_option("--backend", o.backend, "What runs the model")
      ->check(CLI::IsMember({"torch", "twin", "cuda", "oracle"}));
  app.add_option("--prompt", o.prompt, "Text, encoded by the model's tokenizer")->type_name("TEXT");
  declare_chat(app, o);
  app.add_option("--tokens", o.tokens,
                 "Token ids (JSON array or separated by blanks), or a trace whose steps are replayed")
      ->type_name("FILE")
      ->check(not_empty());
  app.add_option("--prefill", o.prefill, "Tokens of the first step; the given rest follows one by one (default: all)")
      ->type_name("N")
      ->check(whole_number(1, kMaxTokens));
  app.add_option("--new", o.new_tokens, "Tokens to add, greedily (default 0)")
      ->type_name("N")
      ->check(whole_number(0, kMaxTokens));
  app.add_option("--fault", o.faults, "Plant a defect: NAME[=VALUE][@SITE] (plumbline faults lists them); repeatable")
      ->type_name("FAULT")
      ->check(not_empty())
      ->allow_extra_args(false);
  app.add_option(
         "--taps", o.taps,
         "Record only taps that match a glob, or of a word: all (the default), outputs (what ops hand on, nothing "
         "within them), none, stats (of all, or of the others given, the statistics alone); repeatable: --taps A "
         "--taps B")
      ->type_name("GLOB")
      ->check(not_empty())
      ->allow_extra_args(false);
  app.add_option(
         "--ring", o.ring_bytes,
         "Backends twin, cuda: memory in which taps wait for the disk; while it is full the backend waits, and the "
         "run says how often (default 256M)")
      ->type_name("SIZE")
      ->transform(byte_size());
  app.add_option("--threads", o.threads, "CPU threads (default: the backend's own choice)")
      ->type_name("N")
      ->check(whole_number(1, kMaxThreads));
  app.add_option("--device", o.device, "Backend torch: where it runs (default cpu)")
      ->check(CLI::IsMember({"cpu", "cuda"}));
  app.add_option(
         "--attention", o.attention,
         "Backend torch: op by op (eager, the default), or by scaled_dot_product_attention, whose inner taps are "
         "not recorded")
      ->check(CLI::IsMember({"eager", "sdpa"}));
  app.add_option("--batch", o.batch,
                 "Backend torch: compute N copies of the sequence at once, as an engine with N requests; the first is "
                 "recorded (default 1)")
      ->type_name("N")
      ->check(whole_number(1, kMaxBatch));
  app.add_option("--dtype", o.dtype,
                 "Run in this format: weights of another one are rounded once, to nearest even (default: the "
                 "checkpoint's; twin and cuda: bf16 only)")
      ->check(CLI::IsMember({"bf16", "f16", "f32"}));
  app.add_option("--kernel", o.kernels, "Backends twin, cuda: variant of a kernel; oracle: its contracts")
      ->check(kernel_choice())
      ->allow_extra_args(false);
  app.add_option("--numerics", o.numerics,
                 "Backends twin, cuda: whose bits, ours (portable, the default) or those of LibTorch's eager ops on an "
                 "H100 or H200 (torch/sm90: of the GPU at hand; twin: of an H200)")
      ->check(CLI::IsMember(kernel_numerics()));
  app.add_option("--check", o.check, "Backend twin: run every block in several thread orders and compare bits")
      ->check(CLI::IsMember({"races"}));
  app.add_flag("--verify-taps", o.verify_taps, "Run again without taps and demand the same logits, bit for bit");
  app.add_flag("!--no-audit", o.audit, "Do not look for weights that were never written before the model is run");
  app.add_flag("--force", o.force, "Replace FILE, once the new trace is whole; drop what an interrupted run left");
  app.add_flag("--json", o.json, "Result as one JSON object on stdout");
  app.add_flag("--list-backends", o.list_backends, "Say which backends this build has, and why others are missing");
  app.add_flag_callback(
      "--no-progress", [] { show_progress(false); }, "Do not say on standard error how far the run is");
  app.add_flag("--option-table", o.option_table, "Print the options of this program as JSON")->group("");
  app.add_option("-o,--output", o.output, "The trace to write")->type_name("FILE")->check(not_empty());
}

void require(bool condition, const std::string& problem) {
  if (!condition) throw UsageError("plumbline run: " + problem, {}, kUsage);
}

void check_consistency(const RunOptions& o) {
  require(!o.model.empty(), "MODEL is missing");
  require(!o.backend.empty(), "--backend is missing");
  require(!o.output.empty(), "-o FILE is missing");
  require(o.prompt.has_value() != !o.tokens.empty(), "give either --prompt TEXT or --tokens FILE");
  require(o.prompt.has_value() || !o.chat, "--chat says what --prompt TEXT is");
  require(o.chat || o.system.empty(), "--system is a message before that of --chat");
  const bool kernels = o.backend == "twin" || o.backend == "cuda";
  require(!kernels || o.dtype.empty() || o.dtype == "bf16",
          "backend " + o.backend + " runs in bf16 only, not with --dtype " + o.dtype);
  require(o.backend != "torch" || o.kernels.empty(),
          "--kernel belongs to the backends twin, cuda and oracle, not to " + o.backend);
  require(o.kernels.size() <= 1, "--kernel qkv=... is given more than once");
  require(kernels || o.numerics == "portable", "--numerics belongs to the backends twin and cuda, not to " + o.backend);
  require(kernels || o.ring_bytes == 0, "--ring belongs to the backends twin and cuda, not to " + o.backend);
  require(o.backend == "twin" || o.check.empty(), "--check belongs to the backend twin, not to " + o.backend);
  require(o.attention != "sdpa" || o.device == "cpu",
          "--attention sdpa has a contract on the CPU only, not on --device " + o.device);
  require(o.backend == "torch" || o.attention.empty(), "--attention belongs to the backend torch, not to " + o.backend);
  require(o.backend == "torch" || o.batch == 1, "--batch belongs to the backend torch, not to " + o.backend);
  require(o.backend == "torch" || o.device == "cpu", "--device belongs to the backend torch, not to " + o.backend);
}

std::vector<std::string> twin_notes(const EnvironmentTwins& twins) {
  std::vector<std::string> notes;
  for (const std::string& twin : twins.used) notes.push_back("from the environment  " + twin);
  return notes;
}

}  // namespace

ParsedOptions parse_options(int argc, const char* const* argv) {
  ParsedOptions parsed;
  CLI::App app("Runs a model with one backend and records what every op gives.", "plumbline-run");
  declare(app, parsed.options);
  refuse_options_as_values(app, "run", argc, argv);
  std::vector<std::string> words(argv + std::min(argc, 1), argv + argc);
  const EnvironmentTwins twins = environment_twins(option_table(app), words);
  words.insert(words.begin(), twins.arguments.begin(), twins.arguments.end());
  try {
    app.parse(std::vector<std::string>(words.rbegin(), words.rend()));
    if (parsed.options.option_table) parsed.finished = table_json(option_table(app)) + "\n";
    if (!parsed.finished && !parsed.options.list_backends) check_consistency(parsed.options);
  } catch (const CLI::CallForHelp&) {
    parsed.finished = app.help();
  } catch (const CLI::CallForVersion&) {
    parsed.finished = app.version() + "\n";
  } catch (const CLI::ParseError& error) {
    throw UsageError(std::string("plumbline run: ") + error.what(), twin_notes(twins), kUsage);
  } catch (const UsageError& error) {
    if (twins.used.empty()) throw;
    throw UsageError(error.what(), twin_notes(twins), "unset what does not belong to this run");
  }
  return parsed;
}

}  // namespace plumbline::run
