// SPDX-License-Identifier: Apache-2.0
// `plumbline import`: a model of another format as a directory that run, audit and transformers read.
#include <fmt/format.h>
#include <plumbline/error.h>

#include <CLI/CLI.hpp>
#include <memory>

#include "cli/output.h"
#include "cli/verbs.h"
#include "core/progress.h"
#include "model/gguf_import.h"
#include "report/escape.h"

namespace plumbline {
namespace {

struct Options {
  std::string file, directory, dtype = "f32";
  bool no_tokenizer = false;
};

std::string types_text(const GgufImported& done) {
  std::string text;
  for (const auto& [name, count] : done.types) text += fmt::format("{}{} {}", text.empty() ? "" : ", ", count, name);
  return text;
}

int import_of(const Options& options) {
  const GgufImport import{options.file, options.directory, *parse_dtype(options.dtype), !options.no_tokenizer};
  GgufImported done;
  {
    std::optional<Progress> progress;
    done = import_gguf(import, [&](int64_t written, int64_t all) {
      if (!progress) progress.emplace("import, weights", all);
      progress->advance(written - progress->done());
    });
  }
  print(fmt::format("{}: {} tensors, {} weights in {}, {:.1f} MiB\n", escaped(options.directory), done.tensors,
                    done.weights, options.dtype, static_cast<double>(done.bytes) / 0x1p20));
  print(fmt::format("from      {}: GGUF v{}, {}\n", escaped(options.file), done.version, types_text(done)));
  print(fmt::format("rounding  {}\n",
                    done.cast ? describe(*done.cast) : "none: f32 holds every number as ggml widens it"));
  print(fmt::format("rows      of {} q and k tensors moved back into transformers' order\n", done.turned));
  if (!done.scaling.empty()) print("rope      " + done.scaling + "\n");
  if (options.no_tokenizer) print("tokenizer left out: `plumbline run` takes --tokens\n");
  return 0;
}

}  // namespace

void add_import(CLI::App& app, int& status) {
  CLI::App* verb = app.add_subcommand("import", "Make a model directory of a file in another format");
  verb->require_subcommand(1);
  verb->footer("Example:\n  plumbline import gguf model.gguf -o model --dtype bf16");
  CLI::App* gguf = verb->add_subcommand("gguf", "A Llama in GGUF: F32, F16, BF16, Q8_0, Q4_0, Q4_1, Q6_K");
  auto options = std::make_shared<Options>();
  gguf->add_option("FILE", options->file, "The .gguf file")->required();
  gguf->add_option("-o,--output", options->directory, "Directory to make")->required();
  gguf->add_option("--dtype", options->dtype, "f32 holds every number as ggml widens it; bf16 rounds")
      ->check(CLI::IsMember({"f32", "bf16"}))
      ->capture_default_str();
  gguf->add_flag("--no-tokenizer", options->no_tokenizer, "Weights and config only");
  gguf->footer("Example:\n  plumbline import gguf model.gguf -o model --dtype bf16");
  gguf->callback([options, &status] {
    if (options->directory.empty()) throw UsageError("import: -o is empty", {}, "give a directory's name");
    status = import_of(*options);
  });
}

}  // namespace plumbline
