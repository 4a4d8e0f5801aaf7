# SPDX-License-Identifier: Apache-2.0
"""The runs of scripts/fault_matrix.sh: faults drawn at random x {caught, located, named}, and healthy pairs.

Invariant: a fault's place and cause are known before anything is run; whether it is detectable is decided by what it
changes in the candidate itself (the same kernels without it, on the same tokens) and by the oracle's bounds and expected
mismatches there, never by the verdict.
"""

import argparse
import json
import math
import random
import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path

from fault_clean import AT_ONCE, Alarm, attentions, group, make_foreign, sm90_group
from fault_draws import DRAWS
from fault_peers import Peers
from fault_tables import Row, print_curve, print_kinds, print_missed, sums
from healthy_pairs import Makers, backends_of
from healthy_runs import has_key_norm, has_known_orders
from programs import Programs, all_models
from progress import counted

PROMPTS = ["The licenses", "Permission is hereby", "You may not", "to the extent", "GNU General Public"]
LEAST_SHARE, LEAST_ELEMENTS = 0.01, 30  # of an op's outputs: what moves less is counted by itself
TIMES_EXPECTED, TIMES_BOUND = 20, 2
CHANGES_NOTHING = "would change nothing"  # what run says of a fault that leaves every result as it is


@dataclass
class Healthy:
    reference: Path
    candidate: Path
    expected: dict  # op -> share of its bits that honest rounding leaves unequal


def measure(op: dict, name: str) -> float:
    """A number of an op's row, 0 if it has none."""
    value = float(op["metrics"][name])
    return 0.0 if math.isnan(value) else value


class Matrix(Programs):
    def __init__(self, programs: Path, work: Path, seed: int, peers: Peers):
        super().__init__(programs, "fault_matrix")
        self.work, self.seed, self.peers = work, seed, peers
        self.healthy, self.configs = {}, {}

    def run(self, model: Path, name: str, *options) -> Path:
        trace = self.work / f"{name}.h5"
        self.must("run", model, "--force", "-o", trace, *options)
        return trace

    def prepare(self, pair: tuple[Path, str]) -> tuple[tuple[Path, str], Healthy]:
        """The healthy runs of a model on a prompt."""
        model, prompt = pair
        name, threads = f"{model.name}.{PROMPTS.index(prompt)}", ("--threads", 1)
        prefill = max(1, len(prompt) - 2)
        reference = self.run(model, name + ".ref", "--backend", "oracle", "--prompt", prompt, "--prefill", prefill, *threads)
        candidate = self.run(model, name + ".cand", "--backend", "twin", "--tokens", reference, *threads)
        rows = json.loads(self.call("find", reference, candidate, "-j", 1, "--json").stdout)["ops"]
        expected = {row["op"]: measure(row, "expected_mismatch") for row in rows}
        return pair, Healthy(reference, candidate, expected)

    def drawn(self, number: int, models):
        """A fault that the model can have; the same for the same seed and number."""
        rng = random.Random(f"{self.seed} {number}")
        while True:
            draw, model, prompt = rng.choice(DRAWS), rng.choice(models), rng.choice(PROMPTS)
            fault, value = draw.fault(rng, self.configs[model]["num_hidden_layers"])
            entry = json.loads(self.must("faults", fault, "--model", model, "--json").stdout)["faults"][0]
            if entry["applies"]:
                return draw, model, prompt, fault, value, entry["shows_at"]

    def moved(self, healthy: Healthy, faulty: Path, op: str) -> tuple[float, float]:
        """The share and the number of the op's results that the fault moves. (Not by --values-only, which counts what lies
        within it too.)"""
        done = self.call("diff", healthy.candidate, faulty, "--json", "-j", 1)
        for row in json.loads(done.stdout)["ops"]:
            if row["op"] == op and row["compared"]:
                share = row["metrics"]["unequal"]
                return share, share * row["metrics"]["elements"]
        return 1.0, float("inf")  # the op is gone: left out by the fault

    def row(self, number: int, models) -> Row:
        draw, model, prompt, fault, value, shows_at = self.drawn(number, models)
        healthy = self.healthy[(model, prompt)]
        row = Row(fault, draw.kind, model.name, shows_at)
        trace = self.work / f"faulty.{number}.h5"
        run = self.call("run", model, "--backend", "twin", "--tokens", healthy.reference, "--fault", fault, "--threads", 1,
                        "--force", "-o", trace)  # fmt: skip
        if run.returncode != 0:
            row.said = (run.stderr.strip().splitlines() or ["no run"])[0]
            row.detectable = CHANGES_NOTHING not in row.said
            return row
        row.share, elements = self.moved(healthy, trace, shows_at)
        least = max(LEAST_SHARE, TIMES_EXPECTED * healthy.expected.get(shows_at, 0.0))
        row.detectable = row.share >= least and elements >= LEAST_ELEMENTS
        done = self.call("find", healthy.reference, trace, "-j", 1, "--json", "--ignore-digests")
        row.peers = self.peers.blame(healthy.reference, trace)
        trace.unlink()
        row.caught = done.returncode == 1
        if done.returncode not in (0, 1, 3):
            row.said = (done.stderr.strip().splitlines() or ["no report"])[0]
            return row
        self.judge(row, json.loads(done.stdout), draw, value, self.configs[model])
        return row

    def judge(self, row: Row, report: dict, draw, value, config: dict) -> None:
        for op in report["ops"]:
            if op["op"] == row.shows_at and measure(op, "own_share") >= TIMES_BOUND:
                row.detectable = True
        first = report["outcome"]["first_divergence"]
        row.located = row.caught and first == row.shows_at
        row.said = report["outcome"]["headline"] if not row.caught else f"at {first}"
        for finding in report["findings"]:
            if finding["op"] == row.shows_at and finding["level"] == "error" and finding["role"]:
                row.named = row.located and draw.names(finding, value, config)
                likely = [cause["text"] for cause in finding["causes"] if cause["status"] == "likely"]
                row.said += f": {likely[0]}" if likely else ": no cause named"
                break

    def clean(self, drawn: tuple[str, int, int], models, backends) -> tuple[list[Alarm], list[dict]]:
        """What find and the others say of one healthy run against `wanted` others."""
        kind, number, wanted = drawn
        draw = {"clean": group, "sm90": sm90_group}[kind]
        reference, candidates = draw(random.Random(f"{kind} {self.seed} {number}"), models, backends)
        tokens = self.run(reference.model, f"{kind}.{number}", *reference.options())
        alarms, peers = [], []
        for i, run in enumerate(candidates[:wanted]):
            trace = self.run(run.model, f"{kind}.{number}.{i}", *run.options())
            if run.attention:  # stated on both sides, another attention is a finding of role contract
                foreign = self.work / f"{kind}.{number}.{i}.foreign.h5"
                make_foreign(trace, foreign)
                trace.unlink()
                trace = foreign
            done = self.call("find", tokens, trace, "--model", run.model, "-j", 1, "--format", "concise")
            if done.returncode != 0:
                pair = f"{run.model.name} {run.prompt!r}: {reference} against {run}"
                alarms.append(Alarm(pair, (done.stdout + done.stderr).strip(), done.returncode == 3))
            if not run.taps and run.prefill == reference.prefill:  # the others pair tensors of equal shape only
                peers.append(self.peers.blame(tokens, trace))
            trace.unlink()
        tokens.unlink()
        return alarms, peers


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/fault_matrix.sh", description="Draw faults at random; look for them.")
    parser.add_argument("--root", type=Path, required=True, help=argparse.SUPPRESS)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--runs", type=int, default=100, help="faulty runs (default: 100)")
    parser.add_argument("--clean", type=int, default=20, help="healthy pairs (default: 20)")
    parser.add_argument("--sm90", type=int, default=0, help="further healthy pairs, one side with numerics torch/sm90 (default: 0)")
    parser.add_argument("--model", type=Path, action="append",
                        help="model directory (default: all of dumps/models, and those with K norms rewritten to extremes)")  # fmt: skip
    parser.add_argument("--bin", type=Path, help="where the programs are (default: build/bin)")
    parser.add_argument("--jobs", type=int, default=2, help="runs at the same time (default: 2)")
    return parser.parse_args()


def extreme_models(root: Path, models, work: Path) -> list[Path]:
    """Those that norm their keys, with K-norm weights of up to 96.5."""
    made = []
    for model in models:
        if has_key_norm(model):
            made.append(work / f"{model.name}-extreme")
            Makers(root, sys.executable).rewrite(model, "notes", made[-1])
    return made


def main() -> int:
    asked = options()
    models = asked.model or all_models(asked.root)
    if not models or asked.runs + asked.clean + asked.sm90 < 1:
        sys.exit("fault_matrix: no model or no run: nothing was tried")
    if asked.sm90 and not any(map(has_known_orders, models)):
        sys.exit("fault_matrix: --sm90 needs a model of a shape whose orders on a GPU are known")
    programs, peers = asked.bin or asked.root / "build/bin", Peers()
    with tempfile.TemporaryDirectory() as work:
        models = models + ([] if asked.model else extreme_models(asked.root, models, Path(work)))
        matrix = Matrix(programs, Path(work), asked.seed, peers)
        jobs, alone = max(1, asked.jobs), get_context("fork")  # processes: what the others say is computed in Python
        with ProcessPoolExecutor(jobs, alone) as pool:
            if asked.runs > 0:
                matrix.healthy = dict(pool.map(matrix.prepare, [(m, p) for m in models for p in PROMPTS]))
                matrix.configs = {model: json.loads((model / "config.json").read_text()) for model in models}
            faulty = pool.map(partial(matrix.row, models=models), range(asked.runs))
            rows = list(counted(faulty, asked.runs, "faulty"))
            backends = attentions(backends_of(programs)) if asked.clean + asked.sm90 else set()
            wanted = groups_of("clean", asked.clean) + groups_of("sm90", asked.sm90)
            pairs = pool.map(partial(matrix.clean, models=models, backends=backends), wanted)
            groups = list(counted(pairs, len(wanted), "groups of clean pairs"))
    print_all(asked, rows, [alarm for alarms, _ in groups for alarm in alarms], [p for _, said in groups for p in said], peers)
    opened = [alarm.left_open for alarms, _ in groups for alarm in alarms]
    clean = asked.clean + asked.sm90
    healthy = all(opened) and (clean == 0 or len(opened) < clean)  # what leaves every pair open has judged none
    return 0 if healthy and all(row.caught for row in rows if row.detectable) else 1


def groups_of(kind: str, pairs: int) -> list[tuple[str, int, int]]:
    """Kind, number and size of each group."""
    return [(kind, done // AT_ONCE, min(AT_ONCE, pairs - done)) for done in range(0, pairs, AT_ONCE)]


def print_all(asked, rows, alarms, clean_peers, peers: Peers) -> None:
    if rows:
        print_kinds(rows, peers.names)
        print_curve(rows)
    print_missed(rows)
    for alarm in alarms:
        print(f"clean pair {'left open' if alarm.left_open else 'with a finding'}: {alarm.pair}: {alarm.said}")
    for name in peers.names:
        wrong = sum(said[name] is not None for said in clean_peers)
        print(f"{name}: false alarms on {wrong} of {len(clean_peers)} clean pairs")
    for missing in peers.missing:
        print(f"no columns of other tools: {missing}")
    seen = sums([row for row in rows if row.detectable])
    detectable = sum(row.detectable for row in rows)
    print(f"detectable {detectable}: caught {seen[0]}, located {seen[1]}, named {seen[2]}")
    left_open, all_of = sum(alarm.left_open for alarm in alarms), sums(rows)
    if left_open:
        print(f"clean pairs left open: {left_open} of {asked.clean + asked.sm90}")
    print(f"faulty {len(rows)}: caught {all_of[0]}, located {all_of[1]}, named {all_of[2]}; "
          f"clean {asked.clean + asked.sm90}: findings {len(alarms) - left_open}")  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
