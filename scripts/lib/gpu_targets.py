# SPDX-License-Identifier: Apache-2.0
"""What the figures of scripts/gpu_all.sh speed have to reach, as data: a number of an entry, and its limit.

Invariant: a target without its figure is missed, not passed. An H100 has less memory bandwidth than an H200: what is asked for
in microseconds or tokens a second is asked of an H200 only.
"""

from dataclasses import dataclass
from typing import Callable


@dataclass
class Target:
    name: str
    entry: Callable  # whether a figure is the one that is meant
    value: Callable  # of that figure
    least: float = float("-inf")
    most: float = float("inf")
    of_h200: bool = False

    def judge(self, figures: list) -> tuple:
        """Whether it is reached, and in words."""
        limit = f"at least {self.least:g}" if self.most == float("inf") else f"at most {self.most:g}"
        meant = [figure for figure in figures if self.entry(figure)]
        if not meant:
            return False, f"no figure; {limit} is asked for"
        values = [self.value(figure) for figure in meant]
        return all(self.least <= value <= self.most for value in values), f"{', '.join(f'{value:.4g}' for value in values)}; {limit} is asked for"


def of(part: str, **keys) -> Callable:
    return lambda figure: figure.get("part") == part and all(figure.get(key) == value for key, value in keys.items())


def taps(figure: dict) -> bool:
    return "copy_bytes_per_second" in figure and "prefill" in figure


def taps_of(tokens: int) -> Callable:
    return lambda figure: taps(figure) and figure["tokens"] == tokens


def with_room(phase: str) -> Callable:
    """The limit is one for a ring that is never full."""
    return lambda figure: taps(figure) and figure[phase]["all"]["stalls"] == 0


def multiple(phase: str, choice: str) -> Callable:
    """Of max(no taps, bytes / copy rate): of the time without taps where there are few bytes."""
    return lambda figure: figure[phase][choice]["of_bound"]


TARGETS = [
    Target("norm and projections, 1 row, microseconds a call", of("qkv", rows=1), lambda figure: figure["graph_us"]["median"], most=3.9, of_h200=True),
    Target("norm and projections, 1 row, part of the bandwidth", of("qkv", rows=1), lambda figure: figure["part_of_bandwidth"], least=0.5),
    Target("norm and projections, 1 row, times LibTorch eager in C++", of("qkv", rows=1), lambda figure: figure["speedup_over_eager_cpp"], least=12.72),
    Target("decode, tokens a second", of("decode"), lambda figure: figure["tokens_per_second"]["median"], least=1000, of_h200=True),
    Target("prefill of 512 tokens, times LibTorch eager", of("prefill", tokens=512), lambda figure: figure["speedup_over_eager_cpp"], least=1.0),
    Target("prefill of 512 tokens, statistics of all taps, times no taps", taps_of(512), multiple("prefill", "stats"), most=1.05),
    Target("decode, statistics of all taps, times no taps", taps, multiple("decode", "stats"), most=1.05),
    Target("prefill, all taps, times max(no taps, bytes / copy rate)", with_room("prefill"), multiple("prefill", "all"), most=1.3),
    Target("decode, all taps, times max(no taps, bytes / copy rate)", with_room("decode"), multiple("decode", "all"), most=1.3),
]  # fmt: skip


def target_checks(figures: list, gpu: str) -> list:
    """A check's record for each target that is asked of this GPU."""
    checks = []
    for target in TARGETS:
        if target.of_h200 and "H200" not in gpu:
            continue
        reached, words = target.judge(figures)
        checks.append({"part": "speed", "check": f"target: {target.name}", "passed": reached, "seconds": 0.0, "said": words})
    return checks
