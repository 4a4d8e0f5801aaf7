// SPDX-License-Identifier: Apache-2.0
// The texts of `plumbline explain`: a table and a look-up.
#include "locate/codes.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <string>
#include <vector>

namespace plumbline {
namespace {

constexpr std::array kPages = {
    CodePage{code::kShapes, "two taps of one path have shapes that cannot meet",
             R"(Both traces recorded this tap, but their shapes agree on no common positions:
an axis other than "token" and "key" has another extent, or the axes stand in
another order. The values were not compared and the op is `incomparable`.

What to do: if the report names a permutation that would fit, the candidate
stores the tensor transposed: record it in the order of the reference. If no
permutation fits, the two implementations do not record the same quantity.)"},
    CodePage{code::kOneSided, "a tap was recorded on one side only",
             R"(One trace holds a tap that the other lacks. Ops between the taps that both
sides recorded are replayed as one segment and judged at the next common tap,
so a defect there is placed in the segment and not at one op. That reaches
over a few ops; after whole layers the next op cannot be judged at all
(P0104).

What to do: record the tap on the other side too (`run --taps`), or, if it is
a matter of spelling, use the path that the report suggests. `plumbline gate`
ends with status 3 unless --allow-missing matches the path.)"},
    CodePage{code::kNothingCompared, "nothing could be compared",
             R"(The two traces have no tap in common that holds the same positions, or no op
whose inputs and results both sides recorded. Comparing nothing is never a
pass: the exit status is 3.

What to do: `plumbline doctor REF CAND` says whether and why the two files do
not pair; `plumbline ls FILE` lists what a trace holds.)"},
    CodePage{code::kNotJudged, "an op could not be judged",
             R"(No recorded input reaches this op; or no tap after it was recorded on both
sides; or the replay from the nearest recorded taps passes through so many
unrecorded ops that honest rounding hides what a defect might do. Such an op
is `unknown`, never clean, unless both sides hold equal bits.

Every op that is replayed instead of read adds its rounding to the bound of
the next, and matrix products multiply it. Where that bound says too little,
the segment is replayed 16 times with every open rounding drawn anew. What
goes beyond that noise is a finding (P0208); what hardly differs from the
replay in any bit is clean; what lies in between is neither. To look at one
layer only, record its input as well, the last tap of the layer before it.

What to do: record more taps (`run --taps '*'`), at least the op's inputs; the
report names the tap that halves the first of these segments. If
they cannot be had, `plumbline gate --allow-missing GLOB` passes over the ops
for which only taps that match are missing; for --min-coverage they count as
not judged.)"},
    CodePage{code::kMapRule, "a rule of the name map matches nothing",
             R"(--map translates the names of other software into tap paths. No tensor of
either file has a name that this rule matches, so the tap that it should give
is missing; the ops around it are judged as a segment, or not at all.

What to do: compare the rule with the names that `plumbline ls FILE` lists;
the report shows those nearest to it. A rule for what only some versions or
settings record is marked `optional = true`.)"},
    CodePage{code::kOwnError, "an op's own error is larger than its contract allows",
             R"(The op was replayed in f64 on the very inputs that the candidate recorded for
it. What it should have given and what the candidate stored differ by more
than the bound that follows from the contract: half a step of the output
format, plus accumulation, plus every declared intermediate rounding. Errors
that came in with the inputs are not part of this difference, so the defect
lies in this op (or in the parameters it read).

What to do: look at the values beside the replay (`plumbline show`), then at
the op's weights, attributes and kernel.)"},
    CodePage{code::kMismatch, "too many results differ by a rounding",
             R"(Every single element lies within the bound, but together they err as no
rounding does: far more elements differ from the correctly rounded replay than
accumulation noise can explain, in all (gate G3) or in one token, channel,
head or tile where they gather (gate G4); or, where every last bit is noise,
errors are over ten times as large as rounding makes them of most data (gate
G2) or lean to one side (gate G4), as sums that are cut, not rounded, do.
That is the trace of a rounding point too many, too few or elsewhere, or of a
small systematic error such as another epsilon.

What to do: compare the op's rounding points with its contract. If another
known contract had fitted, the code would be P0203.)"},
    CodePage{code::kOtherContract, "the op follows another rounding contract",
             R"(Under the reference's contract the op's own error fails; replayed under the
contract named in the report it passes every gate. The candidate computes the
right thing with other rounding points (for example one rounding at the end
where PyTorch rounds twice).

What to do: decide whether that is wanted. Results will not equal the
reference bit for bit; the exit status is 1 all the same.)"},
    CodePage{code::kOtherFormat, "a tap is held in another number format than declared",
             R"(The op's contract says in which format its result is held, and the trace
holds it in another one. Comparing values across formats hides a missing
rounding, so this is a finding of its own unless another contract explains it.

What to do: store the tensor in the format that the next op really reads.)"},
    CodePage{code::kValuesDiffer, "values differ (compared without a model)",
             R"(Without the checkpoint nothing can be replayed: the values of both traces were
subtracted, but an op's own error cannot be told from what it inherited. The
first tap that differs need not be where the defect is, and differences of one
rounding step are shown as differences.

What to do: give the model directory (`plumbline find REF CAND --model DIR`).)"},
    CodePage{code::kReferenceOutlier, "the reference itself breaks its contract",
             R"(The reference's own result, replayed on its own inputs, fails the gates of the
contract that it declares. There is then no ground to blame the candidate at
this op: the gate is invalid and the candidate is not judged against it. The
report says how far each side is off, and whether both break the contract.

What to do: check how the reference was recorded (was it given a fault? other
weights? another build?) and record it again.)"},
    CodePage{code::kInheritedFromOutside, "the selected taps differ by what they inherit",
             R"(`plumbline diff` was restricted with --select or --exclude. No selected op is
at fault by itself, but they differ beyond rounding, because an op outside the
selection diverges and they read what it gave. The selected taps are therefore
not at parity, and the report does not call them so.

What to do: run `plumbline find` without a selection and mend the op it names.
To see only ops that do not depend on that one, select those that come before
it.)"},
    CodePage{code::kBeyondNoise, "a segment gives more than the noise of its replay",
             R"(Taps are missing, so several ops were replayed together as one segment, and
the bound composed over them is too wide to decide. The segment was therefore
replayed 16 times in which every number whose rounding the contracts leave
open was drawn anew. The candidate's result is further from the undisturbed
replay, or unlike it in more bits, than a right implementation would be but
once in a million. One of the ops listed as the segment is at fault.

What to do: record one of the taps that the report names on both sides, best
the one in the middle: each halves the segment. With all taps recorded the op
itself is named.)"},
    CodePage{code::kIllConditioned, "an op is ill-conditioned: right results may be mostly rounding",
             R"(On these inputs a right implementation may be off by as much as its results
are large, or a side is off by more than a tenth of them and still within its
bound; and noise alone may make every bit unlike the replay's. That happens
where large terms cancel and leave what their roundings left. Both sides hold
their bounds, but that says nothing: the gate is invalid here, and the
outcome is inconclusive (status 3) unless a divergence is found elsewhere.
The report says how large the own error of each side is, and which of the two
is the outlier.

What to do: compare on other tokens, or let both sides record this op in a
wider format. Ops before and after it are judged on the inputs that each side
recorded for them, so their verdicts stand.)"},
    CodePage{code::kNonFinite, "NaN or infinity where the op should give none, or the reverse",
             R"(The replay on the candidate's own inputs says which elements are NaN or
infinite. The candidate's differ. A flood of NaN further down that follows
from non-finite inputs is reproduced by the replay and counts as inherited, so
this code marks the place where the flood begins.

What to do: look for uninitialised memory, a wrong mask value, an overflow, or
a maximum that hides NaN in this op.)"},
    CodePage{code::kNonFiniteBoth, "NaN or infinity on both sides",
             R"(Both traces hold NaN, or the same infinity, at the same elements of this op,
the first such op in order of execution. The sides agree, but such elements
cannot be judged: whatever an op does to NaN, it stays NaN. An op none of
whose elements is finite is `unknown` and not part of the coverage; unless a
divergence is found elsewhere the outcome is inconclusive (status 3).

What to do: look for NaN or infinity in the op's parameters (the report names
the parameter if it is there), or for an overflow that both sides share.)"},
    CodePage{code::kOtherCheckpoint, "the traces were made from different checkpoints",
             R"(The digests of config.json or of a weight file, taken when each run read it,
differ. Values of different weights cannot be compared for parity: status 3.
The report also says whether the parameters as used agree: if they do, only
the packing of the files or a key of config.json is another.

What to do: record both runs from the same model directory.)"},
    CodePage{code::kTokensDiffer, "the prompts differ",
             R"(The tokens fed at the start of the two runs are not the same. Status 3.

What to do: record the candidate on the reference's tokens:
`plumbline run MODEL --tokens REF.h5 ...`.)"},
    CodePage{code::kParameterDiffers, "a parameter differs as used",
             R"(Both runs read the same files, but a parameter was not the same numbers when
it was used: it was changed between loading and use (transposed, permuted,
overwritten, converted) on at least one side. A warning if it was the
reference alone that departed from the checkpoint: it is then no reference
(status 3, unless the candidate has findings of its own).

What to do: follow the loading code of this one tensor.)"},
    CodePage{code::kParameterOneSided, "a parameter was used on one side only",
             R"(One run used a parameter that the other did not have, for instance a bias
that the checkpoint does not hold: as from uninitialised memory, or a bias
that the other side forgot. A warning if the candidate did as the checkpoint
says and the reference did not.

What to do: compare the op's parameters with the files of the checkpoint.)"},
    CodePage{code::kTokensFork, "the generated tokens part",
             R"(After a common prompt the two runs chose different tokens. From there on they
computed different things; only the positions before the fork were compared.
If nothing is found there, the outcome is inconclusive (status 3), because a
near tie may flip on noise alone.

What to do: feed the candidate the reference's tokens, so that every position
can be compared: `plumbline run MODEL --tokens REF.h5 ...`.)"},
    CodePage{code::kOtherModel, "the model directory is not the one the traces were made from",
             R"(The files in the model directory do not have the digests that the traces
recorded. Replaying ops with other weights would blame the wrong thing, so
nothing was judged: status 3.

What to do: give the directory of the right checkpoint with --model.)"},
    CodePage{code::kSettingsDiffer, "an op was run with other settings",
             R"(The graphs inside the two traces give this op different attributes: eps, the
rope base, the scale of the scores, the map from query to key-value heads.
On the tokens at hand the numbers stay within their bounds, on others they
need not. Where the numbers do show it, the difference stands as evidence
under the op's own finding.

What to do: follow how the value is read from config.json on the side that
departs from the checkpoint.)"},
    CodePage{code::kFormatsDiffer, "the two runs computed in different number formats",
             R"(One run computed in f32 and the other in bf16, say: by a checkpoint of another
format, or by `run --dtype`. Their results differ in nearly every element, and
that is no defect of any op. Each op of each side was therefore replayed in
that side's own format, with the weights rounded to it, and held against the
bound of that format: an op with a defect besides has a finding of its own.

What to do: for parity record both runs in one format. Where the difference is
meant, `plumbline tokens REF CAND` says what it does to the text.)"},
    CodePage{code::kCoverage, "fewer ops were judged than the gate demands",
             R"(The share of the reference's ops whose own error was judged is below
--min-coverage, or the candidate lacks token positions that the reference has.
A gate that looks at little must not pass: status 3.

What to do: record more taps, or lower --min-coverage knowingly; feed the
candidate all tokens of the reference (`run --tokens REF.h5`).)"},
    CodePage{code::kTapMissing, "the gate demands taps on both sides",
             R"(`plumbline gate` was given a pair in which a tap was recorded on one side
only, or a tap that the policy requires was not recorded on both: status 3, so
that a kernel that stopped recording cannot pass.

What to do: record it. If it is meant, say `--allow-missing GLOB`, or take it
out of required_taps in the policy.)"},
    CodePage{code::kLimit, "an op passes a limit of the policy",
             R"(A figure of this op is larger than plumbline.toml allows: its own error as a
multiple of the derived bound, its share of unequal bits, or its difference
from the reference. Without that limit the op would have passed.

What to do: `plumbline policy why FILE OP` names the line that decides. Mend
the op, or change the limit and say why.)"},
    CodePage{code::kNotAllowed, "the candidate is not the run that the policy allows",
             R"(The candidate states a rounding contract, a backend or a setting that the
policy does not list. A run that fell back to another kernel, or to the
reference itself, compares well and proves nothing about the kernel on trial.

What to do: find out why the run fell back. If the other kernel is wanted, add
it to `contracts` or to [candidate] in the policy.)"},
    CodePage{code::kWaiverUnused, "a waiver excuses nothing",
             R"(Every op that the waiver matches was judged, and none has the finding that it
excuses. Left there it would hide the next one.

What to do: take the waiver out of the policy.)"},
    CodePage{code::kWaiverExpired, "a waiver has expired",
             R"(The day after which the waiver no longer holds is past, so the finding counts
again. Nothing got worse overnight.

What to do: mend the op, or have the owner renew the waiver with a new reason.)"},
};

}  // namespace

std::span<const CodePage> code_pages() {
  static const std::vector<CodePage> all = [] {
    std::vector<CodePage> pages(kPages.begin(), kPages.end());
    pages.insert(pages.end(), cause_pages().begin(), cause_pages().end());
    pages.insert(pages.end(), audit_pages().begin(), audit_pages().end());
    return pages;
  }();
  return all;
}

const CodePage* find_code_page(std::string_view wanted) {
  std::string upper(wanted);
  std::transform(upper.begin(), upper.end(), upper.begin(),
                 [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  const std::span<const CodePage> pages = code_pages();
  const auto page = std::find_if(pages.begin(), pages.end(), [&](const CodePage& one) { return one.code == upper; });
  return page == pages.end() ? nullptr : &*page;
}

}  // namespace plumbline
