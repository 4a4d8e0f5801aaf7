// SPDX-License-Identifier: Apache-2.0
// Names and help of the options; CLI11 does the splitting.
#include "run/generate_options.h"

#include <CLI/CLI.hpp>

#include <algorithm>
#include <limits>

#include "core/parallel.h"
#include "core/progress.h"
#include "cuda/pipeline/pipeline.h"
#include "options/environment.h"
#include "run/option_checks.h"

#include <plumbline/error.h>

namespace plumbline::run {
namespace {

constexpr int64_t kNewTokens = 64;
constexpr double kMaxTemperature = 1000.0;
constexpr const char* kUsage = "plumbline generate --help";
const std::vector<std::string> kBackends = {"torch", "twin", "cuda", "oracle"};

constexpr const char* kFooter =
    "The text goes to standard output as it comes, what is said about it to standard error.\n"
    "A seed draws the same tokens on every machine and backend whose logits have the same\n"
    "bits: f64 throughout, ties to the lower id, Philox4x32-10 by number of the token and\n"
    "seed. With --against both backends are fed the same tokens, those given and those that\n"
    "the reference (--backend) adds, and their choices are compared at every position.\n"
    "Exit status: 0 the text is there, or the choices are the same everywhere; 1 another choice\n"
    "at some position; 2 unusable, logits with NaN too; 3 the reference's logits hold NaN.\n\n"
    "Examples:\n"
    "  plumbline generate MODEL --backend twin --prompt 'The licenses' --temperature 0.8 --seed 1\n"
    "  plumbline generate MODEL --backend torch --against twin --prompt-file TEXT";

void declare_feed(CLI::App& app, GenerateOptions& o) {
  app.add_option("model", o.run.model, "Model directory in Hugging Face's layout")->type_name("MODEL")->required();
  app.add_option("--backend", o.run.backend, "What runs the model")->check(CLI::IsMember(kBackends))->required();
  app.add_option("--against", o.against,
                 "Compare another backend's choices at every position, fed the same tokens; prints no text")
      ->check(CLI::IsMember(kBackends));
  app.add_option("--prompt", o.run.prompt, "Text, encoded by the model's tokenizer")->type_name("TEXT");
  declare_chat(app, o.run);
  app.add_option("--prompt-file", o.prompt_file, "A file that holds the text")->type_name("FILE")->check(not_empty());
  app.add_option("--tokens", o.run.tokens, "Token ids (JSON array or separated by blanks), or a trace with tokens")
      ->type_name("FILE")
      ->check(not_empty());
  app.add_option("--prefill", o.run.prefill, "Tokens fed at once; the given rest follows one by one (default: all)")
      ->type_name("N")
      ->check(whole_number(1, kMaxTokens));
  app.add_option("--new", o.run.new_tokens, "Tokens to add at most (default 64; with --against 0)")
      ->type_name("N")
      ->check(whole_number(0, kMaxTokens));
}

void declare_sampling(CLI::App& app, Sampling& s) {
  app.add_option("--temperature", s.temperature, "Draw tokens, logits divided by T (default 0: the likeliest always)")
      ->type_name("T")
      ->check(decimal_number(0.0, true, kMaxTemperature));
  app.add_option("--top-k", s.top_k, "Draw among the K likeliest (default: all)")
      ->type_name("K")
      ->check(whole_number(1, kMaxTokens));
  app.add_option("--top-p", s.top_p, "Draw among the fewest that hold P of the probability (default 1)")
      ->type_name("P")
      ->check(decimal_number(0.0, false, 1.0));
  app.add_option("--seed", s.seed, "Number that decides what is drawn (default 0)")
      ->type_name("N")
      ->check(whole_number(0, std::numeric_limits<int64_t>::max()));
}

void declare_backend(CLI::App& app, RunOptions& o) {
  app.add_option("--fault", o.faults,
                 "Plant a defect (plumbline faults lists them), with --against in that backend alone; repeatable")
      ->type_name("FAULT")
      ->check(not_empty())
      ->allow_extra_args(false);
  app.add_option("--threads", o.threads, "CPU threads (default: the backend's own choice)")
      ->type_name("N")
      ->check(whole_number(1, kMaxThreads));
  app.add_option("--device", o.device, "Backend torch: where it runs (default cpu)")
      ->check(CLI::IsMember({"cpu", "cuda"}));
  app.add_option("--attention", o.attention, "Backend torch: op by op (eager, the default) or fused (sdpa)")
      ->check(CLI::IsMember({"eager", "sdpa"}));
  app.add_option("--dtype", o.dtype,
                 "Run in this format: weights of another one are rounded once, to nearest even (default: the "
                 "checkpoint's; twin and cuda: bf16 only)")
      ->check(CLI::IsMember({"bf16", "f16", "f32"}));
  app.add_option("--numerics", o.numerics, "Backends twin, cuda: whose bits, as for plumbline run (default portable)")
      ->check(CLI::IsMember(kernel_numerics()));
}

void declare(CLI::App& app, GenerateOptions& o, bool& table) {
  declare_feed(app, o);
  declare_sampling(app, o.sampling);
  declare_backend(app, o.run);
  app.add_option("-n,--rows", o.rows, "With --against: positions in the table (default 10)")
      ->type_name("N")
      ->check(whole_number(0, 1'000'000));
  app.add_flag("--json", o.run.json, "Print tokens, text and all as one JSON object");
  app.add_flag_callback(
      "--no-progress", [] { show_progress(false); }, "Do not say on standard error how far the work is");
  app.add_flag("--option-table", table, "Print the options of this verb as JSON")->group("");
  app.footer(kFooter);
}

void require(bool condition, const std::string& problem) {
  if (!condition) throw UsageError("plumbline generate: " + problem, {}, kUsage);
}

bool runs_kernels(const std::string& backend) { return backend == "twin" || backend == "cuda"; }

void check_consistency(const GenerateOptions& o) {
  const RunOptions& run = o.run;
  const int sources = (run.prompt ? 1 : 0) + (o.prompt_file.empty() ? 0 : 1) + (run.tokens.empty() ? 0 : 1);
  require(sources == 1, "give one of --prompt TEXT, --prompt-file FILE and --tokens FILE");
  require(run.tokens.empty() || !run.chat, "--chat says what --prompt or --prompt-file is");
  require(run.chat || run.system.empty(), "--system is a message before that of --chat");
  const bool drawn = o.sampling.temperature > 0.0;
  require(drawn || (o.sampling.top_k == 0 && o.sampling.top_p == 1.0 && o.sampling.seed == 0),
          "--top-k, --top-p and --seed say how tokens are drawn, which takes --temperature T");
  require(!o.against.empty() || run.new_tokens > 0, "--new 0 adds nothing, and without --against nothing is compared");
  const bool torch = run.backend == "torch" || o.against == "torch";
  const bool kernels = runs_kernels(run.backend) || runs_kernels(o.against);
  require(torch || (run.device == "cpu" && run.attention.empty()),
          "--device and --attention belong to the backend torch");
  require(run.attention != "sdpa" || run.device == "cpu", "--attention sdpa has a contract on the CPU only");
  require(kernels || run.numerics == "portable", "--numerics belongs to the backends twin and cuda");
  require(!kernels || run.dtype.empty() || run.dtype == "bf16", "the backends twin and cuda run in bf16 only");
}

}  // namespace

RunOptions side_options(const GenerateOptions& options, const std::string& backend, bool candidate) {
  RunOptions side = options.run;
  side.backend = backend;
  if (!candidate && !options.against.empty()) side.faults.clear();
  if (backend != "torch") side.device = "cpu";
  if (backend != "torch") side.attention.clear();
  if (!runs_kernels(backend)) side.numerics = "portable";
  return side;
}

ParsedGenerateOptions parse_generate_options(int argc, const char* const* argv) {
  ParsedGenerateOptions parsed;
  bool table = false;
  CLI::App app("Continue a text, greedily or drawn by a seed; or compare two backends' choices along it",
               "plumbline generate");
  declare(app, parsed.options, table);
  std::vector<std::string> words(argv + std::min(argc, 1), argv + argc);
  if (std::find(words.begin(), words.end(), "--option-table") != words.end()) {
    parsed.finished = table_json(option_table(app)) + "\n";
    return parsed;
  }
  refuse_options_as_values(app, "generate", argc, argv);
  const EnvironmentTwins twins = environment_twins(option_table(app), words);
  words.insert(words.begin(), twins.arguments.begin(), twins.arguments.end());
  try {
    app.parse(std::vector<std::string>(words.rbegin(), words.rend()));
  } catch (const CLI::CallForHelp&) {
    parsed.finished = app.help();
  } catch (const CLI::ParseError& error) {
    throw UsageError(std::string("plumbline generate: ") + error.what(), twins.used, kUsage);
  }
  if (parsed.finished) return parsed;
  GenerateOptions& options = parsed.options;
  if (app.count("--new") == 0) options.run.new_tokens = options.against.empty() ? kNewTokens : 0;
  check_consistency(options);
  return parsed;
}

}  // namespace plumbline::run
