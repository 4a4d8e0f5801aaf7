// SPDX-License-Identifier: Apache-2.0
// The texts of `plumbline explain` for what `plumbline audit` finds in a checkpoint.
#include <array>

#include "locate/codes.h"

namespace plumbline {
namespace {

constexpr std::array kPages = {
    CodePage{code::kParameterMissing, "a parameter is missing from the checkpoint",
             R"(config.json implies a parameter that no weight file holds. Code that allocates
it and loads what it finds computes with whatever was in memory.

What to do: look at the nearest stored name that the report gives: a prefix
("model.") that was lost, a shard that was not fetched, or a config.json of
another model.)"},
    CodePage{code::kHeadMissing, "the head is missing, and nothing ties it",
             R"(The checkpoint has no lm_head.weight, and neither config.json nor the default
of the family's class says that the embedding stands for it. Everything up to
the final norm is then right and the logits are not.

What to do: if the model was trained with a tied head, set
tie_word_embeddings to true; else fetch the weights again.)"},
    CodePage{code::kParameterShape, "a parameter has another shape than the config implies",
             R"(The stored shape is not what config.json leads to. Of the projections of
attention the report says how many channels a head has as stored: a head_dim
that was derived as hidden / heads where the model has another one is the
usual reason.

What to do: correct the key that does not fit, or fetch the weights that
belong to this config.json.)"},
    CodePage{code::kParameterDtype, "parameters are stored in another dtype than the config says",
             R"(Some or all parameters are not of the dtype that config.json declares. What a
program makes of that is its own choice (cast at load, compute mixed), and two
programs that choose differently give different numbers.

What to do: convert the checkpoint, or say in config.json what is stored.
`plumbline run` refuses such a checkpoint rather than convert it silently.)"},
    CodePage{code::kDeniedBias, "a bias is stored that the config denies",
             R"(config.json says that this projection has no bias, or the class knows none,
and a tensor of that name is stored. Code that adds whatever it finds and code
that obeys the config give different results. The values say more: those of
memory that was never written are a finding of their own.

What to do: remove the tensor if the model was trained without it; else
correct config.json (attention_bias, mlp_bias).)"},
    CodePage{code::kUnusedTensor, "a tensor is stored that the model does not use",
             R"(No parameter that config.json implies has this name. It may belong to layers
that the config does not count, to another class, or be spelled otherwise than
a parameter that is missing.

What to do: compare with the names that the report gives as nearest, correct
config.json, or remove the tensor.)"},
    CodePage{code::kShardContradiction, "index and shards contradict each other",
             R"(model.safetensors.index.json places a tensor where it is not, does not name
one that is stored, or two shards hold a tensor of one name. Which one a
program takes then depends on the program.

What to do: fetch index and shards again, together.)"},
    CodePage{code::kNonFiniteWeights, "weights are NaN or infinite",
             R"(No training leaves such weights; a conversion to a narrower format, or a file
that was cut and filled, does.

What to do: fetch the weights again; if they are your own, look at the
conversion: 1e5 in f16 is infinite.)"},
    CodePage{code::kUnwrittenWeights, "numbers as in memory that was never written",
             R"(Magnitudes of 2^64 and above, whose squares pass f32's range (a norm's sum of
squares is then infinite, its inverse root 0, and all that follows 0 or NaN);
or exponents spread over ranges that training leaves empty, above 2^19 and
below 2^-64. Memory that was allocated and saved without being written reads
like that; 1e29 to 1e34 is its usual mark. A warning where only one side of
the range is populated.

What to do: look at what wrote the checkpoint: the tensor was probably created
empty and never loaded.)"},
    CodePage{code::kConstantWeights, "every element of a tensor is the same",
             R"(All zeros, all ones, or the fill pattern of a debug heap. A norm weight of
ones and a bias of zeros are what training begins with and get a warning;
anything else was not trained.

What to do: fetch the weights again, or look at what wrote them.)"},
    CodePage{code::kRepeatedWeights, "a large part of a matrix is one value",
             R"(A quarter or more of the elements are equal (of f32: are zero). A pruned model
looks like that, and so does a matrix of which only a part was written.

What to do: if the model was not pruned, fetch the weights again.)"},
    CodePage{code::kEqualTensors, "several tensors hold the same numbers",
             R"(Two parameters are equal in every bit and are not constants. Layers that were
copied to make a model deeper look like that, a head tied by hand, and a
tensor that was written in the place of another.

What to do: if it is not meant, fetch the weights again.)"},
    CodePage{code::kOtherHead, "the head is tied, and another one is stored",
             R"(The config ties the head to the embedding, so a stored lm_head.weight should
be equal to it or absent. Programs differ in which of the two they use.

What to do: set tie_word_embeddings to false if the stored head is meant, else
remove it.)"},
    CodePage{code::kTransposedSquare, "a square matrix fits its neighbours only transposed",
             R"(Shapes cannot tell a square weight from its transpose. In a trained model the
norms of a matrix's rows and columns resemble those of the same matrix in
neighbouring layers, for they write and read the same channels. Here they do
so only crossed: rows like columns. The report gives both scores; random
weights score about 1 either way, and then nothing is claimed. A defect that
all layers share cannot be seen so.

What to do: compare it and its neighbours with the original weights. What is
seen is that they differ; where most of the neighbours are turned, the upright
one is named.)"},
    CodePage{code::kUnusualTheta, "the rope base is none that the family was published with",
             R"(Weights do not show which rope base they were trained with, and a wrong one
loads without a complaint: the first tokens look right, later ones drift.

What to do: look rope_theta up where the model was published. A model of your
own may have any; then this warning says nothing.)"},
    CodePage{code::kSmallEmbedding, "the embedding is so small that eps weighs in the first norm",
             R"(The first norm divides by sqrt(mean square + eps). Where the embedding's mean
square is no longer far above eps, the result shrinks. An embedding that was
scaled by 1/sqrt(hidden) before it was saved looks like that.

What to do: compare with the original weights, and do not scale where the
family does not.)"},
};

}  // namespace

std::span<const CodePage> audit_pages() { return kPages; }

}  // namespace plumbline
