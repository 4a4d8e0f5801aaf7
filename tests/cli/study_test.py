#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The study of the notes: its page is what its figures say, its verdicts are those of the figures, and an experiment runs.

Usage: study_test.py PROGRAMS_FOLDER SOURCE_FOLDER PYTHON (one with numpy). Exit 77 without LibTorch: half of every
comparison is made by it.
"""

import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

PROGRAMS, ROOT, PYTHON = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
STUDY = ROOT / "scripts/lib/study/study.py"


def study(*words):
    return subprocess.run([PYTHON, "-B", STUDY, "--root", ROOT, *words], capture_output=True, text=True, check=False)


def require(what: bool, message: str) -> None:
    if not what:
        sys.exit(f"study_test: {message}")


def check_page(work: Path) -> None:
    require(study("--check").returncode == 0, "dumps/study is not what its figures say")
    copy = work / "copy"
    shutil.copytree(ROOT / "dumps/study", copy)
    page = copy / "README.md"
    page.write_text(page.read_text().replace("**false**", "**true**", 1))
    require(study("--check", "-o", copy).returncode == 1, "a page that was edited passes")
    shutil.copyfile(ROOT / "dumps/study/README.md", page)
    told = json.loads((copy / "study.json").read_text())
    told["experiments"]["rescaled"]["figures"]["k_norm_error_after"] *= 96.5
    (copy / "study.json").write_text(json.dumps(told))
    require(study("--check", "-o", copy).returncode == 1, "figures that say otherwise leave the verdict as it is")


def check_run(work: Path) -> None:
    listed = subprocess.run([PROGRAMS / "plumbline", "run", "--list-backends", "--json"], capture_output=True, text=True, check=True).stdout
    if not any(backend["available"] for backend in json.loads(listed)["backends"] if backend["name"] == "torch"):
        sys.exit(77)
    out = work / "out"
    done = study("--bin", PROGRAMS, "--only", "theta", "-o", out)
    require(done.returncode == 0, done.stdout + done.stderr)
    made = json.loads((out / "study.json").read_text())
    require(made["experiments"]["theta"]["figures"]["first"] == "rope.table", "find does not name the table of a wrong theta")
    verdicts = {claim["says"]: claim["verdict"] for claim in made["claims"]}
    require(verdicts["rope theta is 1,000,000, and a wrong one makes the model diverge"] == "true", str(verdicts))
    require(verdicts["the model is chaotic"] == "not measured", "a claim without figures has a verdict")
    require(study("--check", "-o", out).returncode == 0, "what was just written does not pass")


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="study_test.") as folder:
        check_page(Path(folder))
        check_run(Path(folder))
    print("study: page, verdicts and one experiment are in order")


main()
