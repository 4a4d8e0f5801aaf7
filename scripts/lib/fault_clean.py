# SPDX-License-Identifier: Apache-2.0
"""The healthy pairs of scripts/fault_matrix.sh: one reference, and runs of the same model on the same tokens that may differ
from it in everything that is legal.

Invariant: nothing is planted in any of them, so a finding is a false alarm.
"""

from dataclasses import dataclass, replace
from pathlib import Path

from healthy_runs import BATCHES, SM90, Run, has_known_orders, kernels

try:
    import h5py
except ImportError:  # SDPA is then not among the candidates
    h5py = None

AT_ONCE = 5  # candidates of one reference
SDPA = "torch by SDPA"


@dataclass
class Alarm:
    """A healthy pair that find did not call healthy."""

    pair: str
    said: str
    left_open: bool  # exit 3: some op could not be judged by what was recorded; nothing is accused


def attentions(backends: set[str]) -> set[str]:
    """The backends, and torch by SDPA where this Python can make foreign files of its traces."""
    return backends | {SDPA} if h5py and "torch" in backends else backends


def make_foreign(trace: Path, copy: Path) -> None:
    """The tensors alone, with no word on the graph: as hooks on a model's modules record it."""
    with h5py.File(trace) as ours, h5py.File(copy, "w") as theirs:
        ours.copy("t", theirs)


def run_of(rng, model: Path, backends, prompt: str, prefill: int) -> Run:
    """The same tokens by another backend, split, number of threads, batch, kernel, attention or choice of taps."""
    backend = rng.choice([name for name in ("twin", "twin", "twin", "oracle", "torch", "torch", SDPA) if name in backends])
    more = {}
    if backend == "twin":
        more["kernel"] = rng.choice(["", "", *kernels(model)])
        more["taps"] = rng.choice(["", "", "", "results"])
    if backend == SDPA:
        backend, more = "torch", {"attention": "sdpa", "taps": "modules"}
    if backend == "torch":
        more["batch"] = rng.choice([1, *BATCHES])
    split = prefill if rng.random() < 0.6 else rng.randint(1, len(prompt))
    return Run(model, backend, len(prompt), split, threads=rng.choice([1, 1, 2]), prompt=prompt, **more)


def prompt_of(rng) -> str:
    return "".join(rng.choice("abcdefghijklmnopqrstuvwxyz ,.") for _ in range(rng.randint(1, 24)))


def sm90_group(rng, models, backends) -> tuple[Run, list[Run]]:
    """One side of each pair is our kernels with the orders of LibTorch on a GPU, the other may be anything; now the reference,
    now the candidates."""
    model = rng.choice([model for model in models if has_known_orders(model)])
    prompt = prompt_of(rng)
    prefill = rng.randint(1, len(prompt))
    if rng.random() < 0.3:
        reference = Run(model, "twin", len(prompt), prefill, prompt=prompt, numerics=SM90)
        return reference, [run_of(rng, model, backends, prompt, prefill) for _ in range(AT_ONCE)]
    backend = rng.choice([name for name in ("oracle", "torch", "twin") if name in backends])
    others = [run_of(rng, model, {"twin"}, prompt, prefill) for _ in range(AT_ONCE)]
    return Run(model, backend, len(prompt), prefill, prompt=prompt), [replace(run, numerics=SM90) for run in others]


def group(rng, models, backends) -> tuple[Run, list[Run]]:
    """A reference, and what is held against it."""
    model = rng.choice(models)
    prompt = prompt_of(rng)
    tokens, prefill = len(prompt), rng.randint(1, len(prompt))
    backend = rng.choice([name for name in ("oracle", "oracle", "torch", "twin") if name in backends])
    reference = Run(model, backend, tokens, prefill, prompt=prompt)
    return reference, [run_of(rng, model, backends, prompt, prefill) for _ in range(AT_ONCE)]
