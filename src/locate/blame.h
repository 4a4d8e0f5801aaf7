// SPDX-License-Identifier: Apache-2.0
// How much of the difference of the logits each op's local error causes.
//
// Ops 1..N in execution order (each in all steps before the next). Let c_k be the logits that follow from the
// candidate's recorded state after op k (all live taps: residual stream, q, k, v, caches...) if ops k+1..N are computed
// by the oracle in exact arithmetic on the checkpoint's parameters, and r_k the same from the reference's state. Then
//
//     d_k = c_k - r_k,   d_0 = 0 (both begin with the same tokens),   d_N = dz (the recorded logits),
//     contribution of op k:  a_k = d_k - d_(k-1) = (c_k - c_(k-1)) - (r_k - r_(k-1)),   sum a_k = dz exactly:
//
// what the candidate's own error at op k does to its logits, less what the reference's own error there does to the
// reference's. The share is s_k = <a_k, dz> / |dz|^2; the two parts are listed apart, since the part of the reference
// is its own rounding (or, if it is the outlier, its defect).
//
// The tail rounds nothing. With the contracts' roundings in it a tail would be a staircase: a change below half a bf16
// ulp vanishes or comes out as a whole one, every c_k would carry one forward pass of fresh rounding noise, and every
// contribution twice that. Unrounded it is smooth, so contributions are defined far below an ulp, and for small errors
// nearly additive; what rounding does is then found where it happens: in the op that rounded, as its own error.
//
// A tap that either trace lacks is computed from recorded ones above it, exactly and on both sides: the errors of
// unrecorded ops appear at the next recorded op below them, which says so (`through`).
// Found by bisection: first the layers, then ops within whatever contributes more than a given share.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include <plumbline/model.h>
#include <plumbline/trace.h>

namespace plumbline {

struct BlameOptions {
  int threads = 0;       ///< 0: all
  double resolve = 0.1;  ///< segments are split while their contribution is larger than this share of the difference
  std::vector<std::string> alone = {};  ///< ops that get a piece of their own, however small: those that find names
};

/// A recorded op, or a segment of several that was not split further.
struct BlamePiece {
  std::string first, last;           ///< recorded ops in execution order; the same op if it is only one
  int layer = -1;                    ///< of `last`
  int64_t ops = 1;                   ///< recorded ops in it
  std::vector<std::string> through;  ///< unrecorded ops whose errors appear here
  double share = 0.0;                ///< of the difference; all shares add up to 1
  double candidate_share = 0.0;      ///< the part that the candidate's own error makes
  double reference_share = 0.0;      ///< the part that the reference's own error makes
  double size = 0.0;                 ///< |a_k| / |dz|: how large it is, whatever its direction
  double rms = 0.0, max_abs = 0.0;   ///< of the contribution, in logits

  bool resolved() const { return ops == 1; }
};

/// A position at which the likeliest next token differs. The margin is the logit of the reference's choice less that of
/// the candidate's choice.
struct MarginFlip {
  int64_t position = 0;
  int64_t reference_token = 0, candidate_token = 0;
  double reference_margin = 0.0, candidate_margin = 0.0;
  size_t piece = 0;    ///< which piece of Blame::pieces moved the margin most
  double moved = 0.0;  ///< by how much; negative: towards the candidate's choice
  double share() const { return moved / (candidate_margin - reference_margin); }
};

struct Blame {
  std::string reason;              ///< not empty: nothing can be blamed, and why
  bool comparable = true;          ///< false: logits were not compared at all
  std::vector<BlamePiece> pieces;  ///< in execution order
  std::vector<MarginFlip> flips;   ///< by position
  int64_t positions = 0, elements = 0;
  int64_t left_out = 0;                                  ///< logits that are NaN or infinite on one side
  double rms = 0.0, max_abs = 0.0, reference_rms = 0.0;  ///< of the difference and of the reference's logits
  double residue = 0.0;  ///< max |sum of contributions - dz| / max |dz|: checked to be below 1e-9
  int64_t tails = 0;     ///< tails of the graph that were replayed

  double share_sum() const;
  double reference_sum() const;  ///< of the reference's parts
  /// Indices of pieces, the largest |share| first.
  std::vector<size_t> by_share() const;
};

/// Throws InputError if a graph or a parameter cannot be used, TraceError if a trace cannot be read, Error if the
/// contributions do not add up.
Blame blame_logits(const Trace& reference, const Trace& candidate, const Model& checkpoint,
                   const BlameOptions& options = {});

}  // namespace plumbline
