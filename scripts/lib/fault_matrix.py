# SPDX-License-Identifier: Apache-2.0
"""The table of scripts/fault_matrix.sh: faults drawn at random x {caught, located, named}, and healthy pairs.

Invariant: a fault's place and cause are known before anything is run; whether it is detectable is decided by what it
changes in the candidate itself (the same kernels without it, on the same tokens), never by the verdict.
"""

import argparse
import json
import random
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from fault_draws import DRAWS
from programs import Programs, all_models

PROMPTS = ["The licenses", "Permission is hereby", "You may not", "to the extent", "GNU General Public"]
LEAST_SHARE, LEAST_ELEMENTS = 0.01, 30  # of an op's outputs: what moves less is counted by itself


@dataclass
class Row:
    fault: str
    kind: str
    model: str
    shows_at: str
    detectable: bool = False
    caught: bool = False
    located: bool = False
    named: bool = False
    said: str = ""


@dataclass
class Healthy:
    reference: Path
    candidate: Path


class Matrix(Programs):
    def __init__(self, programs: Path, work: Path, seed: int):
        super().__init__(programs, "fault_matrix")
        self.work, self.seed = work, seed
        self.healthy = {}

    def run(self, model: Path, name: str, *options) -> Path:
        trace = self.work / f"{name}.h5"
        self.must("run", model, "--threads", 1, "--force", "-o", trace, *options)
        return trace

    def prepare(self, model: Path, prompt: str) -> None:
        name = f"{model.name}.{PROMPTS.index(prompt)}"
        prefill = max(1, len(prompt) - 2)
        reference = self.run(model, name + ".ref", "--backend", "oracle", "--prompt", prompt, "--prefill", prefill)
        candidate = self.run(model, name + ".cand", "--backend", "twin", "--tokens", reference)
        self.healthy[(model, prompt)] = Healthy(reference, candidate)

    def drawn(self, number: int, models):
        """A fault that the model can have; the same for the same seed and number."""
        rng = random.Random(f"{self.seed} {number}")
        while True:
            draw, model, prompt = rng.choice(DRAWS), rng.choice(models), rng.choice(PROMPTS)
            layers = json.loads((model / "config.json").read_text())["num_hidden_layers"]
            fault, value = draw.fault(rng, layers)
            entry = json.loads(self.must("faults", fault, "--model", model, "--json").stdout)["faults"][0]
            if entry["applies"]:
                return draw, model, prompt, fault, value, entry["shows_at"]

    def moved(self, healthy: Path, faulty: Path, op: str) -> bool:
        """Whether the fault moves enough of that op's results. (Not by --values-only, which counts what lies within it too.)"""
        done = self.call("diff", healthy, faulty, "--json", "-j", 1)
        for row in json.loads(done.stdout)["ops"]:
            if row["op"] == op and row["compared"]:
                share = row["metrics"]["unequal"]
                elements = row["metrics"]["elements"]
                return share >= LEAST_SHARE and share * elements >= LEAST_ELEMENTS
        return True  # the op is gone: left out by the fault

    def row(self, number: int, models) -> Row:
        draw, model, prompt, fault, value, shows_at = self.drawn(number, models)
        healthy = self.healthy[(model, prompt)]
        trace = self.run(model, f"faulty.{number}", "--backend", "twin", "--tokens", healthy.reference, "--fault", fault)
        row = Row(fault, draw.kind, model.name, shows_at)
        row.detectable = self.moved(healthy.candidate, trace, shows_at)
        done = self.call("find", healthy.reference, trace, "-j", 1, "--json", "--ignore-digests")
        trace.unlink()
        row.caught = done.returncode == 1
        if done.returncode not in (0, 1, 3):
            row.said = (done.stderr.strip().splitlines() or ["no report"])[0]
            return row
        report = json.loads(done.stdout)
        first = report["outcome"]["first_divergence"]
        row.located = row.caught and first == shows_at
        row.said = report["outcome"]["headline"] if not row.caught else f"at {first}"
        for finding in report["findings"]:
            if finding["op"] == shows_at and finding["level"] == "error" and finding["role"]:
                row.named = row.located and draw.names(finding, value)
                likely = [cause["text"] for cause in finding["causes"] if cause["status"] == "likely"]
                row.said += f": {likely[0]}" if likely else ": no cause named"
                break
        return row

    def clean(self, number: int, models) -> str:
        """What find says of a healthy pair; nothing if it is at parity."""
        rng = random.Random(f"clean {self.seed} {number}")
        model, length = rng.choice(models), rng.randint(1, 24)
        prompt = "".join(rng.choice("abcdefghijklmnopqrstuvwxyz ,.") for _ in range(length))
        reference = self.run(model, f"clean.{number}.ref", "--backend", "oracle", "--prompt", prompt, "--prefill",
                             rng.randint(1, length))
        options = rng.choice([[], ["--kernel", "qkv=exact"], ["--kernel", "qkv=unfused"], ["--prefill", str(length)]])
        candidate = self.run(model, f"clean.{number}.cand", "--backend", "twin", "--tokens", reference,
                             *(options if "--prefill" not in options else []))
        done = self.call("find", reference, candidate, "-j", 1, "--format", "concise")
        reference.unlink()
        candidate.unlink()
        return "" if done.returncode == 0 else f"{model.name} {prompt!r} {' '.join(options)}: {done.stdout}{done.stderr}"


def print_table(rows) -> None:
    kinds = sorted({row.kind for row in rows})
    print(f"{'fault':30} {'runs':>5} {'detectable':>10} {'caught':>7} {'located':>8} {'named':>6}")
    for kind in kinds:
        mine = [row for row in rows if row.kind == kind]
        sums = [sum(getattr(row, name) for row in mine) for name in ("detectable", "caught", "located", "named")]
        print(f"{kind:30} {len(mine):5} {sums[0]:10} {sums[1]:7} {sums[2]:8} {sums[3]:6}")
    for row in rows:
        if not (row.caught and row.located and row.named):
            missed = "not caught" if not row.caught else "not located" if not row.located else "not named"
            small = "" if row.detectable else ", below the detectable size"
            print(f"{missed}{small}: {row.fault} in {row.model} (shows at {row.shows_at}): {row.said}")


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/fault_matrix.sh", description="Draw faults at random; look for them.")
    parser.add_argument("--root", type=Path, required=True, help=argparse.SUPPRESS)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--runs", type=int, default=100, help="faulty runs (default: 100)")
    parser.add_argument("--clean", type=int, default=20, help="healthy pairs (default: 20)")
    parser.add_argument("--model", type=Path, action="append", help="model directory (default: all of dumps/models)")
    parser.add_argument("--bin", type=Path, help="where the programs are (default: build/bin)")
    parser.add_argument("--jobs", type=int, default=2, help="runs at the same time (default: 2)")
    return parser.parse_args()


def main() -> int:
    asked = options()
    models = asked.model or all_models(asked.root)
    if not models or asked.runs + asked.clean < 1:
        sys.exit("fault_matrix: no model or no run: nothing was tried")
    with tempfile.TemporaryDirectory() as work, ThreadPoolExecutor(max(1, asked.jobs)) as pool:
        matrix = Matrix(asked.bin or asked.root / "build/bin", Path(work), asked.seed)
        if asked.runs > 0:
            list(pool.map(lambda pair: matrix.prepare(*pair), [(m, p) for m in models for p in PROMPTS]))
        rows = list(pool.map(lambda number: matrix.row(number, models), range(asked.runs)))
        alarms = [said for said in pool.map(lambda number: matrix.clean(number, models), range(asked.clean)) if said]
    print_table(rows)
    for said in alarms:
        print("clean pair with a finding: " + said)
    seen = [row for row in rows if row.detectable]
    for name, chosen in (("detectable", seen), ("faulty", rows)):
        sums = [sum(getattr(row, column) for row in chosen) for column in ("caught", "located", "named")]
        tail = f"; clean {asked.clean}: findings {len(alarms)}" if name == "faulty" else ""
        print(f"{name} {len(chosen)}: caught {sums[0]}, located {sums[1]}, named {sums[2]}{tail}")
    return 0 if not alarms and all(row.caught for row in seen) else 1


if __name__ == "__main__":
    sys.exit(main())
