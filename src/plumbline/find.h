// SPDX-License-Identifier: Apache-2.0
// What a comparison of two traces found, as plain data: verdict, findings, one row per op, coverage. Made by
// src/locate, weighed by src/gate, printed by src/report. Invariant: findings and rows stand in execution order; the
// first finding of level error that names an op is the first divergence. The same two files give the same report for
// any number of threads.
#pragma once
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <plumbline/dtype.h>
#include <plumbline/tensor.h>

namespace plumbline {

/// The part an op plays (DESIGN 3). `inherited` only stands below an origin or contract; an amplifier is no finding.
enum class Role : uint8_t { clean, origin, contract, inherited, amplifier, damper, waived, unknown, incomparable };
std::string_view role_name(Role role);

/// The value of the exit status: parity 0, divergence 1, inconclusive 3 (2 is an exception).
enum class Outcome : uint8_t { parity, divergence, inconclusive };
std::string_view outcome_name(Outcome outcome);
int exit_status(Outcome outcome);

enum class Level : uint8_t { error, warning, note };
std::string_view level_name(Level level);

/// One element of one tap. Indices are those of each side's own recorded tensor.
struct Place {
  std::string tap;
  std::vector<std::string> axes;
  int64_t position = -1;  ///< of the token in the whole sequence; -1 if the tap has no token axis
  int64_t reference_step = 0, candidate_step = 0;
  Shape reference_index, candidate_index;
};

/// A value as stored: its number and its bits ("0xbfae").
struct StoredValue {
  double value = 0.0;
  std::string bits;
  bool present = false;  ///< false where that side has no such element
};

/// A few neighbours along the last axis, the same columns on every row.
struct ValueWindow {
  std::string axis;
  std::vector<int64_t> columns;
  size_t marked = 0;  ///< which column is the place
  DType reference_dtype = DType::f32, candidate_dtype = DType::f32;
  std::vector<StoredValue> reference, candidate;
  std::vector<double> replay;  ///< the oracle on the candidate's own inputs, rounded as the op declares; may be empty
  double off_by = 0.0, off_ulps = 0.0;  ///< candidate against replay (against reference if there is no replay)
};

/// Why a finding does not count against the outcome: what the policy says of it.
struct Acceptance {
  std::string by;      ///< "waiver W-0007", "limit of rule layer.*.in_norm", "allowed contract", "policy not-worse"
  std::string where;   ///< "plumbline.toml:31"
  std::string reason;  ///< as the policy gives it
  std::string owner, expires;  ///< of a waiver, else empty; the day as 2027-01-31
};

/// How a supposed mistake fared when the op was replayed with it on the candidate's own inputs.
enum class CauseStatus : uint8_t {
  likely,    ///< after it only rounding is left, and no other supposition leaves less
  possible,  ///< the same, but another explains as much
  ruled_out  ///< the nearest of its family does not explain the error
};
std::string_view cause_status_name(CauseStatus status);  ///< "likely", "possible", "ruled out"

/// A cause with the figures that decided.
struct Cause {
  CauseStatus status = CauseStatus::ruled_out;
  std::string code;          ///< of its family: "P0601", with a page of its own
  std::string op;            ///< which op has the mistake: the finding's own, or an unrecorded one of its segment
  std::string text;          ///< with its parameters: "eps 1e-05, the config says 1e-06"
  std::string statistic;     ///< what the replay with the mistake left, in words
  double left = 0.0;         ///< mean square of what it left, over that of rounding alone
  double improvement = 1.0;  ///< by how much the error, or the share of unequal bits, fell
};

struct Finding {
  std::string code;  ///< "P0201": src/locate/codes.h
  Level level = Level::error;
  std::optional<Role> role;  ///< absent for findings about provenance or structure of files
  std::string op;            ///< "" if it concerns no op
  int layer = -1;
  std::string contract;  ///< the rounding contract that the candidate follows, if role is contract
  std::string title;     ///< one sentence
  std::optional<Place> place;
  std::optional<ValueWindow> window;
  std::vector<std::string> evidence;
  std::vector<Cause> causes;           ///< the likely one first; empty if none was looked for
  std::vector<std::string> help;       ///< what to do next; commands stand in backquotes
  int64_t explains = 0;                ///< later ops that inherit from it (from it alone or also from others)
  std::optional<Acceptance> accepted;  ///< then level is note, and the role (if any) is waived
};

/// Relative sizes are L2 norms over that of the reference; NaN where one cannot be formed. All are the worst over
/// steps.
struct OpRow {
  std::string op;
  std::string kind;  ///< op_kind_name; "tap" where no graph says which op it belongs to
  int layer = -1;
  Role role = Role::unknown;
  std::string contract;              ///< the contract it was judged by; for role contract, the one that fits
  std::vector<std::string> segment;  ///< other ops replayed together with this one, because their taps are missing
  std::string reason;                ///< why it is unknown or incomparable; empty otherwise
  std::vector<std::string> missing;  ///< taps whose lack on either side is why it could not be judged
  bool judged = false;               ///< finite elements of the candidate were held against a bound, in every step
  bool failed = false;               ///< ... and a gate did not hold
  bool reference_failed = false;     ///< the reference's own error breaks its bound: the gate is invalid here
  bool compared = false;             ///< values of both sides were subtracted
  double own_share = 0.0;            ///< max |own error| / bound of the candidate
  double reference_share = 0.0;      ///< the same of the reference
  double mismatch = 0.0, expected_mismatch = 0.0;  ///< share of bits unlike the oracle's; what rounding noise explains
  double own = 0.0, reference_own = 0.0, inherited = 0.0, total = 0.0;  ///< relative sizes of the parts of the split
  double rms_ratio = 0.0;  ///< own over reference_own, all steps together; NaN where neither errs
  double loudness = 0.0;  ///< root mean square of the own error in units of its expected size, where every bit is noise
  double bias = 0.0;      ///< standard deviations by which the mean signed own error passes what may be systematic
  double residue = 0.0;   ///< relative size of total - inherited - own + reference_own: zero but for f64 rounding
  double input_difference = 0.0;
  double gain = 0.0;  ///< NaN if the inputs are equal
  double benign_gain = 0.0, benign_low = 0.0,
         benign_high = 0.0;  ///< median and extremes of half-ulp noise; NaN: not measured
  /// Of a norm: its largest |weight|, as a reader of weights alone would have it. NaN: no prediction, or not asked for.
  double predicted_gain = std::numeric_limits<double>::quiet_NaN();
  /// Distances from the op in exact arithmetic on each side's own inputs, no inner rounding taken for granted; NaN: not
  /// measured. Relative L2; the largest as a multiple of the bound of one output rounding; and by how many standard
  /// deviations of rounding the candidate's sum of squares passes the reference's.
  double exact_own = std::numeric_limits<double>::quiet_NaN(), exact_reference_own = exact_own;
  double exact_share = exact_own, exact_reference_share = exact_own, exact_excess = exact_own;
  double max_abs = 0.0;                            ///< largest |candidate - reference|
  double nmse = 0.0, cosine = 1.0, unequal = 0.0;  ///< of candidate against reference; unequal: share of unlike bits
  int64_t elements = 0;                            ///< pairs subtracted
  int64_t nonfinite_both = 0;                      ///< elements where both sides are NaN, or the same infinity
  int64_t nonfinite_differs = 0;  ///< elements where only one side is NaN or Inf, or the infinities differ in sign

  bool differs() const { return compared && (unequal > 0.0 || nonfinite_differs > 0); }
  /// Something finite was subtracted and every bit of it is equal.
  bool equal_bits() const { return compared && unequal == 0.0 && nonfinite_differs == 0 && elements > nonfinite_both; }
};

struct UnmatchedTap {
  std::string path;
  bool in_reference = false;  ///< else in the candidate
  std::vector<std::string> near_misses;
};

struct Coverage {
  int64_t reference_ops = 0;  ///< ops of the reference's graph
  int64_t judged_ops = 0;     ///< ops whose results were judged, alone or inside a segment
  int64_t compared_taps = 0;  ///< tap paths whose values were subtracted
  int64_t positions = 0;      ///< token positions on both sides
  double share() const {
    return reference_ops == 0 ? 0.0 : static_cast<double>(judged_ops) / static_cast<double>(reference_ops);
  }
};

struct TraceSummary {
  std::string file, run_id, backend, device, architecture;
  std::vector<std::string> faults;
  int64_t steps = 0, taps = 0, positions = 0;
  bool foreign = false, recovered = false;
};

/// What became of the relative difference in one layer. NaN: no such norm, or before a layer differs.
struct LayerGrowth {
  int layer = 0;
  double predicted = std::numeric_limits<double>::quiet_NaN();  ///< largest |weight| of the norm of its keys
  double compounded = predicted;  ///< product of the predictions of the layers behind the one that differs first
  double difference = predicted;  ///< relative size of the total at the layer's last op
  double growth = predicted;      ///< that over the difference in the layer that differs first
};

/// Measured growth beside the prediction that a norm multiplies errors by its largest weight, layer after layer.
struct Amplification {
  std::string entered_at;                                     ///< the last op of the first layer that differs; or empty
  double entered = std::numeric_limits<double>::quiet_NaN();  ///< relative size of the difference there
  std::vector<LayerGrowth> layers;
  double predicted_at_end = 1.0;   ///< the last layer's compounded prediction
  double growth_at_end = entered;  ///< at the graph's last op
};

/// The policy that a gate applied.
struct PolicySummary {
  std::string file, suite, kind;  ///< kind: "parity" or "not-worse"
};

/// What a report was restricted to. All taps were judged; rows, findings, coverage and outcome are those of the
/// selected.
struct ReportScope {
  std::vector<std::string> select, exclude;  ///< globs of tap paths or names of ops, as given
  int64_t taps = 0, selected_taps = 0;       ///< paths that either side recorded
  int64_t ops_outside = 0;
  int64_t findings_outside = 0;   ///< errors and warnings about what is not selected
  int64_t unmatched_outside = 0;  ///< of the taps recorded on one side only
};

/// What the trace of each side says of its run. Empty: it does not say; "-": it does not apply.
struct EqualityFact {
  std::string name, reference, candidate;
};

/// Parity to the last bit: what exactly was compared, where, and what voids it.
struct BitEquality {
  int64_t taps = 0;  ///< of every step, on both sides; nobody recorded another
  int64_t values = 0, bytes = 0;
  std::vector<int64_t> step_tokens;  ///< tokens of each step
  std::vector<EqualityFact> facts;
  std::vector<std::string> void_if;
};

struct FindReport {
  Outcome outcome = Outcome::inconclusive;
  std::string verb = "find";
  std::string headline;  ///< one sentence that says why the outcome is what it is
  TraceSummary reference, candidate;
  std::string model;  ///< directory whose parameters were used; empty: values only, no replay
  int layers = 0;
  std::vector<Finding> findings;
  std::vector<OpRow> ops;
  std::vector<UnmatchedTap> unmatched;
  std::vector<std::string> notes;
  Coverage coverage;
  std::optional<PolicySummary> policy;
  std::optional<ReportScope> scope;            ///< absent: everything
  std::optional<Amplification> amplification;  ///< if asked for
  std::optional<BitEquality> equality;         ///< if every recorded tap is equal bit for bit

  /// The first divergence, or nullptr.
  const Finding* first_divergence() const;
};

}  // namespace plumbline
