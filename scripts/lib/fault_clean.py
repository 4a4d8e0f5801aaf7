# SPDX-License-Identifier: Apache-2.0
"""The healthy pairs of scripts/fault_matrix.sh: one reference, and runs of the same model on the same tokens that may differ
from it in everything that is legal.

Invariant: nothing is planted in any of them, so a finding is a false alarm.
"""

from dataclasses import dataclass
from pathlib import Path

from healthy_runs import Run, kernels

AT_ONCE = 5  # candidates of one reference


@dataclass
class Alarm:
    pair: str
    said: str


def run_of(rng, model: Path, backends, prompt: str, prefill: int) -> Run:
    """The same tokens by another backend, split, number of threads, kernel or choice of taps."""
    backend = rng.choice([name for name in ("twin", "twin", "twin", "oracle", "torch") if name in backends])
    more = {}
    if backend == "twin":
        more["kernel"] = rng.choice(["", "", *kernels(model)])
        more["taps"] = rng.choice(["", "", "", "results"])
    split = prefill if rng.random() < 0.6 else rng.randint(1, len(prompt))
    return Run(model, backend, len(prompt), split, threads=rng.choice([1, 1, 2]), prompt=prompt, **more)


def group(rng, models, backends) -> tuple[Run, list[Run]]:
    """A reference, and what is held against it."""
    model, tokens = rng.choice(models), rng.randint(1, 24)
    prompt = "".join(rng.choice("abcdefghijklmnopqrstuvwxyz ,.") for _ in range(tokens))
    prefill = rng.randint(1, tokens)
    backend = rng.choice([name for name in ("oracle", "oracle", "torch", "twin") if name in backends])
    reference = Run(model, backend, tokens, prefill, prompt=prompt)
    return reference, [run_of(rng, model, backends, prompt, prefill) for _ in range(AT_ONCE)]
