// SPDX-License-Identifier: Apache-2.0
// Chooses the ops, asks, checks, and says what was found.
#include "run/order.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <set>

#include "core/progress.h"
#include "run/attention_probe.h"
#include "run/backends.h"
#include "run/order_options.h"
#include "run/say.h"
#include "run/summation_probe.h"
#include "run/summation_text.h"

#include <plumbline/error.h>

namespace plumbline::run {
namespace {

constexpr int kFound = 0, kUndecided = 3;
constexpr int64_t kCheckingQuestions = 512;
constexpr uint64_t kCheckingSeed = 1;

struct FoundOrder {
  const Op* op = nullptr;
  int64_t terms = 0;
  SummationTree tree;
  std::string why_not;  ///< not empty: no order was found
  bool columns_differ = false;
  bool within_attention = false;  ///< asked through the whole attention
};

/// Whose sums lie within an attention, which a backend may run only whole.
bool attends(OpKind kind) {
  return kind == OpKind::attn_scores || kind == OpKind::softmax || kind == OpKind::attn_context;
}

bool sums(OpKind kind) { return kind == OpKind::linear || kind == OpKind::rmsnorm || attends(kind); }

/// Ops whose sums look alike share a key: kind, contract, format and parameter shapes.
std::string key_of(const Op& op, const Model& model) {
  std::string key = fmt::format("{} {}", op_kind_name(op.kind), op.contract);
  for (const std::string& name : op.parameters) key += to_string(model.parameters.at(name).shape());
  return key;
}

std::vector<const Op*> chosen_ops(const OrderOptions& options, const Model& model) {
  std::vector<const Op*> chosen;
  std::set<std::string> seen;
  std::vector<std::string> names;
  for (const Op& op : model.graph.ops) {
    names.push_back(op.name);
    if (options.ops.empty() && op.layer <= 0 && sums(op.kind) && seen.insert(key_of(op, model)).second)
      chosen.push_back(&op);
  }
  for (const std::string& name : options.ops) {
    const Op* op = model.graph.find(name);
    if (op == nullptr) {
      const std::vector<std::string> near = near_misses(name, names);
      throw UsageError("plumbline order: the model has no op '" + name + "'",
                       {"near  " + (near.empty() ? std::string("nothing") : near.front())},
                       "plumbline ls TRACE lists the ops of a run");
    }
    chosen.push_back(op);
  }
  return chosen;
}

void find_order(const Probe& probe, FoundOrder& found) {
  found.terms = probe.terms();
  const auto ask = [&probe](const std::vector<Triple>& triples) { return probe.ask(triples); };
  if (!probe.swallows()) {
    found.why_not = "nothing is rounded away: the sum is exact, or kept wider than f32";
    return;
  }
  found.tree = reveal_tree(probe.terms(), ask);
  const int64_t unlike = contradictions(found.tree, kCheckingQuestions, kCheckingSeed, ask);
  if (unlike > 0)
    found.why_not =
        fmt::format("no fixed order: {} of {} random questions contradict the best tree", unlike, kCheckingQuestions);
  found.columns_differ = probe.columns_differ();
}

/// Asks the op alone; where the backend does not run it so, or it stands for no product, through its whole attention.
FoundOrder found_order(const OrderOptions& options, const Model& model, const Op& op) {
  FoundOrder found{&op, 0, {}, "", false, false};
  const std::string refused = fmt::format("backend {} does not run this op alone", options.run.backend);
  if (op.kind != OpKind::softmax) {
    try {
      find_order(SummationProbe(options.run, model, op, options.rows), found);
      return found;
    } catch (const BackendError&) {
      found.why_not = refused;
      if (!attends(op.kind)) return found;
    }
  }
  try {
    found = {&op, 0, {}, "", false, true};
    find_order(AttentionProbe(options.run, model, op, options.rows), found);
  } catch (const BackendError& error) {
    found.why_not = refused + fmt::format(", nor its attention: {}", error.what());
  }
  return found;
}

std::string additions_text(const SummationTree& tree) {
  const int64_t widest = widest_sum(tree);
  return fmt::format("{} additions deep, {}", tree.depth(),
                     widest > 2 ? fmt::format("up to {} at once", widest) : std::string("two at a time"));
}

std::string order_text(const FoundOrder& found, const OrderOptions& options) {
  std::string text = fmt::format("{}  {}  {} terms, {} rows, backend {}, contract {}{}\n", found.op->name,
                                 op_kind_name(found.op->kind), found.terms, options.rows, options.run.backend,
                                 found.op->contract, found.within_attention ? ", within its whole attention" : "");
  if (!found.why_not.empty()) return text + "  " + found.why_not + "\n";
  text += "  " + summation_text(found.tree) + "\n";
  text += fmt::format("  {}; {} random questions agree{}\n", additions_text(found.tree), kCheckingQuestions,
                      found.columns_differ ? "; columns of the result differ, this is the first" : "");
  return text;
}

nlohmann::ordered_json order_json(const FoundOrder& found, const OrderOptions& options) {
  nlohmann::ordered_json json = {{"op", found.op->name},
                                 {"kind", op_kind_name(found.op->kind)},
                                 {"contract", found.op->contract},
                                 {"backend", options.run.backend},
                                 {"rows", options.rows},
                                 {"found", found.why_not.empty()},
                                 {"within_attention", found.within_attention}};
  if (!found.why_not.empty()) {
    json["why_not"] = found.why_not;
    return json;
  }
  json["order"] = summation_text(found.tree);
  json["columns_differ"] = found.columns_differ;
  json["tree"] = summation_json(found.tree);
  return json;
}

}  // namespace

int order_program(int argc, char** argv) {
  const ParsedOrderOptions parsed = parse_order_options(argc, argv);
  if (parsed.finished) {
    say(*parsed.finished);
    return kFound;
  }
  const OrderOptions& options = parsed.options;
  require_backend(options.run);  // one that is not there is an error, not an order that cannot be seen
  const Model model = load_model(options.run.model);
  const std::vector<const Op*> ops = chosen_ops(options, model);
  nlohmann::ordered_json all = nlohmann::ordered_json::array();
  int status = kFound;
  Progress progress("orders", static_cast<int64_t>(ops.size()));
  for (const Op* op : ops) {
    const FoundOrder found = found_order(options, model, *op);
    progress.advance(1, [op] { return op->name; });
    if (!found.why_not.empty()) status = kUndecided;
    if (options.run.json)
      all.push_back(order_json(found, options));
    else
      say(order_text(found, options));
  }
  if (options.run.json) say(nlohmann::ordered_json{{"orders", all}}.dump() + "\n");
  return status;
}

}  // namespace plumbline::run
