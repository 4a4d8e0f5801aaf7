# SPDX-License-Identifier: Apache-2.0
"""The table of scripts/healthy_pairs.sh: two healthy runs of one model on the same tokens, again and again.

Which runs these are is said by healthy_runs.py. Invariant: a pair counts as free of findings only if find ended with parity
and judged every op, also where few taps were recorded. A run that fails ends the table. Each run is recorded once, whatever
the number of pairs that it belongs to, and removed after the last of them.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Lock

from healthy_runs import CAPTURE, NORMS, Pair, Run, pairs_of, slice_of
from programs import Programs, all_models

WHOLE = 100  # pairs that the whole table has at least
NEEDED = ("torch", "transformers", "h5py", "xxhash")  # what a Python that captures has


class Makers:
    """The scripts that make what the programs do not: rewritten checkpoints, and captures by Python's torch."""

    def __init__(self, root: Path, python: str):
        self.root, self.python = root, python

    def rewrite(self, model: Path, norms: str, target: Path) -> None:
        self.must(sys.executable, "scripts/extreme_norms.py", model, "-o", target, f"--{norms}")

    def capture(self, model: Path, run: Run, target: Path) -> None:
        self.must(self.python, "scripts/capture/hf.py", model, *run.options(), "-o", target)

    def must(self, python: str, script: str, *words) -> None:
        done = subprocess.run([python, self.root / script, *map(str, words)], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            sys.exit(f"healthy_pairs: {script} {' '.join(map(str, words))}: status {done.returncode}\n{done.stderr}")


class Table(Programs):
    def __init__(self, programs: Path, makers: Makers, work: Path, pairs: list[Pair]):
        super().__init__(programs, "healthy_pairs")
        self.makers, self.work = makers, work
        self.uses = Counter(run for pair in pairs for run in {pair.reference, pair.candidate})
        self.runs = {run: i for i, run in enumerate(self.uses)}
        self.guards = {run: Lock() for run in self.runs} | {norms: Lock() for norms in NORMS}
        self.lock = Lock()

    def model(self, run: Run) -> Path:
        """The checkpoint that the run is of, rewritten by whoever needs it first."""
        if not run.norms:
            return run.model
        target = self.work / f"{run.model.name}_{run.norms}"
        with self.guards[run.norms]:
            if not target.exists():
                self.makers.rewrite(run.model, run.norms, target)
        return target

    def trace(self, run: Run) -> Path:
        """The run's trace, recorded by whoever needs it first."""
        file = self.work / f"{self.runs[run]}.h5"
        tokens = ["--tokens", self.trace(run.fed_by)] if run.fed_by else []
        model = self.model(run)
        with self.guards[run]:
            if file.exists():
                return file
            if run.backend == CAPTURE:
                self.makers.capture(model, run, file)
            else:
                self.must("run", model, *run.options(), *tokens, "-o", file)
        return file

    def release(self, run: Run) -> None:
        with self.lock:
            self.uses[run] -= 1
            if self.uses[run] == 0:
                (self.work / f"{self.runs[run]}.h5").unlink(missing_ok=True)

    def judge(self, pair: Pair) -> dict:
        """The verdict and the coverage of one pair; a pair that find could not judge has no coverage."""
        named = ["--map", "hf"] if pair.captured else []
        done = self.call("find", self.trace(pair.reference), self.trace(pair.candidate), *named, "-j", 1, "--json")
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
    """How to see a pair again; the capture first, because the other is fed its tokens."""
    lines, norms = [], pair.reference.norms
    model = "extreme" if norms else pair.reference.model
    if norms:
        lines.append(f"  scripts/extreme_norms.py {pair.reference.model} -o extreme --{norms}")
    names = {pair.reference: "ref.h5", pair.candidate: "cand.h5"}
    for run in sorted(names, key=lambda run: run.fed_by is not None):
        words = [f"'{word}'" if not str(word).replace("-", "").isalnum() else str(word) for word in run.options()]
        words += ["--tokens", names[run.fed_by]] if run.fed_by else []
        program = "scripts/capture/hf.py" if run.backend == CAPTURE else "plumbline run"
        lines.append(f"  {program} {model} {' '.join(words)} -o {names[run]}")
    return "\n".join([*lines, "  plumbline find ref.h5 cand.h5" + " --map hf" * pair.captured])


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/healthy_pairs.sh", description="Compare healthy runs; find nothing.")
    parser.add_argument("--root", type=Path, required=True, help=argparse.SUPPRESS)
    parser.add_argument("--model", type=Path, action="append", help="model directory (default: all of dumps/models)")
    parser.add_argument("--bin", type=Path, help="where the programs are (default: build/bin)")
    parser.add_argument("--python", default="", help="a Python that captures (default: that of .venv, else python3)")
    parser.add_argument("--jobs", type=int, default=2, help="pairs at the same time (default: 2)")
    parser.add_argument("--slice", type=int, metavar="K", help=f"K pairs only (default: all, at least {WHOLE})")
    return parser.parse_args()


def backends_of(programs: Path) -> set[str]:
    said = json.loads(Programs(programs, "healthy_pairs").must("run", "--list-backends", "--json").stdout)
    return {backend["name"] for backend in said["backends"] if backend["available"]}


def capturing_python(root: Path, asked: str) -> tuple[str, str]:
    """The Python that captures, and what it lacks for that ('' if nothing)."""
    ours = root / ".venv/bin/python"
    python = asked or (str(ours) if ours.exists() else "python3")
    code = f"import importlib.util as u; print(*(name for name in {NEEDED} if u.find_spec(name) is None))"
    try:
        done = subprocess.run([python, "-c", code], capture_output=True, text=True, check=False)
    except OSError as missing:
        return python, str(missing)
    return python, done.stdout.strip() if done.returncode == 0 else f"a Python that starts (status {done.returncode})"


def run_table(asked, pairs: list[Pair], programs: Path, python: str) -> int:
    """Prints a row as soon as its pair and all before it were judged; returns the number of pairs without a finding."""
    sides = [[pair.model, str(pair.reference), str(pair.candidate)] for pair in pairs]
    wide = [max(len(side[i]) for side in [*sides, ["model", "reference", "candidate"]]) for i in range(3)]
    line = f"{{:{wide[0]}}}  {{:{wide[1]}}}  {{:{wide[2]}}}  {{:12}}  {{}}"
    print(line.format("model", "reference", "candidate", "verdict", "coverage"))
    alarms, sound = [], 0
    with tempfile.TemporaryDirectory() as work, ThreadPoolExecutor(max(1, asked.jobs)) as pool:
        table = Table(programs, Makers(asked.root, python), Path(work), pairs)
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
    python, lacking = capturing_python(asked.root, asked.python)
    pairs = [pair for model in asked.model or all_models(asked.root) for pair in pairs_of(model, backends)]
    possible = [pair for pair in pairs if not (lacking and pair.captured)]
    wanted = asked.slice if asked.slice is not None else WHOLE
    chosen = possible if asked.slice is None else slice_of(possible, asked.slice)
    sound = run_table(asked, chosen, programs, python) if chosen else 0
    if len(possible) < len(pairs):
        print(f"left out: {len(pairs) - len(possible)} pairs with a capture, since {python} lacks {lacking} (--python names another)")
    if "torch" not in backends:
        print("left out: every pair with backend torch, since plumbline-run was built without LibTorch")
    if len(chosen) < max(1, wanted):
        print(f"only {len(chosen)} pairs were compared, {max(1, wanted)} are asked for")
    print(f"no finding in {sound} of {len(chosen)} pairs")
    if sound < len(chosen):
        return 1
    return 0 if len(chosen) >= max(1, wanted) else 3


if __name__ == "__main__":
    sys.exit(main())
