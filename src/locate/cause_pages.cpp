// SPDX-License-Identifier: Apache-2.0
// The texts of `plumbline explain` for causes: what was replayed to prove it, and where such mistakes are made.
#include <array>

#include "locate/codes.h"

namespace plumbline {
namespace {

constexpr std::array kPages = {
    CodePage{code::kEpsilon, "another epsilon",
             R"(A norm adds eps to the mean square before the root. Each row of what was
stored is a multiple of weight times input; those multiples give back the
epsilon that the candidate had. It matters where the mean square is small,
and hides where it is large: a distribution of unequal bits then gives it
away, no tolerance.

What to do: follow how the value is read from config.json (rms_norm_eps); a
common default is 1e-5 where the model has 1e-6.)"},
    CodePage{code::kWeightUse, "a norm's weight is used in another way",
             R"(Some families store the weight as an offset from one (1 + w), some plainly.
A weight that was never loaded is one in every channel.

What to do: compare the norm's last line with the model's own code.)"},
    CodePage{code::kPartLost, "a part of a sum is missing",
             R"(Some terms never entered the sum: the last of a dimension that is no
multiple of the tile, or one lane of a reduction whose mask is wrong. The
terms were found by a regression of the error on every part, or by trying
the lanes.

What to do: look at the loop bound, the tail and the reduction's mask; test
a size around the tile.)"},
    CodePage{code::kStatistic, "a norm takes another statistic",
             R"(The mean was subtracted (LayerNorm), the sum was not divided, the mean
square was taken over all heads or not at all.

What to do: compare what the norm averages, and over which axis.)"},
    CodePage{code::kLeftOut, "a step of the computation is left out",
             R"(What was stored is what the op gives without one of its operands, or its own
input passed on.

What to do: see whether the call was lost in a fusion, or the buffer was
overwritten instead of added to.)"},
    CodePage{code::kBias, "a bias is wrong",
             R"(The error is the same in every row: a bias was added that the checkpoint
does not have, left out, or added twice. One with magnitudes that no
training gives is memory that nobody wrote.

What to do: see which flag allocates the bias, and whether it is ever
filled.)"},
    CodePage{code::kOtherWeight, "another weight of the checkpoint was used",
             R"(The op gives what was stored with the weight of another layer or projection,
or with one element of its own changed, as by a flipped bit.

What to do: look at the loader's name map and at pointers into packed
tensors.)"},
    CodePage{code::kTransposed, "a weight is read transposed",
             R"(The weight is stored as [in,out] and read as [out,in]. Square ones load
without a complaint.

What to do: transpose once, at load.)"},
    CodePage{code::kQuantised, "a weight was quantised",
             R"(The op gives what was stored with the weight rounded to integers or 8-bit
floats.

What to do: if it is meant, allow it in the policy with a limit; else find
the cast.)"},
    CodePage{code::kClamped, "a weight is cut to a limit",
             R"(Magnitudes beyond the limit were cut back, as by a quantiser without a scale
or a guard against overflow.

What to do: remove the guard; large weights are not errors.)"},
    CodePage{code::kStaleTile, "a tile is stale",
             R"(Part of the inner dimension was multiplied with data of another tile: a load
that did not happen, or was overtaken.

What to do: check the barrier and the buffer index around that load.)"},
    CodePage{code::kOrder, "parts stand in another order",
             R"(Channels, heads or rows hold what belongs to others: halves swapped, heads
interleaved, a reshape without its transpose.

What to do: compare how the tensor is viewed on both sides.)"},
    CodePage{code::kAccumulator, "a narrow accumulator",
             R"(Partial sums are held in a format of fewer bits than f32. The error grows
with the inner dimension.

What to do: accumulate in f32; for library calls switch reduced-precision
reductions off.)"},
    CodePage{code::kTheta, "another rope base",
             R"(The angles are those of another theta: read off the frequencies, or off the
rotated pairs.

What to do: follow rope_theta from config.json; 10000 is a common default.)"},
    CodePage{code::kRopeScaling, "rope scaling differs",
             R"(The angles are those without the scaling that the config asks for.

What to do: read rope_scaling (or rope_parameters) of config.json.)"},
    CodePage{code::kPosition, "positions are off",
             R"(Tokens are rotated by the angles of other positions.

What to do: check the position that decode steps start from, and the offset
of the cache.)"},
    CodePage{code::kPairing, "other channels are rotated together",
             R"(Rotary embeddings pair halves (i, i + D/2) or neighbours (2i, 2i+1), and
turn one way. Norms of pairs tell them apart.

What to do: take the model family's pairing, or permute the weights at load.)"},
    CodePage{code::kHeadMap, "query heads read other key-value heads",
             R"(In grouped-query attention query head h belongs to key-value head h /
(H/KV).

What to do: check the index arithmetic of the kernel and any repeat of
heads.)"},
    CodePage{code::kScale, "the result is off by a factor",
             R"(What was stored is the right result times a constant: a softmax scale
missing or applied twice, an embedding scale of another family.

What to do: search for the factor that the report names.)"},
    CodePage{code::kMask, "another mask on the scores",
             R"(Tokens see keys that they should not, or miss some.

What to do: check the comparison of key and query position, and the offset
of the cache in decode steps.)"},
    CodePage{code::kActivation, "another activation",
             R"(The gate passes through another function.

What to do: read hidden_act of config.json.)"},
    CodePage{code::kWrongInput, "another tensor is read",
             R"(The op gives what was stored if it reads another tap.

What to do: look at the pointer, and at buffers that are used again.)"},
    CodePage{code::kCacheSlot, "cache rows are in the wrong place",
             R"(Rows of the cache hold those of other positions.

What to do: check the row that a decode step writes, and the length it
reads.)"},
    CodePage{code::kStorage, "the result is stored wrongly",
             R"(The result is right but cut instead of rounded, saturated, flushed to zero,
or was held in another format on the way.

What to do: look at the cast in front of the store.)"},
    CodePage{code::kUnwritten, "part of the result was never computed",
             R"(Elements hold zero where they should not: a tile that no block computes.

What to do: check the grid's size against sizes that are no multiple of the
tile.)"},
    CodePage{code::kRow, "rows of other tokens",
             R"(The embedding's rows are those of other ids.

What to do: check the tokenizer's offsets and padded vocabularies.)"},
    CodePage{code::kSoftmax, "the softmax differs",
             R"(Scores are scaled or capped before it, or its sum is another: not divided,
or not rescaled when an online softmax meets a larger score.

What to do: compare with the plain two-pass form.)"},
};

}  // namespace

std::span<const CodePage> cause_pages() { return kPages; }

}  // namespace plumbline
