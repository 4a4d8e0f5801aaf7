// SPDX-License-Identifier: Apache-2.0
// `plumbline doctor`: what is there and what is missing; given two traces, whether they will pair and why not.
#include <fmt/format.h>
#include <plumbline/error.h>
#include <plumbline/trace.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <memory>
#include <optional>
#include <sstream>

#include "cli/compare_options.h"
#include "cli/output.h"
#include "cli/run_program.h"
#include "cli/verbs.h"
#include "locate/find.h"
#include "locate/foreign.h"
#include "locate/pairing.h"
#include "locate/provenance.h"
#include "report/escape.h"

namespace plumbline {
namespace {

namespace fs = std::filesystem;

std::string line(std::string_view name, bool found, std::string_view detail) {
  return fmt::format("  {:<14} {:<8} {}\n", name, found ? "found" : "missing", detail);
}

std::optional<fs::path> in_path(const std::string& program) {
  const char* path = std::getenv("PATH");
  std::istringstream parts(path == nullptr ? "" : path);
  for (std::string part; std::getline(parts, part, ':');) {
    const fs::path candidate = fs::path(part) / program;
    if (::access(candidate.c_str(), X_OK) == 0 && fs::is_regular_file(candidate)) return candidate;
  }
  return std::nullopt;
}

/// The compiler need not be on the path: toolkits install below /usr/local/cuda.
std::optional<fs::path> nvcc() {
  if (auto found = in_path("nvcc")) return found;
  const fs::path usual = "/usr/local/cuda/bin/nvcc";
  return ::access(usual.c_str(), X_OK) == 0 ? std::optional(usual) : std::nullopt;
}

std::string first_line(const std::string& text) { return text.substr(0, text.find('\n')); }

std::string gpu_line() {
  const auto tool = in_path("nvidia-smi");
  if (!tool) return line("GPU", false, "no NVIDIA driver tools; backend twin runs the same kernels on the CPU");
  const ProgramOutput output = capture(*tool, {"--query-gpu=name", "--format=csv,noheader"});
  const bool found = output.status == 0 && !output.text.empty();
  return line("GPU", found, found ? escaped(first_line(output.text)) : "the driver reports none");
}

std::string machine_text() {
  std::string out = "programs and devices\n";
  const auto program = run_program();
  out += line("plumbline-run", program.has_value(),
              program ? program->string() : "verb `run` needs it beside plumbline: build the target plumbline-run");
  const auto compiler = nvcc();
  out += line("nvcc", compiler.has_value(),
              compiler ? compiler->string() : "only needed to compile the kernels for a GPU (backend cuda)");
  out += gpu_line();
  if (!program) return out;
  const ProgramOutput backends = capture(*program, {"--list-backends"});
  out += "\nbackends of `plumbline run`\n";
  if (backends.status != 0) return out + "  plumbline-run --list-backends failed\n";
  std::istringstream lines(backends.text);
  for (std::string backend; std::getline(lines, backend);) out += "  " + escaped(backend) + "\n";
  return out;
}

struct PairReport {
  std::string text;
  bool pairs = false;
};

std::string missing_text(const Pairing& pairing) {
  std::string out;
  size_t shown = 0;
  for (const UnmatchedTap& tap : pairing.unmatched) {
    if (++shown > 10) return out + fmt::format("    [{} more]\n", pairing.unmatched.size() - 10);
    out += fmt::format("    {} is only in the {}", escaped(tap.path), tap.in_reference ? "reference" : "candidate");
    if (!tap.near_misses.empty()) out += fmt::format("; did you mean {}", escaped(tap.near_misses.front()));
    out += "\n";
  }
  return out;
}

/// Why the two cannot be judged: no model, another checkpoint, another prompt.
std::string obstacles_text(const std::vector<Finding>& obstacles) {
  std::string out;
  for (const Finding& obstacle : obstacles) {
    out += wrap(escaped(obstacle.title), "  no: ", "    ", 80);
    for (const std::string& line : obstacle.evidence) out += wrap(escaped(line), "    ", "      ", 80);
    for (const std::string& help : obstacle.help) out += wrap(escaped(help), "    help: ", "      ", 80);
  }
  return out;
}

Finding no_model_finding(std::vector<std::string> why_not) {
  Finding finding;
  finding.title = kNoModel;
  finding.evidence = std::move(why_not);
  finding.help = {kGiveModel};
  return finding;
}

OpGraph graph_of(const Trace& reference, const std::optional<Model>& model) {
  if (!reference.header().graph_json.empty()) return op_graph_from_json(reference.header().graph_json);
  return model ? model->graph : OpGraph{};
}

PairReport pair_report(const std::string& reference_file, const std::string& candidate_file,
                       const std::optional<std::string>& model_directory) {
  const TracePair traces = open_pair(reference_file, candidate_file);
  PairReport report;
  report.text = "\npairing\n";
  std::vector<std::string> notes, why_not;
  const std::optional<Model> model = choose_model(model_directory, traces, why_not);
  const OpGraph graph = graph_of(traces.reference, model);
  const Trace reference = fit_to_graph(traces.reference, graph, 0, notes);
  const Trace candidate = fit_to_graph(traces.candidate, graph, 0, notes);
  std::vector<Finding> obstacles;
  if (auto other = checkpoint_finding(reference, candidate, model ? &*model : nullptr, notes))
    obstacles.push_back(std::move(*other));
  const Alignment alignment = align_steps(steps_of(reference, graph), steps_of(candidate, graph));
  if (auto prompt = prompt_finding(alignment, reference_file)) obstacles.push_back(std::move(*prompt));
  if (!model) obstacles.push_back(no_model_finding(std::move(why_not)));
  report.text += obstacles_text(obstacles);
  if (!obstacles.empty()) return report;
  const Pairing pairing = pair_taps(reference, candidate, graph, alignment);
  report.pairs = !pairing.usable.empty();
  report.text += fmt::format("  {}: {} taps and {} positions on both sides\n", report.pairs ? "yes" : "no",
                             pairing.usable.size(), alignment.positions);
  if (alignment.difference)
    report.text += fmt::format("  the generated tokens part at position {}; only those before it are compared\n",
                               *alignment.difference);
  if (!pairing.unmatched.empty())
    report.text += fmt::format("  {} taps on one side only:\n", pairing.unmatched.size()) + missing_text(pairing);
  for (const IncomparableTap& tap : pairing.incomparable)
    report.text += wrap(fmt::format("{} cannot be compared: {}", escaped(tap.path), tap.reason), "    ", "      ", 80);
  for (const std::string& note : notes) report.text += wrap(escaped(note), "  note: ", "    ", 80);
  return report;
}

}  // namespace

void add_doctor(CLI::App& app, int& status) {
  CLI::App* verb =
      app.add_subcommand("doctor", "Say what is there and what is missing; with two traces, whether they pair");
  struct Options {
    std::vector<std::string> files;
    std::optional<std::string> model;
  };
  auto options = std::make_shared<Options>();
  verb->add_option("FILES", options->files, "REF CAND: two traces that are to be compared")->expected(0, 2);
  add_model_option(*verb, options->model);
  verb->footer(
      "Exit status: 0; with two traces 3 if they will not pair or cannot be judged.\n\nExample:\n  plumbline doctor "
      "ref.h5 cand.h5");
  verb->callback([options, &status] {
    const std::vector<std::string>& files = options->files;
    if (files.size() == 1) throw UsageError("plumbline doctor: one trace cannot pair", {}, "give two traces, or none");
    std::string text = machine_text();
    status = 0;
    if (files.size() == 2) {
      const PairReport pair = pair_report(files[0], files[1], options->model);
      text += pair.text;
      status = pair.pairs ? 0 : 3;
    }
    print(text);
  });
}

}  // namespace plumbline
