# SPDX-License-Identifier: Apache-2.0
"""Body of scripts/shapes.sh.

Invariant: a shape counts as compared only if `find` ended with status 0 and judged ops; memory is the largest of any
process that was started for it, as the kernel counted it.
"""

import argparse
import json
import os
import re
import shutil
import sys
import tempfile
import time
from pathlib import Path

SHAPES = ["qwen3-0.6b", "tinyllama-1.1b", "ernie-4.5-0.3b"]
TOKENS = 16


class Failed(Exception):
    pass


def timed(words: list) -> tuple:
    """What it printed, its seconds, the most memory it held in MiB. Raises Failed with what it said."""
    start = time.monotonic()
    with tempfile.TemporaryFile("w+") as out:
        process = os.posix_spawnp(str(words[0]), [str(word) for word in words], os.environ,
                                  file_actions=[(os.POSIX_SPAWN_DUP2, out.fileno(), 1)])  # fmt: skip
        _, status, usage = os.wait4(process, 0)
        out.seek(0)
        said = out.read()
    code = os.waitstatus_to_exitcode(status)
    if code != 0:
        raise Failed(f"{' '.join(map(str, words))}: status {code}\n{said[-2000:]}")
    return said, time.monotonic() - start, usage.ru_maxrss / 1024


def row_of(plumbline: Path, shape: str, work: Path) -> str:
    model, tokens = work / shape, work / "tokens.json"
    made, _, _ = timed([plumbline, "make-model", shape, "-o", model, "--no-progress"])
    counts = re.search(r"(\d+) tensors, (\d+) weights", made)
    if counts is None:
        raise Failed(f"make-model {shape} does not say how many tensors it wrote: {made}")
    vocabulary = json.loads((model / "config.json").read_text())["vocab_size"]
    tokens.write_text(json.dumps([(i * i * 7 + i * 31 + 5) % vocabulary for i in range(TOKENS)]))
    seconds, memory = {}, {}
    for backend in ("torch", "twin"):
        _, seconds[backend], memory[backend] = timed([plumbline, "run", model, "--backend", backend, "--tokens", tokens, "-o", work / f"{backend}.h5", "--no-progress"])
    said, seconds["find"], memory["find"] = timed([plumbline, "find", work / "torch.h5", work / "twin.h5", "--no-progress", "--json"])
    report = json.loads(said)
    coverage = report["coverage"]
    if coverage["judged_ops"] == 0:
        raise Failed(f"{shape}: find judged no op")
    return (f"{shape:<16} {int(counts[1]):>8} {int(counts[2]):>15,} {seconds['torch'] / 60:>8.2f} {seconds['twin'] / 60:>8.2f} {seconds['find'] / 60:>8.2f} "
            f"{max(memory.values()) / 1024:>8.1f}  {report['outcome']['verdict']}, {coverage['judged_ops']} of {coverage['reference_ops']} ops")  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(prog="scripts/shapes.sh")
    parser.add_argument("--root", type=Path, required=True, help=argparse.SUPPRESS)
    parser.add_argument("--shape", action="append", help=f"by default {', '.join(SHAPES)}; any shape that `plumbline make-model` knows")
    parser.add_argument("--bin", type=Path, help="folder of the programs (default: build/bin)")
    parser.add_argument("--work", type=Path, help="where models and traces may lie (default: a temporary folder)")
    asked = parser.parse_args()
    plumbline = (asked.bin or asked.root / "build/bin") / "plumbline"
    print(f"{'shape':<16} {'tensors':>8} {'weights':>15} {'torch':>8} {'twin':>8} {'find':>8} {'memory':>8}  verdict   (minutes; GiB)", flush=True)
    failed = 0
    for shape in asked.shape or SHAPES:
        work = Path(tempfile.mkdtemp(prefix="shapes.", dir=asked.work))
        try:
            print(row_of(plumbline, shape, work), flush=True)
        except (Failed, OSError) as problem:
            print(f"{shape:<16} failed: {problem}", flush=True)
            failed += 1
        finally:
            shutil.rmtree(work)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
