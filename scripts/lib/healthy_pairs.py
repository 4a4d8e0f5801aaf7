# SPDX-License-Identifier: Apache-2.0
"""The table of scripts/healthy_pairs.sh: two healthy runs of one model on the same tokens, again and again.

Invariant: a pair counts as free of findings only if find ended with parity and judged every op, also where few taps were
recorded. A run that fails ends the table. Each run is recorded once, whatever the number of pairs that it belongs to, and
removed after the last of them.
"""

import argparse
import json
import sys
import tempfile
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

from programs import Programs, all_models

# The tiny models take a byte for a token: the first N characters are a prompt of N tokens.
TEXT = ("The licenses for most software are designed to take away your freedom to share and change it. By contrast, the "
        "GNU General Public License is intended to guarantee your freedom to share and change free software.")
WHOLE = 100  # pairs that the whole table has at least
EQUAL_KERNELS = ["exact", "unfused"]  # variants that give the bits of the default; and, where keys have a norm:
KEY_NORM_KERNEL = "separate_k_norm"
# What the kernels hand to each other, nothing from inside them; and what a dump of a model's modules would hold.
NARROWED = {
    "results": ["embed", "rope.cos", "rope.sin", "*.out", "*_proj", "*_rope", "*_cache", "*.ctx", "*.resid?", "logits"],
    "modules": ["embed", "rope.cos", "rope.sin", "*norm.out", "*_proj", "*.resid?", "logits"],
}


@dataclass(frozen=True)
class Run:
    """One side of a pair: what `plumbline run` is told."""

    model: Path
    backend: str
    tokens: int
    prefill: int = 0  # 0: all at once
    threads: int = 1
    kernel: str = ""
    taps: str = ""  # a key of NARROWED
    verified: bool = False

    def options(self) -> list[str]:
        said = ["--backend", self.backend, "--prompt", TEXT[: self.tokens], "--threads", self.threads]
        said += ["--prefill", self.prefill] if self.prefill else []
        said += ["--kernel", f"qkv={self.kernel}"] if self.kernel else []
        said += [word for glob in NARROWED.get(self.taps, []) for word in ("--taps", glob)]
        return said + (["--verify-taps"] if self.verified else [])

    def __str__(self) -> str:
        split = f" {self.prefill}+{self.tokens - self.prefill}" if self.prefill else f" {self.tokens}"
        more = [f"{self.threads} threads"] * (self.threads > 1) + [self.kernel] * bool(self.kernel)
        more += [f"taps: {self.taps}"] * bool(self.taps) + ["verified"] * self.verified
        return self.backend + split + "".join(f", {each}" for each in more)


@dataclass(frozen=True)
class Pair:
    reference: Run
    candidate: Run


def kernels(model: Path) -> list[str]:
    """The variants that this model can run, by the names of its weights."""
    with (model / "model.safetensors").open("rb") as file:
        names = file.read(int.from_bytes(file.read(8), "little"))
    return EQUAL_KERNELS + [KEY_NORM_KERNEL] * (b"self_attn.k_norm" in names)


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


def pairs_of(model: Path, backends: set[str]) -> list[Pair]:
    """By number of tokens, so that the traces of one length are recorded, used and removed together."""
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
        if tokens == 7:
            pairs += [Pair(whole, Run(model, "oracle", 7, threads=2)), Pair(whole, Run(model, "twin", 7, verified=True)),
                      Pair(Run(model, "twin", 7), Run(model, "twin", 7, 4))]
    return pairs


def slice_of(pairs: list[Pair], wanted: int) -> list[Pair]:
    """`wanted` of the pairs, evenly spread; all if there are fewer."""
    if wanted >= len(pairs):
        return pairs
    return [pairs[i * len(pairs) // wanted] for i in range(wanted)]


class Table(Programs):
    def __init__(self, programs: Path, work: Path, pairs: list[Pair]):
        super().__init__(programs, "healthy_pairs")
        self.work = work
        self.uses = Counter(run for pair in pairs for run in {pair.reference, pair.candidate})
        self.runs = {run: i for i, run in enumerate(self.uses)}
        self.guards = {run: Lock() for run in self.runs}
        self.lock = Lock()

    def trace(self, run: Run) -> Path:
        """The run's trace, recorded by whoever needs it first."""
        file = self.work / f"{self.runs[run]}.h5"
        with self.guards[run]:
            if not file.exists():
                self.must("run", run.model, *run.options(), "-o", file)
        return file

    def release(self, run: Run) -> None:
        with self.lock:
            self.uses[run] -= 1
            if self.uses[run] == 0:
                (self.work / f"{self.runs[run]}.h5").unlink(missing_ok=True)

    def judge(self, pair: Pair) -> dict:
        """The verdict and the coverage of one pair; a pair that find could not judge has no coverage."""
        done = self.call("find", self.trace(pair.reference), self.trace(pair.candidate), "-j", 1, "--json")
        for run in {pair.reference, pair.candidate}:
            self.release(run)
        try:
            report = json.loads(done.stdout)
        except json.JSONDecodeError:
            return {"verdict": f"status {done.returncode}", "coverage": "", "sound": False,
                    "said": (done.stderr.strip().splitlines() or ["no report"])[0]}
        judged, ops = report["coverage"]["judged_ops"], report["coverage"]["reference_ops"]
        errors = [f"{each['code']} {each['op']}: {each['title']}" for each in report["findings"] if each["level"] == "error"]
        sound = done.returncode == 0 and not errors and 0 < judged == ops
        return {"verdict": report["outcome"]["verdict"], "coverage": f"{judged} of {ops} ops", "sound": sound,
                "said": (errors or [report["outcome"]["headline"]])[0]}


def command_lines(pair: Pair) -> str:
    """How to see a pair again."""
    lines = []
    for run, name in ((pair.reference, "ref.h5"), (pair.candidate, "cand.h5")):
        words = [f"'{word}'" if not str(word).replace("-", "").isalnum() else str(word) for word in run.options()]
        lines.append(f"  plumbline run {run.model} {' '.join(words)} -o {name}")
    return "\n".join([*lines, "  plumbline find ref.h5 cand.h5"])


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/healthy_pairs.sh", description="Compare healthy runs; find nothing.")
    parser.add_argument("--root", type=Path, required=True, help=argparse.SUPPRESS)
    parser.add_argument("--model", type=Path, action="append", help="model directory (default: all of dumps/models)")
    parser.add_argument("--bin", type=Path, help="where the programs are (default: build/bin)")
    parser.add_argument("--jobs", type=int, default=2, help="pairs at the same time (default: 2)")
    parser.add_argument("--slice", type=int, metavar="K", help=f"K pairs only (default: all, at least {WHOLE})")
    return parser.parse_args()


def backends_of(programs: Path) -> set[str]:
    said = json.loads(Programs(programs, "healthy_pairs").must("run", "--list-backends", "--json").stdout)
    return {backend["name"] for backend in said["backends"] if backend["available"]}


def run_table(asked, pairs: list[Pair], programs: Path) -> int:
    """Prints a row as soon as its pair and all before it were judged; returns the number of pairs without a finding."""
    sides = [[pair.reference.model.name, str(pair.reference), str(pair.candidate)] for pair in pairs]
    wide = [max(len(side[i]) for side in [*sides, ["model", "reference", "candidate"]]) for i in range(3)]
    line = f"{{:{wide[0]}}}  {{:{wide[1]}}}  {{:{wide[2]}}}  {{:12}}  {{}}"
    print(line.format("model", "reference", "candidate", "verdict", "coverage"))
    alarms, sound = [], 0
    with tempfile.TemporaryDirectory() as work, ThreadPoolExecutor(max(1, asked.jobs)) as pool:
        table = Table(programs, Path(work), pairs)
        for number, (pair, side, told) in enumerate(zip(pairs, sides, pool.map(table.judge, pairs)), 1):
            print(line.format(*side, told["verdict"], told["coverage"]), flush=True)
            print(f"healthy_pairs: {number} of {len(pairs)} pairs", file=sys.stderr, flush=True)
            sound += told["sound"]
            if not told["sound"]:
                alarms.append(f"{'  '.join(side)}: {told['said']}\n{command_lines(pair)}")
    for alarm in alarms:
        print(f"finding in {alarm}")
    return sound


def main() -> int:
    asked = options()
    programs = asked.bin or asked.root / "build/bin"
    backends = backends_of(programs)
    pairs = [pair for model in asked.model or all_models(asked.root) for pair in pairs_of(model, backends)]
    wanted = asked.slice if asked.slice is not None else WHOLE
    pairs = pairs if asked.slice is None else slice_of(pairs, asked.slice)
    sound = run_table(asked, pairs, programs) if pairs else 0
    if len(pairs) < max(1, wanted):
        print(f"only {len(pairs)} pairs were compared, {max(1, wanted)} are asked for")
    print(f"no finding in {sound} of {len(pairs)} pairs")
    if sound < len(pairs):
        return 1
    return 0 if len(pairs) >= max(1, wanted) else 3


if __name__ == "__main__":
    sys.exit(main())
