// SPDX-License-Identifier: Apache-2.0
// The picture of a model: one row per op name in execution order, one character per layer. Where an op adds nothing of
// its own there is no digit, so the eye lands on the origin.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <vector>

#include "report/escape.h"
#include "report/parts.h"

namespace plumbline {
namespace {

constexpr int kNameColumns = 21;   // "attn.scores_masked" and its margins
constexpr int kRightColumns = 23;  // " own inh.    worst L199"
constexpr int kFewestCells = 8;

struct Mark {
  char letter;
  int weight;  // the heaviest of a bucket is shown
  const char* meaning;
};

// Weights order the marks from "nothing" to "look here".
constexpr Mark kMarks[] = {
    {'-', 0, "no such op here"},
    {'.', 1, "clean: own error within its bound"},
    {'d', 2, "damper: difference shrinks"},
    {'~', 3, "inherited"},
    {'a', 4, "amplifier: own error fine, gain well above benign"},
    {'w', 5, "waived"},
    {'?', 6, "unknown: not judged"},
    {'r', 7, "reference breaks its own bound"},
    {'!', 8, "shapes cannot meet"},
    {'c', 9, "right for another contract"},
    {'m', 10, "origin: too many roundings differ"},
    {'9', 11, "1-9 origin: own error over its bound by up to 10^n"},
    {'N', 12, "origin: NaN or infinity"},
};

const Mark& mark_of(char letter) {
  const char key = letter >= '1' && letter <= '9' ? '9' : letter;
  return *std::find_if(std::begin(kMarks), std::end(kMarks), [&](const Mark& mark) { return mark.letter == key; });
}

char origin_letter(const OpRow& row) {
  if (!std::isfinite(row.own_share)) return 'N';
  if (row.own_share <= 1.0) return 'm';
  return static_cast<char>('0' + std::clamp(static_cast<int>(std::ceil(std::log10(row.own_share))), 1, 9));
}

char letter_of(const OpRow& row) {
  switch (row.role) {
    case Role::clean: return '.';
    case Role::origin: return origin_letter(row);
    case Role::contract: return 'c';
    case Role::inherited: return '~';
    case Role::amplifier: return 'a';
    case Role::damper: return 'd';
    case Role::waived: return 'w';
    case Role::unknown: return row.reference_failed ? 'r' : '?';
    case Role::incomparable: return '!';
  }
  return '?';
}

struct GridRow {
  std::string name;
  std::vector<const OpRow*> cells;  // by layer; one cell outside the layers
  bool layered = false;
};

std::vector<GridRow> grid_rows(const FindReport& report) {
  std::vector<GridRow> rows;
  std::map<std::string, size_t> place;
  for (const OpRow& op : report.ops) {
    const std::string name = local_name(op.op, op.layer);
    const std::string key = (op.layer >= 0 ? "L" : "-") + name;
    const auto [entry, fresh] = place.emplace(key, rows.size());
    if (fresh) {
      const size_t cells = op.layer >= 0 ? static_cast<size_t>(std::max(report.layers, op.layer + 1)) : 1;
      rows.push_back({name, std::vector<const OpRow*>(cells, nullptr), op.layer >= 0});
    }
    GridRow& row = rows[entry->second];
    const size_t column = op.layer >= 0 ? static_cast<size_t>(op.layer) : 0;
    if (column >= row.cells.size()) row.cells.resize(column + 1, nullptr);
    row.cells[column] = &op;
  }
  return rows;
}

bool only_clean(const GridRow& row) {
  return std::all_of(row.cells.begin(), row.cells.end(),
                     [](const OpRow* op) { return op == nullptr || op->role == Role::clean; });
}

/// Characters of a row, `bucket` layers to a cell, a blank after every fourth cell.
std::string cells_text(const GridRow& row, int bucket, std::set<char>& used) {
  std::string out;
  for (size_t begin = 0, cell = 0; begin < row.cells.size(); begin += static_cast<size_t>(bucket), ++cell) {
    char heaviest = '-';
    const size_t end = std::min(row.cells.size(), begin + static_cast<size_t>(bucket));
    for (size_t layer = begin; layer < end; ++layer) {
      const char letter = row.cells[layer] == nullptr ? '-' : letter_of(*row.cells[layer]);
      if (mark_of(letter).weight > mark_of(heaviest).weight || (letter > heaviest && mark_of(letter).letter == '9'))
        heaviest = letter;
    }
    if (cell > 0 && cell % 4 == 0) out += ' ';
    out += heaviest;
    used.insert(mark_of(heaviest).letter);
  }
  return out;
}

std::string header_text(int layers, int bucket, size_t width) {
  std::string out(width, ' ');
  for (int cell = 0; cell * bucket < layers; cell += 4) {
    const std::string label = std::to_string(cell * bucket);
    const auto at = static_cast<size_t>(cell + cell / 4);
    if (at + label.size() <= out.size()) out.replace(at, label.size(), label);
  }
  return out;
}

std::string totals_text(const GridRow& row) {
  int own = 0, inherited = 0;
  const OpRow* worst = nullptr;
  for (const OpRow* op : row.cells) {
    if (op == nullptr) continue;
    own += op->role == Role::origin || op->role == Role::contract ? 1 : 0;
    inherited += op->role == Role::inherited ? 1 : 0;
    if (op->judged && (worst == nullptr || !(op->own_share <= worst->own_share))) worst = op;
  }
  const std::string share = worst == nullptr ? "" : short_number(worst->own_share);
  const std::string where = worst == nullptr || worst->layer < 0 ? "" : fmt::format(" L{}", worst->layer);
  return fmt::format(" {:>3} {:>4} {:>8}{}", own, inherited, share, where);
}

std::string legend_text(const std::set<char>& used, int width) {
  std::string text;
  for (const Mark& mark : kMarks) {
    if (!used.contains(mark.letter)) continue;
    if (!text.empty()) text += "; ";
    text += mark.letter == '9' ? std::string(mark.meaning) : fmt::format("{} {}", mark.letter, mark.meaning);
  }
  return wrap(text, "  ", "  ", width);
}

}  // namespace

std::string render_grid(const FindReport& report, const TextOptions& options) {
  const std::vector<GridRow> rows = grid_rows(report);
  if (rows.empty()) return "";
  const bool totals = options.width >= kNameColumns + kRightColumns + kFewestCells;
  const int room = std::max(kFewestCells, (options.width - kNameColumns - (totals ? kRightColumns : 0)) * 4 / 5);
  int layers = 0;
  for (const GridRow& row : rows) layers = std::max(layers, static_cast<int>(row.layered ? row.cells.size() : 0));
  const int bucket = std::max(1, (layers + room - 1) / room);
  const int cells = std::max(1, (layers + bucket - 1) / bucket);
  const auto width = static_cast<size_t>(std::max(cells + (cells - 1) / 4, 4));
  std::set<char> used;
  std::string body;
  int quiet = 0;
  for (const GridRow& row : rows) {
    if (only_clean(row)) {
      ++quiet;
      continue;
    }
    body += fmt::format("  {:<{}}{:<{}}{}\n", escaped(row.name).substr(0, kNameColumns - 3), kNameColumns - 2,
                        cells_text(row, bucket, used), width, totals ? totals_text(row) : "");
  }
  if (quiet > 0) {
    body += wrap(body.empty() ? fmt::format("all {} op names clean in every layer", quiet)
                              : fmt::format("[{} more op name{}: clean in every layer]", quiet, quiet == 1 ? "" : "s"),
                 "  ", "  ", options.width);
  }
  if (quiet == static_cast<int>(rows.size())) return body;
  const std::string buckets = bucket > 1 ? fmt::format("  (one cell: the worst of {} layers)\n", bucket) : "";
  std::string out = fmt::format("  {:<{}}{}{}\n", "op \\ layer", kNameColumns - 2, header_text(layers, bucket, width),
                                totals ? fmt::format(" {:>3} {:>4} {:>8}", "own", "inh.", "worst") : "");
  out += body + buckets + legend_text(used, options.width);
  if (totals) out += wrap("worst: largest own error as a multiple of its derived bound", "  ", "  ", options.width);
  return out;
}

}  // namespace plumbline
