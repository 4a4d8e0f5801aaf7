# SPDX-License-Identifier: Apache-2.0
"""Body of scripts/gpu_all.sh: runs the checks of each part, keeps what they said and took, merges the parts.

Invariant: every check of a part is in its record, passed or not, and none ends the part; a part of another commit or
machine is never merged. What is checked is left to gpu_parts.py.
"""

import argparse
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event, Lock

from gpu_environment import SAME, Clocks, environment_of
from gpu_parts import PARTS, Places
from gpu_targets import target_checks

LIMIT = 480  # seconds that a part is meant to take
DEFAULT = ("build", "equal", "speed", "safe")


class Runner:
    """Runs checks of one part and records them in the order of the table."""

    def __init__(self, places: Places, part: str, seconds: int):
        self.places, self.part, self.seconds = places, part, seconds
        self.lock = Lock()
        self.logs = places.out / "logs"

    def call(self, command: list, environment: dict) -> tuple:
        """Exit status and everything that was said; a program that is not there is a failure like any other."""
        try:
            done = subprocess.run(command, cwd=self.places.root, env={**os.environ, **environment}, stdout=subprocess.PIPE,
                                  stderr=subprocess.PIPE, text=True, errors="replace", timeout=self.seconds, check=False)  # fmt: skip
        except OSError as missing:
            return 127, "", str(missing)
        except subprocess.TimeoutExpired:
            return 124, "", f"stopped after {self.seconds} seconds"
        return done.returncode, done.stdout, done.stderr

    def problem(self, check, status: int, text: str) -> str:
        if status != 0:
            return f"exit status {status}"
        absent = [pattern for pattern in check.says if not re.search(pattern, text, re.M)]
        if absent:
            return f"does not say {absent[0]}"
        return f"says {check.never}" if check.never and re.search(check.never, text) else ""

    def run(self, check) -> dict:
        start, status, out, err = time.monotonic(), 0, "", ""
        for command in check.commands:
            status, out, err = self.call(command, check.environment)
            if status != 0:
                break
        entry = {"part": self.part, "check": check.name, "command": self.shown(command), "passed": True,
                 "seconds": round(time.monotonic() - start, 1)}  # fmt: skip
        problem = self.problem(check, status, out + err)
        lines = (out.strip() or err.strip()).splitlines()
        entry["said"] = self.here(lines[-1]) if lines else ""
        if check.keep:
            entry["report"] = [self.here(line.rstrip()) for line in out.strip().splitlines()]
        if check.figures and not problem:
            entry["figures"], problem = figures_of(out)
        if problem:
            entry |= {"passed": False, "problem": problem}
        self.tell(check, entry, out + err)
        return entry

    def shown(self, command: list) -> str:
        """As typed in the repository's root."""
        return shlex.join(map(self.here, command))

    def here(self, text: str) -> str:
        """Without the folder of one machine."""
        return text.replace(f"{self.places.root}/", "")

    def tell(self, check, entry: dict, text: str) -> None:
        (self.logs / (re.sub(r"[^\w.-]+", "_", f"{self.part}_{check.name}") + ".log")).write_text(text)
        with self.lock:
            passed = entry["passed"]
            print(f"{'ok' if passed else 'FAILED':7} {check.name:60} {entry['seconds']:6.1f}s  {entry['said'][:120]}", flush=True)
            if not passed:
                print(f"        {entry['problem']}: {entry['command']}\n" + "\n".join(text.strip().splitlines()[-20:]), flush=True)

    def run_all(self, checks: list, at_once: int) -> list:
        """`at_once` of them at a time; one that reads another's files waits for it."""
        ended = {check.name: Event() for check in checks}

        def one(check) -> dict:
            if check.after:
                ended[check.after].wait()
            try:
                return self.run(check)
            finally:
                ended[check.name].set()

        with ThreadPoolExecutor(at_once) as pool:  # in the table's order, so what is waited for has begun
            return list(pool.map(one, checks))


def figures_of(text: str) -> tuple:
    """The JSON that a benchmark printed, as one value or one a line; and what is wrong with it."""
    try:
        found = [json.loads(text)]
    except json.JSONDecodeError:
        try:
            found = [json.loads(line) for line in text.splitlines() if line.strip()]
        except json.JSONDecodeError as wrong:
            return [], f"no figures: {wrong}"
    return (found, "") if found else ([], "no figures")


def run_part(name: str, places: Places, limit: int) -> bool:
    """Leaves PART.json; whether every check passed."""
    part, start = PARTS[name](places), time.monotonic()
    runner = Runner(places, name, limit)
    with Clocks() as clocks:
        checks = runner.run_all(part.checks, part.at_once)
    seconds = round(time.monotonic() - start, 1)
    figures = [{**figure, "command": check["command"]} for check in checks for figure in check.pop("figures", [])]
    environment = environment_of(places.root, places.tool("plumbline"))
    for target in target_checks(figures, environment["gpu"]) if figures else []:
        print(f"{'ok' if target['passed'] else 'FAILED':7} {target['check']:60}          {target['said']}", flush=True)
        checks.append(target)
    record = {"part": name, "seconds": seconds, "limit": limit, "environment": environment, "clocks": clocks.told(), "checks": checks,
              "figures": figures}  # fmt: skip
    (places.out / f"{name}.json").write_text(json.dumps(record, indent=1) + "\n")
    failed = sum(not check["passed"] for check in checks)
    over = f", OVER its {limit}" if seconds > limit else ""
    print(f"{name}: {len(checks) - failed} of {len(checks)} passed in {seconds:.0f} seconds{over}", flush=True)
    return failed == 0


def merge(out: Path) -> bool:
    """all.json of the parts that belong together with the latest; whether every check in it passed."""
    records = [json.loads((out / f"{name}.json").read_text()) for name in PARTS if (out / f"{name}.json").exists()]
    if not records:
        sys.exit(f"gpu_all: no part has been recorded in {out}")
    latest = max(PARTS, key=lambda name: modified(out / f"{name}.json"))
    environment = next(record for record in records if record["part"] == latest)["environment"]
    whole = [record for record in records if belongs(record["environment"], environment)]
    for record in records:
        if record not in whole:
            print(f"left out: {record['part']}.json was made elsewhere: " + differences(record["environment"], environment))
    parts = {record["part"]: {key: record[key] for key in ("seconds", "limit", "clocks")} for record in whole}
    merged = {"environment": environment, "parts": parts, "checks": [check for record in whole for check in record["checks"]],
              "figures": [figure for record in whole for figure in record["figures"]]}  # fmt: skip
    (out / "all.json").write_text(json.dumps(merged, indent=1) + "\n")
    failed = sum(not check["passed"] for check in merged["checks"])
    took = ", ".join(f"{name} {part['seconds']:.0f} s" for name, part in parts.items())
    passed, checks = len(merged["checks"]) - failed, len(merged["checks"])
    print(f"{out.name}/all.json: {took}; {passed} of {checks} checks passed, {len(merged['figures'])} figures")
    return failed == 0 and len(whole) == len(records)


def modified(file: Path) -> float:
    return file.stat().st_mtime if file.exists() else 0.0


def belongs(environment: dict, latest: dict) -> bool:
    return all(environment[key] == latest[key] for key in SAME)


def differences(environment: dict, latest: dict) -> str:
    return "; ".join(f"{key} {environment[key]}, not {latest[key]}" for key in SAME if environment[key] != latest[key])


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/gpu_all.sh", description="Prove on a GPU what README says of it.")
    parser.add_argument("--root", type=Path, required=True, help=argparse.SUPPRESS)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"{', '.join(PARTS)}, merge (default: {', '.join(DEFAULT)})")
    parser.add_argument("--build", type=Path, help="build directory (default: build-gpu)")
    parser.add_argument("--out", type=Path, help="where records go (default: out/gpu)")
    parser.add_argument("--limit", type=int, default=LIMIT, help="seconds that a part is meant to take (default: %(default)s)")
    asked = parser.parse_args()
    unknown = [part for part in asked.parts if part not in PARTS and part != "merge"]
    if unknown:
        print(f"gpu_all: no part '{unknown[0]}'; there are headers, {', '.join(PARTS)}, merge", file=sys.stderr)
        sys.exit(2)
    return asked


def main() -> int:
    asked = options()
    root = asked.root.resolve()
    out = (asked.out or root / "out/gpu").resolve()
    parts = [part for part in asked.parts or DEFAULT if part != "merge"]
    if parts and not shutil.which("nvidia-smi"):
        print("gpu_all: no GPU here (nvidia-smi is missing); scripts/check_gpu_records.sh checks what one recorded", file=sys.stderr)
        return 2
    for folder in ("logs", "traces"):
        (out / folder).mkdir(parents=True, exist_ok=True)
    places = Places(root, (asked.build or root / "build-gpu").resolve(), out, os.environ.get("PLUMBLINE_PYTHON", sys.executable), os.cpu_count() or 1)
    passed = [run_part(part, places, asked.limit) for part in parts]
    return 0 if merge(out) and all(passed) else 1


if __name__ == "__main__":
    sys.exit(main())
