// SPDX-License-Identifier: Apache-2.0
// What two runs said: their tokens, where these part, how close the choice was, and how far the distributions lie
// apart. Invariant: logits are compared only at positions whose tokens agree so far.
#pragma once
#include <cstdint>
#include <optional>
#include <vector>

#include <plumbline/find.h>
#include <plumbline/trace.h>

#include "core/next_token.h"
#include "locate/positions.h"

namespace plumbline {

struct TokenReport {
  std::vector<int64_t> reference, candidate;  ///< fed tokens from position 0 on; kUnknownToken where a file is silent
  int64_t prompt = 0;                         ///< how many of them were fed at once at the start, on both sides
  Alignment alignment;
  int64_t stated = 0;           ///< common positions whose tokens both sides state
  std::optional<Finding> moot;  ///< the checkpoints differ: nothing was compared
  std::vector<NextToken> next;  ///< of every common position whose logits both sides recorded, ascending
  /// The entry that chose the first differing token; nullptr if none differs, or its logits were not recorded.
  const NextToken* fork() const;
  /// The first entry whose sides choose otherwise, whatever was fed next: what tells runs of one given text apart.
  const NextToken* first_other_choice() const;
};

/// Runs of different checkpoints are not compared, unless `ignore_digests`. Throws TraceError if logits of one position
/// have another vocabulary on the other side.
TokenReport compare_tokens(const Trace& reference, const Trace& candidate, bool ignore_digests = false);

}  // namespace plumbline
