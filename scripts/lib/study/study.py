# SPDX-License-Identifier: Apache-2.0
"""Body of scripts/study.sh: runs the experiments, judges the claims, writes page, figures and plots.

Invariant: the page is made from study.json alone, so --check can make it again and compare; with --only, the other
experiments keep the figures that study.json has.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from bench import Bench  # noqa: E402
from claims import ABSENT, CLAIMS  # noqa: E402
from experiments import EXPERIMENTS  # noqa: E402
from page import page  # noqa: E402
from plot import lines_over_layers  # noqa: E402


def judged(experiments: dict) -> list:
    rows = []
    for claim in CLAIMS:
        missing = [name for name in claim.experiments if name not in experiments]
        found, because = (ABSENT, f"run scripts/study.sh --only {missing[0]}") if missing else claim.judge(*(experiments[name]["figures"] for name in claim.experiments))
        rows.append({"notes": claim.notes, "says": claim.says, "experiments": list(claim.experiments), "verdict": found, "because": because})
    return rows


def machine() -> str:
    model = next((line.split(":", 1)[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")), platform.machine())
    return f"{model}, {os.cpu_count()} cores"


def commit(root: Path) -> str:
    return subprocess.run(["git", "-C", root, "rev-parse", "HEAD"], capture_output=True, text=True, check=False).stdout.strip() or "unknown"


def write(folder: Path, study: dict) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "study.json").write_text(json.dumps(study, indent=1, ensure_ascii=True) + "\n")
    for name, text in pages(study).items():
        (folder / name).write_text(text)


def pages(study: dict) -> dict:
    made = {"README.md": page(study)}
    if "variants" in study["experiments"]:
        figures = study["experiments"]["variants"]["figures"]
        series = {key: row["resid"] for key, row in figures.items() if row["kernel"] in ("qkv=hf", "qkv=single", "qkv=fp16_tiles") and max(row["resid"]) > 0}
        made["growth.svg"] = lines_over_layers("relative error of the stream behind each layer, against LibTorch", series)
    return made


def check(folder: Path) -> int:
    study = json.loads((folder / "study.json").read_text())
    if study["claims"] != judged(study["experiments"]):
        print(f"study: the verdicts in {folder}/study.json are not those of its figures: run scripts/study.sh", file=sys.stderr)
        return 1
    stale = [name for name, text in pages(study).items() if not (folder / name).is_file() or (folder / name).read_text() != text]
    for name in stale:
        print(f"study: {folder / name} is not what study.json says: run scripts/study.sh", file=sys.stderr)
    return 1 if stale else 0


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/study.sh")
    parser.add_argument("--root", type=Path, required=True, help=argparse.SUPPRESS)
    parser.add_argument("--bin", type=Path, help="folder of the programs (default: build/bin)")
    parser.add_argument("--only", action="append", choices=list(EXPERIMENTS), help="run this experiment alone; repeatable")
    parser.add_argument("-o", "--output", type=Path, help="folder to write (default: dumps/study)")
    parser.add_argument("--check", action="store_true", help="run nothing: is the page what its figures say?")
    return parser.parse_args()


def main() -> int:
    asked = parse()
    folder = asked.output or asked.root / "dumps/study"
    if asked.check:
        return check(folder)
    old = json.loads((folder / "study.json").read_text())["experiments"] if asked.only and (folder / "study.json").is_file() else {}
    results = {}
    with tempfile.TemporaryDirectory(prefix="study.") as work:
        bench = Bench(asked.root.resolve(), (asked.bin or asked.root / "build/bin").resolve(), Path(work))
        for name, experiment in EXPERIMENTS.items():
            if asked.only and name not in asked.only:
                if name in old:
                    results[name] = old[name]
                continue
            print(f"study: {name}", file=sys.stderr, flush=True)
            figures = experiment(bench)
            results[name] = {"what": " ".join(experiment.__doc__.split()), "figures": figures, "commands": bench.commands()}
    study = {"machine": machine(), "commit": commit(asked.root), "experiments": results, "claims": judged(results)}
    write(folder, study)
    for claim in study["claims"]:
        print(f"{claim['verdict']:<12} {claim['says']}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
