// SPDX-License-Identifier: Apache-2.0
#include "trial/table.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "oracle/distribution.h"

namespace plumbline::trial {
namespace {

std::string_view order_name(const Subject& subject) {
  if (subject.declared) return sum_order_name(*subject.declared);
  switch (find_contract(subject.contract).accumulator) {
    case Accumulator::none: return "-";
    case Accumulator::scalar_any: return "scalar_any";
    default: return "any";
  }
}

bool same_subject(const Row& a, const Row& b) {
  return a.subject.kind == b.subject.kind && a.subject.contract == b.subject.contract &&
         a.subject.declared == b.subject.declared;
}

/// Rows of one subject, which stand together.
struct Group {
  const Row* first = nullptr;
  int64_t ops = 0, unequal = 0;
  double worst = 0.0, zero_mean = 0.0, positive = 0.0;
  std::vector<double> shares;
  bool exact = true;
  const Row* unsound = nullptr;  ///< the first one

  void add(const Row& row) {
    ops += row.ops;
    unequal += row.unequal;
    worst = std::max(worst, row.worst);
    if (row.data == Data::normal) zero_mean = row.median();
    if (row.data == Data::positive) positive = row.median();
    shares.insert(shares.end(), row.shares.begin(), row.shares.end());
    exact = exact && row.exact;
    if (unsound == nullptr && !row.sound()) unsound = &row;
  }
  double median() {
    std::sort(shares.begin(), shares.end());
    return shares.empty() ? 0.0 : shares[shares.size() / 2];
  }
};

std::vector<Group> groups_of(const std::vector<Row>& rows) {
  std::vector<Group> groups;
  for (const Row& row : rows) {
    if (groups.empty() || !same_subject(*groups.back().first, row)) groups.emplace_back().first = &row;
    groups.back().add(row);
  }
  return groups;
}

/// What accused a right implementation.
std::string_view failure_of(const Row& row) {
  if (row.exceeded() || row.accuser == Gate::bound) return "bound exceeded";
  if (row.accuser == Gate::masks) return "NaN or infinity misplaced";
  if (row.accuser == Gate::mismatch) return "more unequal bits than allowed";
  if (row.accuser == Gate::structure) return "unequal bits gather";
  if (row.accuser == Gate::size) return "errors too large";
  if (row.accuser == Gate::bias) return "errors lean to one side";
  return "bits differ that must not";
}

std::string line_of(Group& group) {
  const Subject& subject = group.first->subject;
  const std::string head = fmt::format("  {:12} {:20} {:11} {:>6}", op_kind_name(subject.kind), subject.contract,
                                       order_name(subject), group.ops);
  const std::string tail = group.unsound == nullptr ? "" : fmt::format("  {}", failure_of(*group.unsound));
  if (group.exact) return fmt::format("{}  bit for bit, {} unequal{}\n", head, group.unequal, tail);
  return fmt::format("{}  {:7.4f} {:9.4f} {:9.4f} {:9.4f}{}\n", head, group.worst, group.zero_mean, group.positive,
                     group.median(), tail);
}

std::string accusation_of(const Row& row) {
  const std::string what =
      row.accusation.empty() ? fmt::format("worst {:.4f}, {} unequal", row.worst, row.unequal) : row.accusation;
  return fmt::format("  {} {} {}, {} data: {}: {}\n", op_kind_name(row.subject.kind), row.subject.contract,
                     order_name(row.subject), data_name(row.data), failure_of(row), what);
}

std::string alarms_text(const std::vector<Row>& rows, bool one_way) {
  Alarms all;
  for (const Row& row : rows) {
    if ((row.data == Data::one_way) != one_way) continue;
    all.results += row.alarms.results;
    all.gathered += row.alarms.gathered;
    all.loud += row.alarms.loud;
    all.leaning += row.alarms.leaning;
  }
  if (all.results == 0) return "";
  return fmt::format(
      "{} tensors{}: unequal bits gather in {}, errors are over {} times what rounding makes of most data in {}, lean "
      "to "
      "one side in {}\n",
      all.results,
      one_way ? " of data that round every partial sum the same way, which chance is not held against" : "",
      all.gathered, kLoud, all.loud, all.leaning);
}

std::string closing(const std::vector<Row>& rows) {
  int64_t ops = 0, elements = 0, accused = 0;
  std::string accusations;
  size_t exceeded = 0;
  for (const Row& row : rows) {
    ops += row.ops;
    elements += row.elements;
    accused += row.accused;
    exceeded += row.exceeded() || row.accuser == Gate::bound ? 1 : 0;
    if (!row.sound()) accusations += accusation_of(row);
  }
  const std::string bounds =
      exceeded == 0 ? "no bound was exceeded" : fmt::format("bounds were exceeded in {} rows", exceeded);
  const std::string gates = accused == 0 ? "no gate failed" : fmt::format("gates failed {} right results", accused);
  return fmt::format("{}{} ops, {} results: {}, {}\n{}", accusations, ops, elements, bounds, gates,
                     alarms_text(rows, false) + alarms_text(rows, true));
}

}  // namespace

std::string bounds_text(const std::vector<Row>& rows, const Request& request) {
  std::string out = fmt::format("right {} implementations in every legal order against their bounds, seed {}\n\n",
                                dtype_name(request.model), request.seed);
  out += fmt::format("  {:12} {:20} {:11} {:>6}  {:>7} {:>9} {:>9} {:>9}\n", "kind", "contract", "order", "ops",
                     "worst", "zero-mean", "positive", "all data");
  for (Group& group : groups_of(rows)) out += line_of(group);
  out +=
      "\n  worst: the largest |error| / bound before the output rounding; above 1 the bound is unsound\n"
      "  the rest: medians over the ops of each one's largest\n\n";
  return out + closing(rows);
}

std::string bounds_json(const std::vector<Row>& rows, const Request& request) {
  using Json = nlohmann::ordered_json;
  Json list = Json::array();
  bool sound = true;
  for (const Row& row : rows) {
    sound = sound && row.sound();
    list.push_back({{"kind", op_kind_name(row.subject.kind)},
                    {"contract", row.subject.contract},
                    {"order", order_name(row.subject)},
                    {"data", data_name(row.data)},
                    {"ops", row.ops},
                    {"elements", row.elements},
                    {"exact", row.exact},
                    {"unequal", row.unequal},
                    {"expected_unequal", row.expected},
                    {"worst_ratio", row.worst},
                    {"median_ratio", row.median()},
                    {"accused", row.accused},
                    {"gate", gate_name(row.accuser)},
                    {"alarms",
                     {{"results", row.alarms.results},
                      {"loud", row.alarms.loud},
                      {"leaning", row.alarms.leaning},
                      {"gathered", row.alarms.gathered},
                      {"loudest", row.alarms.loudest},
                      {"most_leaning", row.alarms.most_leaning}}},
                    {"sound", row.sound()}});
  }
  const Json out = {{"schema", {{"name", "plumbline-bounds"}, {"version", "1.0"}}},
                    {"format", dtype_name(request.model)},
                    {"seed", request.seed},
                    {"sound", sound},
                    {"rows", list}};
  return out.dump(1) + "\n";
}

}  // namespace plumbline::trial
