// SPDX-License-Identifier: Apache-2.0
// Rotary embedding: the table of angles, and its use. A rotated pair over the pair it came from gives back the angle,
// from which follow the base (theta) and the position that the candidate had.
#include <fmt/format.h>
#include <plumbline/error.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

#include "diagnose/order_text.h"
#include "diagnose/suspects.h"
#include "locate/codes.h"

namespace plumbline {
namespace {

constexpr int64_t kMostPositions = 4096;

/// theta from angular frequencies: ln f_j = -(2j / D) ln theta. Each weighted by how well it is known.
struct ThetaFit {
  double numerator = 0.0, denominator = 0.0;
  void add(double exponent, double frequency, double weight) {
    if (!(frequency > 0.0) || exponent == 0.0) return;
    numerator -= weight * exponent * std::log(frequency);
    denominator += weight * exponent * exponent;
  }
  double theta() const { return denominator > 0.0 ? std::exp(numerator / denominator) : 0.0; }
};

/// The value more and less rounded, but for what the config says already.
std::set<double> round_values(double value, double declared) {
  std::set<double> values;
  if (!(value > 0.0) || !std::isfinite(value)) return values;
  for (const double tolerance : {0.1, 0.02, 0.004, 0.0005}) values.insert(rounded_number(value, tolerance));
  std::erase_if(values, [declared](double theta) { return std::fabs(theta / declared - 1.0) < 1e-3; });
  return values;
}

double theta_of_table(const Bench& bench) {
  ThetaFit fit;
  for (const BenchStep& step : bench.steps()) {
    const size_t last = step.results.size() - 1;
    if (step.results[last].spec->path.ends_with(".inv_freq")) {
      const auto& f = step.stored[last];
      for (size_t j = 1; j < f.size(); ++j) fit.add(static_cast<double>(j) / static_cast<double>(f.size()), f[j], 1.0);
      return fit.theta();
    }
    if (step.results.size() < 2) return 0.0;
    const auto& positions = bench.given(step).inputs[0].values;
    const size_t width = step.stored[0].size() / positions.size(), half = width / 2;
    for (size_t t = 0; t < positions.size(); ++t) {
      if (positions[t] < 1.0 || positions[t] > 3.0) continue;  // larger ones may have gone round
      for (size_t j = 1; j < half; ++j) {
        const double angle = std::atan2(step.stored[1][t * width + j], step.stored[0][t * width + j]);
        fit.add(static_cast<double>(j) / static_cast<double>(half), angle / positions[t], positions[t]);
      }
    }
  }
  return fit.theta();
}

Mistake with_theta(const Op& table, size_t m, double theta) {
  Op changed = table;
  changed.attributes["theta"] = theta;
  return {std::string(code::kTheta),
          fmt::format("theta {}, the config says {}", number_text(theta), number_text(number(table, "theta"))),
          m,
          std::move(changed),
          {},
          {},
          {}};
}

Mistake with_positions(size_t m, std::string text, std::function<double(double)> change) {
  const auto edit = [change](OpInputs& in, const StepFacts&) {
    for (double& position : in.inputs[0].values) position = change(position);
  };
  return {std::string(code::kPosition), std::move(text), m, {}, edit, {}, {}};
}

// ---- the table's use

/// Rows of a table for positions 0, 1, ... under an op that makes such tables.
struct Table {
  int64_t width = 0;
  std::vector<double> cos, sin;
  int64_t rows() const { return width == 0 ? 0 : static_cast<int64_t>(cos.size()) / width; }
};

Table table_of(const Op& op, int64_t positions, DType dtype) {
  OpInputs in;
  in.inputs.push_back({{positions}, {}});
  for (int64_t p = 0; p < positions; ++p) in.inputs[0].values.push_back(static_cast<double>(p));
  const std::vector<Evaluated> made = evaluate(op, find_contract(op.contract), in, dtype, {false, false, 1});
  return {made[0].exact.shape.back(), made[0].rounded, made[1].rounded};
}

/// Tokens of a step rotated by rows of a table: rows[t] is the position whose angles token t gets.
Mistake with_rows(size_t m, std::string_view family, std::string text, Table table,
                  std::vector<std::vector<int64_t>> rows) {
  const auto edit = [table = std::move(table), rows = std::move(rows)](OpInputs& in, const StepFacts& step) {
    const auto& chosen = rows.at(step.number);
    for (size_t t = 0; t < chosen.size(); ++t)
      for (int64_t c = 0; c < table.width; ++c) {
        const size_t to = t * static_cast<size_t>(table.width) + static_cast<size_t>(c);
        const auto from = static_cast<size_t>(chosen[t] * table.width + c);
        if (to >= in.inputs[1].values.size()) throw ShapeError("a table of another width", {}, "");
        in.inputs[1].values[to] = table.cos[from];
        in.inputs[2].values[to] = table.sin[from];
      }
  };
  return {std::string(family), std::move(text), m, {}, edit, {}, {}};
}

int64_t last_position(const Bench& bench) {
  int64_t last = 0;
  for (const BenchStep& step : bench.steps())
    last = std::max(last, step.facts.first_position + bench.given(step).inputs[0].shape.at(2));
  return last;
}

/// The pairs of a rotation: channel i and its partner, and the table's column of both.
struct Pair {
  size_t a, b, column;
};
std::vector<Pair> pairs_of(const Op& op, size_t width) {
  std::vector<Pair> pairs;
  const bool half = text(op, "pairing") == "half";
  for (size_t j = 0; j < width / 2; ++j) pairs.push_back(half ? Pair{j, j + width / 2, j} : Pair{2 * j, 2 * j + 1, j});
  return pairs;
}

/// How many channels of a head a rope op turns, the first ones: as many as its table has.
size_t rotated_width(const OpInputs& in) { return static_cast<size_t>(in.inputs.at(1).shape.at(2)); }

/// Calls visit(step, token, pair, re, im): rotated times the conjugate of its input, per head.
template <class Visit>
void visit_turns(const Bench& bench, const Visit& visit) {
  for (const BenchStep& step : bench.steps()) {
    const Array& x = bench.given(step).inputs[0];
    const size_t heads = static_cast<size_t>(x.shape.at(1)), tokens = static_cast<size_t>(x.shape.at(2)),
                 width = static_cast<size_t>(x.shape.at(3)), turned = rotated_width(bench.given(step));
    for (size_t h = 0; h < heads; ++h)
      for (size_t t = 0; t < tokens; ++t)
        for (const Pair& pair : pairs_of(bench.op(), turned)) {
          const size_t row = (h * tokens + t) * width;
          const double xa = x.values[row + pair.a], xb = x.values[row + pair.b];
          const double ya = step.stored[0][row + pair.a], yb = step.stored[0][row + pair.b];
          visit(step, t, pair, ya * xa + yb * xb, yb * xa - ya * xb);
        }
  }
}

/// What a pair's angle of the table is divided by, for each pair: nothing where the scaling is llama3's.
std::vector<double> stretches(const Op& table, size_t half, int64_t positions) {
  const std::optional<RopeScaling> scaling = rope_scaling(table);
  if (scaling && scaling->kind == RopeScaling::Kind::linear) return std::vector<double>(half, scaling->factor);
  if (scaling && scaling->kind == RopeScaling::Kind::longrope && scaling->short_factors.size() == half)
    return scaling->factors(positions);
  return std::vector<double>(half, 1.0);
}

double theta_of_turns(const Bench& bench, const Op& table, size_t half) {
  std::vector<double> re(half, 0.0), im(half, 0.0);
  double position = std::numeric_limits<double>::infinity();
  visit_turns(bench, [&](const BenchStep& step, size_t t, const Pair&, double, double) {
    const double here = static_cast<double>(step.facts.first_position) + static_cast<double>(t);
    if (here >= 1.0) position = std::min(position, here);
  });
  visit_turns(bench, [&](const BenchStep& step, size_t t, const Pair& pair, double r, double i) {
    if (static_cast<double>(step.facts.first_position) + static_cast<double>(t) != position) return;
    re[pair.column] += r;
    im[pair.column] += i;
  });
  ThetaFit fit;
  const std::vector<double> stretch = stretches(table, half, last_position(bench));
  for (size_t j = 1; j < half; ++j) {
    const double angle = std::atan2(im[j], re[j]);  // known to so many radians: the logarithm of a small one hardly
    fit.add(static_cast<double>(j) / static_cast<double>(half), stretch[j] * angle / position,
            std::hypot(re[j], im[j]) * angle * angle);
  }
  return fit.theta();
}

/// The position whose angles turn each token's pairs best into what was stored.
std::vector<std::vector<int64_t>> nearest_rows(const Bench& bench, const Table& table) {
  std::vector<std::vector<std::vector<double>>> agreement;  // step, token, position
  for (const BenchStep& step : bench.steps())
    agreement.emplace_back(static_cast<size_t>(bench.given(step).inputs[0].shape.at(2)),
                           std::vector<double>(static_cast<size_t>(table.rows()), 0.0));
  visit_turns(bench, [&](const BenchStep& step, size_t t, const Pair& pair, double re, double im) {
    auto& here = agreement[step.facts.number][t];
    for (size_t p = 0; p < here.size(); ++p) {
      const size_t at = p * static_cast<size_t>(table.width) + pair.column;
      here[p] += re * table.cos[at] + im * table.sin[at];
    }
  });
  std::vector<std::vector<int64_t>> rows;
  for (const auto& tokens : agreement) {
    rows.emplace_back();
    for (const auto& scores : tokens)
      rows.back().push_back(std::max_element(scores.begin(), scores.end()) - scores.begin());
  }
  return rows;
}

std::string rows_text(const Bench& bench, const std::vector<std::vector<int64_t>>& rows) {
  std::vector<int64_t> moved;
  std::set<int64_t> offsets;
  for (const BenchStep& step : bench.steps())
    for (size_t t = 0; t < rows[step.facts.number].size(); ++t) {
      const int64_t own = step.facts.first_position + static_cast<int64_t>(t);
      const int64_t offset = rows[step.facts.number][t] - own;
      if (offset == 0) continue;
      moved.push_back(own);
      offsets.insert(offset);
    }
  if (moved.empty()) return "";
  if (offsets.size() == 1)
    return fmt::format("position off by {}: tokens at {} are rotated by the angles of the position {} {}",
                       *offsets.begin(), ranges_text(moved), std::abs(*offsets.begin()),
                       *offsets.begin() < 0 ? "before" : "behind");
  return fmt::format("tokens at {} are rotated by the angles of other positions", ranges_text(moved));
}

void suspect_angles(const Bench& bench, const Op& table_op, size_t m, Suspects& out) {
  const int64_t positions = last_position(bench) + 16;
  if (positions > kMostPositions) return;
  const Table table = table_of(table_op, positions, bench.dtype());
  if (table.width == 0 || static_cast<int64_t>(rotated_width(bench.given(bench.steps()[0]))) != table.width) return;
  auto rows = nearest_rows(bench, table);
  if (const std::string text = rows_text(bench, rows); !text.empty())
    out.push_back(with_rows(m, code::kPosition, text, table, rows));
  std::vector<std::vector<int64_t>> own;
  for (const BenchStep& step : bench.steps()) {
    own.emplace_back();
    for (int64_t t = 0; t < bench.given(step).inputs[0].shape.at(2); ++t)
      own.back().push_back(step.facts.first_position + t);
  }
  const auto with = [&](double theta) {
    const Mistake other = with_theta(table_op, m, theta);
    return with_rows(m, code::kTheta, other.text, table_of(*other.op, positions, bench.dtype()), own);
  };
  const double start = theta_of_turns(bench, table_op, static_cast<size_t>(table.width) / 2);
  if (!(start > 1.0) || !std::isfinite(start)) return;
  for (const double theta :
       round_values(fit_positive(bench, start / 2.0, start * 2.0, 9, with), number(table_op, "theta")))
    out.push_back(with(theta));
}

Mistake with_results(size_t m, std::string_view family, std::string text,
                     std::function<void(std::vector<double>& y, const OpInputs& in)> change) {
  const auto edit = [change](std::vector<Evaluated>& results, const OpInputs& in, const StepFacts&) {
    change(results[0].exact.values, in);
  };
  return {std::string(family), std::move(text), m, {}, {}, edit, {}};
}

/// How far the first channel's angles, which turn once in 2 pi positions, are from those of positions moved by
/// `offset`.
double misfit_of_offset(const Bench& bench, int64_t offset) {
  double sum = 0.0;
  for (const BenchStep& step : bench.steps()) {
    const auto& positions = bench.given(step).inputs[0].values;
    const size_t width = step.stored[0].size() / positions.size();
    for (size_t t = 0; t < positions.size(); ++t) {
      const double angle = positions[t] + static_cast<double>(offset);
      const double c = step.stored[0][t * width] - std::cos(angle), s = step.stored.at(1)[t * width] - std::sin(angle);
      sum += c * c + s * s;
    }
  }
  return sum;
}

/// Offsets that fit the first channel, the best first: it comes round nearly every 44th, as 7 turns are 43.98.
void suspect_offsets(const Bench& bench, size_t m, Suspects& out) {
  constexpr int64_t kMost = 512;
  constexpr size_t kTried = 24;
  if (bench.steps().front().results.size() < 2) return;
  std::vector<std::pair<double, int64_t>> offsets;
  for (int64_t offset = -kMost; offset <= kMost; ++offset)
    if (offset != 0) offsets.emplace_back(misfit_of_offset(bench, offset), offset);
  std::sort(offsets.begin(), offsets.end());
  for (size_t i = 0; i < kTried; ++i) {
    const int64_t offset = offsets[i].second;
    out.push_back(with_positions(m, fmt::format("positions are off by {}", offset),
                                 [offset](double p) { return p + static_cast<double>(offset); }));
  }
}

void suspect_scaling_factor(const Bench& bench, size_t m, const RopeScaling& declared, Suspects& out) {
  const auto with = [&, m](double factor) {
    Op changed = *bench.chain()[m];
    RopeScaling scaling = declared;
    scaling.factor = factor;
    set_rope_scaling(changed, scaling);
    return Mistake{std::string(code::kRopeScaling),
                   fmt::format("the factor of the rope scaling is {}, the config says {}", number_text(factor),
                               number_text(declared.factor)),
                   m,
                   std::move(changed),
                   {},
                   {},
                   {}};
  };
  const double factor = fit_positive(bench, 1.01, 128.0, 33, with);
  for (const double tolerance : {0.02, 0.002, 0.0002}) out.push_back(with(rounded_number(factor, tolerance)));
}

/// The other list of factors, and cosines and sines that are not multiplied.
void suspect_longrope(const Bench& bench, size_t m, const RopeScaling& declared, Suspects& out) {
  const auto with = [&, m](const RopeScaling& scaling, const char* text) {
    Op changed = *bench.chain()[m];
    set_rope_scaling(changed, scaling);
    out.push_back({std::string(code::kRopeScaling), text, m, std::move(changed), {}, {}, {}});
  };
  RopeScaling exchanged = declared, unscaled = declared;
  std::swap(exchanged.short_factors, exchanged.long_factors);
  unscaled.attention_factor = 1.0;
  with(exchanged, "the factors of long and of short sequences are exchanged");
  with(unscaled, "cosines and sines are not multiplied by the attention factor");
}

/// Heads of which the model turns the first channels alone: all of them turned, by a table of that width.
void suspect_whole_rotation(const Bench& bench, const Op& table, size_t m, Suspects& out) {
  const OpInputs& given = bench.given(bench.steps().front());
  const int64_t width = given.inputs[0].shape.at(3), turned = static_cast<int64_t>(rotated_width(given));
  if (turned >= width) return;
  Op wide = table;
  clear_rope_scaling(wide);
  wide.attributes["head_dim"] = width;
  const Table angles = table_of(wide, std::min(last_position(bench), kMostPositions), bench.dtype());
  const auto edit = [angles](OpInputs& in, const StepFacts& step) {
    const int64_t tokens = in.inputs[0].shape.at(2);
    const auto from = [&](const std::vector<double>& values) {
      if (step.first_position + tokens > angles.rows()) throw ShapeError("a table of fewer rows", {}, "");
      return std::vector<double>(values.begin() + step.first_position * angles.width,
                                 values.begin() + (step.first_position + tokens) * angles.width);
    };
    in.inputs[1] = {{1, tokens, angles.width}, from(angles.cos)};
    in.inputs[2] = {{1, tokens, angles.width}, from(angles.sin)};
  };
  out.push_back({std::string(code::kPairing),
                 fmt::format("all {} channels of a head are rotated, not the first {}", width, turned),
                 m,
                 {},
                 edit,
                 {},
                 {}});
}

/// Pairs whose stored values are the input's, not the rotated ones.
void suspect_unrotated_pairs(const Bench& bench, size_t m, Suspects& out) {
  const auto width = static_cast<size_t>(bench.given(bench.steps().front()).inputs[0].shape.at(3));
  const size_t turned = rotated_width(bench.given(bench.steps().front()));
  const std::vector<Pair> pairs = pairs_of(bench.op(), turned);
  std::vector<double> to_input(turned / 2, 0.0), to_replay(turned / 2, 0.0);
  for (const BenchStep& step : bench.steps()) {
    const std::vector<double>&x = bench.given(step).inputs[0].values, &y = step.results[0].exact.values;
    for (size_t row = 0; row + width <= step.stored[0].size(); row += width)
      for (const Pair& pair : pairs)
        for (const size_t c : {row + pair.a, row + pair.b}) {
          to_input[pair.column] += std::fabs(step.stored[0][c] - x[c]);
          to_replay[pair.column] += std::fabs(step.stored[0][c] - y[c]);
        }
  }
  std::vector<int64_t> rotated;
  std::vector<bool> passed(turned / 2, false);
  for (size_t j = 0; j < turned / 2; ++j) {
    passed[j] = to_input[j] < to_replay[j];
    if (!passed[j]) rotated.push_back(static_cast<int64_t>(j));
  }
  if (rotated.empty() || rotated.size() == turned / 2) return;
  const std::string text = fmt::format("only the pairs {} of {} are rotated", ranges_text(rotated), turned / 2);
  out.push_back(
      with_results(m, code::kPairing, text, [passed, pairs, width](std::vector<double>& y, const OpInputs& in) {
        for (size_t row = 0; row + width <= y.size(); row += width)
          for (const Pair& pair : pairs)
            for (const size_t c : {row + pair.a, row + pair.b})
              if (passed[pair.column]) y[c] = in.inputs[0].values[c];
      }));
}

/// Of a family that rotates in f32: tables, or all of it, in the model's format.
void suspect_narrow_rotation(const Bench& bench, size_t m, Suspects& out) {
  const Op& op = *bench.chain()[m];
  if (op.contract == "rope/neox-t" || bench.dtype() == DType::f32) return;
  const auto round_tables = [dtype = bench.dtype()](OpInputs& in, const StepFacts&) {
    for (const size_t table : {size_t{1}, size_t{2}})
      for (double& value : in.inputs[table].values) value = round_to(dtype, value);
  };
  const std::string format(dtype_name(bench.dtype()));
  out.push_back({std::string(code::kStorage),
                 "cosines and sines are rounded to " + format + ", which stay f32 here",
                 m,
                 {},
                 round_tables,
                 {},
                 {}});
  Op narrow = op;
  narrow.contract = "rope/neox-t";
  out.push_back({std::string(code::kStorage),
                 "the rotation is in " + format + ": cosines, sines, both products and their sum are rounded to it",
                 m,
                 std::move(narrow),
                 round_tables,
                 {},
                 {}});
}

}  // namespace

void suspect_rope_table(const Bench& bench, size_t m, Suspects& out) {
  const Op& op = *bench.chain()[m];
  std::set<double> thetas;
  if (m + 1 == bench.chain().size() && !rope_scaling(op))
    thetas = round_values(theta_of_table(bench), number(op, "theta"));
  if (thetas.empty())
    thetas = round_values(fit_positive(bench, 1e2, 1e8, 49, [&](double theta) { return with_theta(op, m, theta); }),
                          number(op, "theta"));
  for (const double theta : thetas) out.push_back(with_theta(op, m, theta));
  for (const int offset : {-1, 1, -2, 2, -3, 3, 4, 8, 16})
    out.push_back(
        with_positions(m, fmt::format("positions are off by {}", offset), [offset](double p) { return p + offset; }));
  if (m + 1 == bench.chain().size()) suspect_offsets(bench, m, out);
  if (const auto scaling = rope_scaling(op)) {
    Op plain = op;
    clear_rope_scaling(plain);
    out.push_back({std::string(code::kRopeScaling),
                   "the rope scaling of the config is not applied",
                   m,
                   std::move(plain),
                   {},
                   {},
                   {}});
    scaling->kind == RopeScaling::Kind::longrope ? suspect_longrope(bench, m, *scaling, out)
                                                 : suspect_scaling_factor(bench, m, *scaling, out);
  } else {
    for (const double factor : {2.0, 4.0, 8.0, 16.0, 32.0, 0.5})
      out.push_back(with_positions(
          m, fmt::format("positions are divided by {}: a linear rope scaling that the config does not have", factor),
          [factor](double p) { return p / factor; }));
  }
}

void suspect_rope(const Bench& bench, size_t m, Suspects& out) {
  const Op& op = *bench.chain()[m];
  Op paired = op;
  const bool half = text(op, "pairing") == "half";
  paired.attributes["pairing"] = std::string(half ? "interleaved" : "half");
  out.push_back({std::string(code::kPairing),
                 half ? "neighbouring channels (2i, 2i+1) are rotated, not halves (i, i + D/2)"
                      : "halves (i, i + D/2) are rotated, not neighbouring channels (2i, 2i+1)",
                 m,
                 std::move(paired),
                 {},
                 {},
                 {}});
  out.push_back(with_results(m, code::kLeftOut, "the rotation is left out: its input is passed on",
                             [](std::vector<double>& y, const OpInputs& in) { y = in.inputs[0].values; }));
  const auto backwards = [](OpInputs& in, const StepFacts&) {
    for (double& s : in.inputs[2].values) s = -s;
  };
  out.push_back(
      {std::string(code::kPairing), "rotated the other way round (the sine's sign)", m, {}, backwards, {}, {}});
  const auto exchanged = [](OpInputs& in, const StepFacts&) { std::swap(in.inputs[1].values, in.inputs[2].values); };
  out.push_back({std::string(code::kPairing), "cosine and sine are exchanged", m, {}, exchanged, {}, {}});
  suspect_narrow_rotation(bench, m, out);
  const Op* table = bench.failed().context.graph.producer(op.inputs.at(1));
  if (m + 1 != bench.chain().size()) return;
  suspect_unrotated_pairs(bench, m, out);
  if (table == nullptr || table->kind != OpKind::rope_table) return;
  suspect_angles(bench, *table, m, out);
  suspect_whole_rotation(bench, *table, m, out);
}

}  // namespace plumbline
