// SPDX-License-Identifier: Apache-2.0
// `plumbline make-model`: a checkpoint with random weights, in the shape of a published model.
#include <fmt/format.h>
#include <plumbline/error.h>

#include <CLI/CLI.hpp>
#include <memory>

#include "cli/output.h"
#include "cli/verbs.h"
#include "core/progress.h"
#include "model/checkpoint_plan.h"
#include "model/checkpoint_writer.h"
#include "model/shape_table.h"
#include "report/escape.h"

namespace plumbline {
namespace {

constexpr int64_t kMostLayers = 10'000;

struct MakeModelOptions {
  PlanOptions plan;
  std::string directory, dtype, k_norm_max;
  bool force = false;
};

std::string shape_names() {
  std::string names;
  for (const NamedShape& shape : named_shapes()) names += (names.empty() ? "" : ", ") + shape.name;
  return names;
}

int make_model(MakeModelOptions options) {
  if (!options.dtype.empty()) options.plan.dtype = parse_dtype(options.dtype);
  options.plan.notes_k_norm = !options.k_norm_max.empty();
  const CheckpointPlan plan = plan_checkpoint(options.plan);
  int64_t bytes = 0;
  {
    Progress progress("make-model, weights", plan.elements() * static_cast<int64_t>(element_bytes(plan.dtype)));
    bytes = write_checkpoint(plan, options.directory, options.force,
                             [&](int64_t done, int64_t) { progress.advance(done - progress.done()); });
  }
  print(fmt::format("{}: {} tensors, {} weights in {}, {:.1f} MiB, seed {}\n", escaped(options.directory),
                    plan.tensors.size(), plan.elements(), dtype_name(plan.dtype), static_cast<double>(bytes) / 0x1p20,
                    plan.seed));
  return 0;
}

}  // namespace

void add_make_model(CLI::App& app, int& status) {
  CLI::App* verb = app.add_subcommand("make-model", "Write a checkpoint with random weights in the shape of a model");
  auto options = std::make_shared<MakeModelOptions>();
  verb->add_option("SHAPE", options->plan.shape, shape_names() + ", or a config.json")->required();
  verb->add_option("-o,--output", options->directory, "Directory to make")->required();
  verb->add_option("--seed", options->plan.seed, "Another seed gives other weights")->capture_default_str();
  verb->add_option("--layers", options->plan.layers, "Layers instead of the shape's")
      ->check(CLI::Range(int64_t{1}, kMostLayers));
  verb->add_option("--dtype", options->dtype, "Format of the weights instead of the shape's")
      ->check(CLI::IsMember({"bf16", "f16", "f32"}));
  verb->add_option("--k-norm-max", options->k_norm_max,
                   "notes: K-norm weights up to 96.5, 44.5, 44, ... in 16 of 28 layers")
      ->check(CLI::IsMember({"notes"}));
  verb->add_flag("--force", options->force, "Replace a model directory of that name once the new one is whole");
  verb->footer("Example:\n  plumbline make-model qwen3-0.6b --layers 2 -o model");
  verb->callback([options, &status] {
    if (options->directory.empty()) throw UsageError("make-model: -o is empty", {}, "give a directory's name");
    status = make_model(*options);
  });
}

}  // namespace plumbline
