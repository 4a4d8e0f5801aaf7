// SPDX-License-Identifier: Apache-2.0
// `plumbline faults`: the deliberate defects that a run can be given, and where they go in a model.
#include <fmt/format.h>
#include <plumbline/error.h>
#include <plumbline/model.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <optional>

#include "cli/output.h"
#include "cli/verbs.h"
#include "report/escape.h"

namespace plumbline {
namespace {

using Json = nlohmann::ordered_json;

struct FaultsOptions {
  std::vector<std::string> faults;
  std::string model;
  bool json = false;
};

/// One use of a fault: as spelled, and where it goes if a model is given.
struct Use {
  std::string fault;
  FaultInfo info;
  std::optional<FaultPlan> plan;
  std::string refusal;  ///< why the model cannot have it
};

std::string default_spelling(const FaultInfo& info) { return info.name + "@" + info.default_site; }

FaultInfo info_of(const std::string& fault) {
  const std::string name = fault.substr(0, fault.find_first_of("=@"));
  std::vector<std::string> names;
  for (const FaultInfo& info : fault_catalogue()) {
    if (info.name == name) return info;
    names.push_back(info.name);
  }
  const std::vector<std::string> near = near_misses(name, names);
  throw UsageError("unknown fault '" + escaped(name) + "'", {},
                   near.empty() ? "'plumbline faults' lists them" : "did you mean '" + near.front() + "'?");
}

std::vector<Use> uses_of(const FaultsOptions& options) {
  std::vector<Use> uses;
  for (const std::string& fault : options.faults) uses.push_back({fault, info_of(fault), {}, {}});
  if (uses.empty()) {
    for (const FaultInfo& info : fault_catalogue()) uses.push_back({default_spelling(info), info, {}, {}});
  }
  if (options.model.empty()) return uses;
  const Model model = load_model(options.model);
  for (Use& use : uses) {
    try {
      use.plan = plan_fault(model, use.fault);
    } catch (const UsageError& error) {
      use.refusal = error.what();
    }
  }
  return uses;
}

std::string indented(const std::string& text) { return wrap(text, "    ", "    ", text_options(0).width); }

std::string text_of(const std::vector<Use>& uses) {
  std::string out;
  bool kernel = false;
  for (const Use& use : uses) {
    if (out.empty() || use.info.kernel != kernel)
      out += fmt::format("{}{}\n", out.empty() ? "" : "\n",
                         use.info.kernel ? "Candidate kernels only (backends twin, cuda):" : "Every backend:");
    kernel = use.info.kernel;
    const bool as_listed = use.fault == default_spelling(use.info) && !use.info.value.empty();
    out += (as_listed ? use.info.name + "=VALUE@" + use.info.default_site : escaped(use.fault)) + "\n";
    out += indented(use.info.effect);
    if (!use.info.value.empty()) out += indented("VALUE: " + use.info.value);
    if (use.plan) out += indented("Shows at: " + use.plan->ops.front());
    if (!use.refusal.empty()) out += indented("Not in this model: " + escaped(use.refusal));
  }
  return out;
}

std::string json_of(const std::vector<Use>& uses, bool planned) {
  Json list = Json::array();
  for (const Use& use : uses) {
    Json entry = {{"fault", use.fault},
                  {"name", use.info.name},
                  {"value", use.info.value},
                  {"default_site", use.info.default_site},
                  {"effect", use.info.effect}};
    entry["backends"] = use.info.kernel ? Json{"twin", "cuda"} : Json{"torch", "twin", "cuda", "oracle"};
    if (planned) {
      entry["applies"] = use.plan.has_value();
      entry["reason"] = use.refusal;
      entry["ops"] = use.plan ? Json(use.plan->ops) : Json::array();
      entry["shows_at"] = use.plan ? Json(use.plan->ops.front()) : Json();
      entry["changes_parameters"] = use.plan && use.plan->changes_parameters;
    }
    list.push_back(std::move(entry));
  }
  return Json{{"faults", std::move(list)}}.dump(1) + "\n";
}

}  // namespace

void add_faults(CLI::App& app, int& status) {
  CLI::App* verb = app.add_subcommand("faults", "List the defects that `run --fault` can plant");
  auto options = std::make_shared<FaultsOptions>();
  verb->add_option("FAULT", options->faults, "Only these, as spelled for run --fault (default: all, as they stand)");
  verb->add_option("--model", options->model, "Say where each goes in this model directory, or why it cannot");
  verb->add_flag("--json", options->json, "As JSON");
  verb->footer(
      "Example:\n  plumbline run MODEL --backend twin --fault rope.theta=1e4@layer.3 --prompt Hello -o bad.h5");
  verb->callback([options, &status] {
    const std::vector<Use> uses = uses_of(*options);
    print(options->json ? json_of(uses, !options->model.empty()) : text_of(uses));
    status = 0;
  });
}

}  // namespace plumbline
