#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""scripts/dev/figures.py: README says what the JSON says, an other figure does not go unnoticed, one without a row is an
error, and every kind of entry that the benchmarks print has its row. Argument: the source folder."""
import copy
import json
import pathlib
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(sys.argv[1])
SCRIPT = ROOT / "scripts/dev/figures.py"
RECORD = json.loads((ROOT / "dumps/benchmarks/h200.json").read_text())
TIMES = {"median": 0.0052, "p10": 0.0051, "p90": 0.0053, "min": 0.005, "max": 0.006, "count": 20}
PREFILL = {"part": "prefill", "tokens": 512, "seconds": TIMES, "eager_cpp_seconds": TIMES, "speedup_over_eager_cpp": 1.0, "logits_compared": 77791232,
           "logits_differing": 0, "command": "build-gpu/bin/bench_gpu prefill out/gpu/qwen3-0.6b"}  # fmt: skip
TAP = {"seconds": TIMES, "bytes": 12_000_000, "of_bound": 1.25, "stalls": 3}
TAPS = {"copy_bytes_per_second": 5e10, "tokens": 128, "prefill": {"none": TAP, "all": TAP}, "decode": {"none": TAP, "all": TAP},
        "command": "build-gpu/bin/capture_speed out/gpu/qwen3-0.6b --tokens 128 --numerics torch/sm90"}  # fmt: skip


def run(record, *words, readme=None):
    """On a tree of that JSON and this README; status, what was said, README afterwards."""
    with tempfile.TemporaryDirectory() as name:
        tree = pathlib.Path(name)
        (tree / "dumps/benchmarks").mkdir(parents=True)
        (tree / "dumps/benchmarks/h200.json").write_text(json.dumps(record))
        (tree / "README.md").write_text(readme or (ROOT / "README.md").read_text())
        new = tree / "new.json"
        new.write_text(json.dumps(changed(lambda other: other["figures"].append(PREFILL))))
        said = subprocess.run([sys.executable, SCRIPT, "--root", name, *(str(new) if word == "NEW" else word for word in words)], capture_output=True, text=True)
        kept = json.loads((tree / "dumps/benchmarks/h200.json").read_text())
        return said.returncode, said.stdout + said.stderr, (tree / "README.md").read_text(), kept


def changed(change):
    other = copy.deepcopy(RECORD)
    change(other)
    return other


def faster(record):
    next(entry for entry in record["figures"] if entry["part"] == "qkv")["graph_us"]["median"] *= 0.5


failed = 0


def expect(what, right, seen):
    global failed
    failed += not right
    print(f"{'ok' if right else 'FAILED':7} {what}" + ("" if right else f"\n{seen}"))


status, said, page, _ = run(RECORD, "--check")
expect("README and the JSON agree", status == 0 and not said, said)
status, said, page, _ = run(changed(faster), "--check")
expect("another figure is noticed, and nothing written", status == 1 and "RMSNorm and projections, 1 row" in said and page == (ROOT / "README.md").read_text(), said)
status, said, page, _ = run(changed(lambda record: record["figures"].pop()), "--check")
expect("a figure that the JSON has no longer is noticed", status == 1 and "README.md does not say" in said, said)
status, said, page, _ = run(changed(faster))
expect("the table is written", status == 0 and page != (ROOT / "README.md").read_text() and page.count("<!-- figures") == 1, said)
status, said, page, kept = run(RECORD, "--from", "NEW")
row = "| prefill of 512 tokens, until the next one is known | 5.20 ms (5.10 to 5.30) | 5.20 ms (5.10 to 5.30) | 1.00x | 0 of 77,791,232 logits differ | `bench_gpu prefill MODEL` |"
expect("a new record is kept, its prefill has a row", status == 0 and row in page and PREFILL in kept["figures"], page)
status, said, page, _ = run(changed(lambda record: record["figures"].append(TAPS)))
row = "| prefill of 128 tokens, taps: all | 5.20 ms (5.00 to 6.00) |  | 1.00x no taps | 12.0 MB of taps, 1.25x max(no taps, bytes / copy rate), 3 stalls | `capture_speed MODEL --tokens 128 --numerics torch/sm90` |"
expect("so have taps", status == 0 and row in page, page)
status, said, page, _ = run(changed(lambda record: record["figures"].append({"part": "novel"})))
expect("an entry that fits no row is an error", status == 2 and "no row for" in said, said)
status, said, page, _ = run(changed(lambda record: record["figures"].clear()))
expect("so are no figures at all", status == 2 and "holds no figure" in said, said)
status, said, page, _ = run(RECORD, readme="# Plumbline\n")
expect("so is a page without the block", status == 2 and "no block" in said, said)
sys.exit(1 if failed else 0)
