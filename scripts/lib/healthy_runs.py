# SPDX-License-Identifier: Apache-2.0
"""Which healthy runs scripts/healthy_pairs.sh holds against each other.

Invariant: both runs of a pair compute the same model on the same tokens, so that find may have nothing to say. How they are
recorded and judged is left to healthy_pairs.py.
"""

import json
from dataclasses import dataclass, replace
from pathlib import Path

# The tiny models take a byte for a token: the first N characters are a prompt of N tokens.
TEXT = ("The licenses for most software are designed to take away your freedom to share and change it. By contrast, the "
        "GNU General Public License is intended to guarantee your freedom to share and change free software.")
EQUAL_KERNELS = ["exact", "unfused"]  # variants that give the bits of the default; and, where keys have a norm:
KEY_NORM_KERNEL = "separate_k_norm"
# What the kernels hand to each other, nothing from inside them; and what a dump of a model's modules would hold.
NARROWED = {
    "results": ["embed", "rope.cos", "rope.sin", "*.out", "*_proj", "*_rope", "*_cache", "*.ctx", "*.resid?", "logits"],
    "modules": ["embed", "rope.cos", "rope.sin", "*norm.out", "*_proj", "*.resid?", "logits"],
}
BATCHES = [2, 3, 8]  # of backend torch
CAPTURE = "capture"  # the backend that is scripts/capture/hf.py
CAPTURED = {"plain": ["--plain"], "torch calls": ["--torch-calls"]}  # what it records other than by default
NORMS = ["exact", "notes"]  # modes of scripts/extreme_norms.py
SM90 = "torch/sm90"  # numerics of backend twin: the orders of LibTorch's kernels on a GPU, which depend on the shape
# Heads, their width and the model's, of the shapes whose orders are known (cuda/pipeline/torch_orders.cpp).
KNOWN_ORDERS = [(16, 128, 1024), (4, 128, 128), (4, 64, 128)]


@dataclass(frozen=True)
class Run:
    """One side of a pair: what `plumbline run` or hf.py is told."""

    model: Path
    backend: str
    tokens: int
    prefill: int = 0  # 0: all at once
    threads: int = 1
    kernel: str = ""
    taps: str = ""  # a key of NARROWED, of a capture one of CAPTURED
    verified: bool = False
    norms: str = ""  # one of NORMS: the checkpoint is rewritten so before
    new: int = 0  # of a capture: steps of one token after the prompt
    fed_by: "Run | None" = None  # takes its tokens, step by step, from that capture
    prompt: str = ""  # instead of TEXT's beginning; as long as `tokens` says
    attention: str = ""  # of backend torch
    batch: int = 1  # copies of the tokens that backend torch computes at once
    dtype: str = ""  # a format other than the checkpoint's
    numerics: str = ""  # of backend twin, other than portable

    def options(self) -> list[str]:
        """What both programs are told alike, but for the tokens of a run that is fed by a capture."""
        said = ["--threads", self.threads]
        said += [] if self.fed_by else ["--prompt", self.prompt or TEXT[: self.tokens]]
        if self.backend == CAPTURE:
            return said + ["--new", self.new] * bool(self.new) + CAPTURED.get(self.taps, [])
        said += ["--backend", self.backend]
        said += ["--prefill", self.prefill] if self.prefill else []
        said += ["--kernel", f"qkv={self.kernel}"] if self.kernel else []
        said += ["--attention", self.attention] if self.attention else []
        said += ["--batch", self.batch] if self.batch > 1 else []
        said += ["--dtype", self.dtype] if self.dtype else []
        said += ["--numerics", self.numerics] if self.numerics else []
        said += [word for glob in NARROWED.get(self.taps, []) for word in ("--taps", glob)]
        return said + (["--verify-taps"] if self.verified else [])

    def __str__(self) -> str:
        split = f" {self.prefill}+{self.tokens - self.prefill}" if self.prefill else f" {self.tokens}"
        split += f", {self.new} decoded" if self.new else ""
        more = [f"{self.threads} threads"] * (self.threads > 1) + [self.kernel] * bool(self.kernel) + [self.attention] * bool(self.attention)
        more += [f"batch of {self.batch}"] * (self.batch > 1) + [self.dtype] * bool(self.dtype) + [self.numerics] * bool(self.numerics)
        more += [f"taps: {self.taps}"] * bool(self.taps) + ["verified"] * self.verified
        return self.backend + split + "".join(f", {each}" for each in more)


@dataclass(frozen=True)
class Pair:
    reference: Run
    candidate: Run

    @property
    def model(self) -> str:
        return self.reference.model.name + (f" {self.reference.norms} norms" if self.reference.norms else "")

    @property
    def captured(self) -> bool:
        return CAPTURE in (self.reference.backend, self.candidate.backend)

    @property
    def group(self) -> tuple:
        """Of each of these a slice has one, if it is long enough."""
        return self.captured, self.reference.model if self.captured else self.model


def has_key_norm(model: Path) -> bool:
    """By the names of the model's weights."""
    with (model / "model.safetensors").open("rb") as file:
        return b"self_attn.k_norm" in file.read(int.from_bytes(file.read(8), "little"))


def has_known_orders(model: Path) -> bool:
    """Whether the kernels know in which order a GPU's LibTorch sums in this model."""
    config = json.loads((model / "config.json").read_text())
    return tuple(config.get(key) for key in ("num_attention_heads", "head_dim", "hidden_size")) in KNOWN_ORDERS


def kernels(model: Path) -> list[str]:
    """The variants that this model can run."""
    return EQUAL_KERNELS + [KEY_NORM_KERNEL] * has_key_norm(model)


def candidates(model: Path, tokens: int, prefill: int) -> list[Run]:
    """What is tried with these tokens: all of it where that is cheap."""
    plain = Run(model, "twin", tokens, prefill)
    more_threads = Run(model, "twin", tokens, prefill, threads=2)
    narrowed = [Run(model, "twin", tokens, prefill, taps=taps) for taps in NARROWED]
    variants = [Run(model, "twin", tokens, prefill, kernel=kernel) for kernel in kernels(model)]
    if tokens == 200:
        return [plain]
    if tokens == 64:
        return [plain, narrowed[1]] if prefill else [plain, more_threads, variants[1]]
    return [plain, more_threads, *variants, *narrowed]


def batched(reference: Run) -> list[Pair]:
    """One sequence against several at once. LibTorch may take other kernels for other numbers of rows; in f32 it does so from one to two."""
    formats = [replace(reference, dtype=dtype) for dtype in ("", "f32")]
    return [Pair(run, replace(run, batch=batch)) for run in formats for batch in BATCHES]


def own_pairs(model: Path, backends: set[str]) -> list[Pair]:
    """The model as it is, run by the programs."""
    pairs = []
    for tokens, splits in [(1, [0]), (7, [0, 1, 3, 4, 6]), (64, [0, 60]), (200, [0, 197])]:
        whole = Run(model, "oracle", tokens)
        for prefill in splits:
            references = [Run(model, backend, tokens, prefill) for backend in ("oracle", "torch") if backend in backends]
            for reference in references:
                tried = candidates(model, tokens, prefill)
                pairs += [Pair(reference, run) for run in (tried if reference.backend == "oracle" else tried[:2])]
            if prefill and tokens < 200:  # the same tokens all at once
                pairs.append(Pair(whole, Run(model, "twin", tokens, prefill)))
            if len(references) > 1 and tokens < 200:
                pairs.append(Pair(*references))
                pairs += batched(references[1]) if tokens == 7 else []
        if tokens == 7:
            pairs += [Pair(whole, Run(model, "oracle", 7, threads=2)), Pair(whole, Run(model, "twin", 7, verified=True)),
                      Pair(Run(model, "twin", 7), Run(model, "twin", 7, 4))]
    return pairs


def extreme_pairs(model: Path, backends: set[str]) -> list[Pair]:
    """K-norm weights of up to 96.5, on either side the same. A model without that norm has none."""
    pairs = []
    for norms in NORMS if has_key_norm(model) else []:
        for tokens, prefill in [(7, 0), (1, 0), (7, 4), (64, 60), (200, 0)]:
            plain = Run(model, "twin", tokens, prefill, norms=norms)
            references = [replace(plain, backend=backend) for backend in ("oracle", "torch") if backend in backends]
            pairs += [Pair(reference, plain) for reference in references]
            if prefill == 0 and tokens == 7:
                tried = [replace(plain, threads=2), replace(plain, kernel="unfused"), replace(plain, taps="modules")]
                pairs += [Pair(references[0], run) for run in tried]
    return pairs


def sm90_pairs(model: Path, backends: set[str]) -> list[Pair]:
    """LibTorch's orders on a GPU against those on the CPU, against portable ones and against none."""
    pairs = []
    for tokens, prefill in [(1, 0), (7, 0), (7, 1), (7, 4), (32, 29), (64, 0), (200, 0)] if has_known_orders(model) else []:
        sm90 = Run(model, "twin", tokens, prefill, numerics=SM90)
        others = [Run(model, backend, tokens, prefill) for backend in ("oracle", "torch", "twin") if backend in backends]
        pairs += [Pair(other, sm90) for other in others]
        if (tokens, prefill) == (7, 4):
            pairs += [Pair(sm90, others[-1]), Pair(Run(model, "oracle", 7), sm90)]
            pairs += [Pair(others[0], run) for run in (replace(sm90, threads=2), replace(sm90, verified=True), *(replace(sm90, taps=taps) for taps in NARROWED))]
    return pairs


def captured_pairs(model: Path, backends: set[str]) -> list[Pair]:
    """The model as transformers runs it against the programs, which are fed the capture's tokens."""
    pairs = []
    lengths = [(7, 0), (1, 0), (7, 3), (64, 0), (64, 2), (200, 0)]
    captures = [Run(model, CAPTURE, tokens, new=new) for tokens, new in lengths]
    captures += [Run(model, CAPTURE, 7, taps="plain"), Run(model, CAPTURE, 7, threads=2, taps="torch calls")]
    captures += [Run(model, CAPTURE, tokens, norms="notes") for tokens in (7, 64) if has_key_norm(model)]
    for capture in captures:
        own = [backend for backend in ("twin", "torch", "oracle") if backend in backends]
        for backend in own if capture == captures[2] else own[:1]:
            pairs.append(Pair(capture, fed(capture, backend)))
    first = captures[0]
    pairs += [Pair(first, replace(fed(first, "twin"), threads=2)), Pair(first, replace(fed(first, "twin"), kernel="exact")),
              Pair(first, replace(fed(first, "twin"), taps="modules")), Pair(fed(first, "twin"), first)]
    return pairs


def fed(capture: Run, backend: str) -> Run:
    """The same by one of our backends. A plain capture holds no tokens: there the prompt has to do."""
    told = None if capture.taps == "plain" else capture
    return Run(capture.model, backend, capture.tokens, norms=capture.norms, new=capture.new, fed_by=told)


def pairs_of(model: Path, backends: set[str]) -> list[Pair]:
    """By number of tokens, so that the traces of one length are recorded, used and removed together."""
    return own_pairs(model, backends) + extreme_pairs(model, backends) + sm90_pairs(model, backends) + captured_pairs(model, backends)


def slice_of(pairs: list[Pair], wanted: int) -> list[Pair]:
    """`wanted` of the pairs, in their order: the first of each group, the others evenly spread; all if there are fewer."""
    if wanted >= len(pairs):
        return pairs
    first = list({pair.group: pair for pair in reversed(pairs)}.values())[::-1][:wanted]
    others = [pair for pair in pairs if pair not in first]
    spread = wanted - len(first)
    chosen = {*first, *(others[i * len(others) // spread] for i in range(spread))}
    return [pair for pair in pairs if pair in chosen]
