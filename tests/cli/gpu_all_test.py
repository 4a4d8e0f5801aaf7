#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""scripts/gpu_all.sh with stand-ins for the GPU's programs: what fails is recorded and ends nothing, figures and times are
kept, a part that takes too long says so, parts of another machine are not merged; and the tables of all parts are sound.
Argument: the source folder."""
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
ROOT = pathlib.Path(sys.argv[1]).resolve()
sys.path.insert(0, str(ROOT / "scripts/lib"))
from gpu_all import Runner  # noqa: E402
from gpu_parts import CLEAN, KEYS, PARTS, PROGRAMS, SHAPES, Check, Places  # noqa: E402

STUB = r"""#!/bin/bash
name=$(basename "$0")
case "$name $*" in
  nvidia-smi*driver_version*) echo "NVIDIA H200, ${DRIVER:-580.1}, 1980 MHz, 3201 MHz" ;;
  nvidia-smi*) echo "1755 MHz, 3201 MHz" ;;
  *list-backends*) echo '{"backends": [{"name": "torch", "detail": "LibTorch 2.11.0; devices: cpu, cuda"}]}' ;;
  "bench_gpu qkv") [ -n "$JUNK" ] && echo junk || for rows in 1 4; do
      echo '{"part": "qkv", "rows": '$rows', "graph_us": {"median": '${US:-3.3}'}, "part_of_bandwidth": 0.5, "speedup_over_eager_cpp": 30}'
    done ;;
  bench_gpu*decode*) echo '{"part": "decode", "tokens_per_second": {"median": 1000}}' ;;
  bench_gpu*portable*) echo '{"part": "decode_shape"}' ;;
  bench_gpu*) echo '{"part": "prefill", "tokens": 512, "speedup_over_eager_cpp": 1.5}' ;;
  capture_speed*) printf '{\n "tokens": 512, "copy_bytes_per_second": 1,'
    for phase in prefill decode; do printf '\n "%s": {"stats": {"of_bound": 1.02}, "all": {"of_bound": 1.2, "stalls": 0}}%s' $phase "${more-,}"; more=; done
    printf '\n}\n' ;;
  python*bench_torch*) echo '{"part": "torch"}' ;;
  same_bits*qwen3-tiny*) sleep "${SLEEP:-0}"; echo "9 taps, 99 values, ${DIFFERING:-0} taps differ"; [ -z "$STATUS" ] || exit "$STATUS" ;;
  same_bits*) echo "9 taps, 99 values, 0 taps differ" ;;
esac
"""


class Machine:
    """A folder that looks like a build on a machine with a GPU."""

    def __init__(self, folder: pathlib.Path):
        self.folder, self.out = folder, folder / "out"
        programs = [f"build/{'tests' if name.endswith('_test') else 'bin'}/{name}" for name in PROGRAMS]
        for name in [*programs, "path/nvidia-smi", "path/cmake", "path/nvcc", "path/python"]:
            stub = folder / name
            stub.parent.mkdir(parents=True, exist_ok=True)
            stub.write_text(STUB)
            stub.chmod(0o755)

    def run(self, *words, **more):
        """Status, what was said, all.json."""
        path = f"{self.folder / 'path'}:{os.environ['PATH']}"
        environment = {**os.environ, "PATH": path, "PLUMBLINE_PYTHON": str(self.folder / "path/python"), **more}
        command = [sys.executable, ROOT / "scripts/lib/gpu_all.py", "--root", ROOT, "--build", self.folder / "build", "--out", self.out, *words]
        done = subprocess.run(command, env=environment, capture_output=True, text=True)
        merged = self.out / "all.json"
        return done.returncode, done.stdout + done.stderr, json.loads(merged.read_text()) if merged.exists() else {}


failed = 0


def expect(what, right, seen=""):
    global failed
    failed += not right
    print(f"{'ok' if right else 'FAILED':7} {what}" + ("" if right else f"\n{seen}"))


def whole_runs(machine):
    status, said, merged = machine.run("build", "speed", "long")
    expect("parts that pass end with 0", status == 0, said)
    expect("the environment says on what", {"gpu": "NVIDIA H200", "driver": "580.1", "libtorch": "LibTorch 2.11.0"}.items() <= merged["environment"].items(), merged["environment"])
    expect("each part's time is kept", list(merged["parts"]) == ["build", "speed", "long"] and all(part["seconds"] >= 0 for part in merged["parts"].values()), said)
    kinds = [figure.get("part", "taps") for figure in merged["figures"]]
    expect("figures are kept in order, one a line or as a whole", kinds == ["qkv", "qkv", "decode", "prefill", "torch", "torch", "taps", "taps", *["decode_shape", "torch"] * len(SHAPES)], kinds)
    expect("each with its command", all("build/bin/bench_gpu" in figure["command"] for figure in merged["figures"][:4]), merged["figures"][0])
    checks = len(merged["checks"])
    status, said, merged = machine.run("long", DIFFERING="3", STATUS="1")
    wrong = [check for check in merged["checks"] if not check["passed"]]
    expect("a failing check ends with 1 and its part goes on", status == 1 and len(merged["checks"]) == checks and len(wrong) == len(KEYS), said)
    expect("and is recorded", all("exit status 1" in check["problem"] and "qwen3-tiny" in check["check"] for check in wrong), wrong)
    status, said, merged = machine.run("long", DIFFERING="10")
    expect("differing taps fail whatever the exit status", status == 1 and "does not say" in said, said)
    status, said, merged = machine.run("speed", JUNK="1")
    expect("a benchmark without figures fails, and so do targets without one", status == 1 and "no figures" in said and len(merged["figures"]) == 6 + 2 * len(SHAPES)
           and "no figure; at most 3.9 is asked for" in said, said)  # fmt: skip
    status, said, merged = machine.run("speed", US="4.2")
    missed = [check["check"] for check in merged["checks"] if not check["passed"] and check["part"] == "speed"]
    expect("a missed target fails", status == 1 and missed == ["target: norm and projections, 1 row, microseconds a call"], said)
    status, said, merged = machine.run("speed", DRIVER="590.2")
    left = "left out: long.json was made elsewhere: driver 580.1, not 590.2"
    expect("a part of another machine is not merged", status == 1 and left in said and list(merged["parts"]) == ["speed"], said)


def limits(machine):
    status, said, _ = machine.run("long", "--limit", "2", SLEEP="1.2")
    expect("a part that takes too long says so", status == 0 and re.search(r"long: \d+ of \d+ passed in \d+ seconds, OVER its 2", said), said)
    status, said, merged = machine.run("long", "--limit", "1", SLEEP="4")
    expect("a check that takes longer than a whole part is stopped", status == 1 and "stopped after 1 seconds" in said, said)


def refusals(machine):
    status, said, _ = machine.run("merge")
    expect("nothing to merge is an error", status == 1 and "no part has been recorded" in said, said)
    status, said, _ = machine.run("sped")
    expect("no such part", status == 2 and "no part 'sped'" in said, said)
    (machine.folder / "path/nvidia-smi").unlink()
    status, said, _ = machine.run("speed")
    expect("no GPU", status == 2 and "no GPU here" in said, said)


def tables(folder):
    """All parts, also those whose programs have no stand-in here."""
    places = Places(ROOT, folder / "build", folder / "out", "python", 16)
    for name, part_of in PARTS.items():
        part = part_of(places)
        names = [check.name for check in part.checks]
        expect(f"{name}: every check has a name of its own", len(names) == len(set(names)), names)
        late = [check.name for i, check in enumerate(part.checks) if check.after and check.after not in names[:i]]
        expect(f"{name}: nobody waits for a later check", not late, late)
        words = [pathlib.Path(word) for check in part.checks for command in check.commands for word in command[:5]]
        unbuilt = [word.name for word in words if folder / "build" in word.parents and word != places.programs and word.name not in PROGRAMS]
        absent = [str(word) for word in words if ROOT / "scripts" in word.parents and not word.exists()]
        expect(f"{name}: its programs are built, its scripts are there", not unbuilt and not absent, unbuilt + absent)
    runner = Runner(places, "safe", 10)
    clean = "========= RACECHECK SUMMARY: 0 hazards displayed (0 errors, 0 warnings)"
    racecheck = Check("racecheck", [], [CLEAN["racecheck"]])
    expect("a sanitizer's closing line is needed", runner.problem(racecheck, 0, clean) == "" and runner.problem(racecheck, 0, "") != "")
    expect("its warnings count", runner.problem(racecheck, 0, clean.replace("0 warnings", "1 warnings")) != "")
    expect("a test that found no GPU has shown nothing", runner.problem(Check("test", []), 0, "no GPU here: nothing compared") != "")


for run in (whole_runs, limits, refusals):
    with tempfile.TemporaryDirectory() as name:
        run(Machine(pathlib.Path(name).resolve()))
with tempfile.TemporaryDirectory() as name:
    tables(pathlib.Path(name).resolve())
sys.exit(1 if failed else 0)
