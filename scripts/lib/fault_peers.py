# SPDX-License-Identifier: Apache-2.0
"""What people compare two dumps with today, on the same traces that find gets: numpy's assert_allclose at torch's tolerances
for bf16, cosine similarity, h5diff.

Invariant: each gets every float tensor of both dumps in order of execution, paired by name, and is asked for no more than it
gives: whether anything differs, and what differs first.
"""

import json
import re
import shutil
import subprocess
from pathlib import Path

try:
    import h5py
    import numpy as np
except ImportError:  # the columns are then left out
    h5py = np = None

RTOL, ATOL = 1.6e-2, 1e-5  # torch.testing.assert_close for bf16
LEAST_COSINE = 0.999
PLAIN = {"f64": "<f8", "f32": "<f4", "f16": "<f2"}


class Taps:
    """The float tensors of a trace by step and path, in order of execution, and the op that gives each path."""

    def __init__(self, file: Path):
        with h5py.File(file) as trace:
            offsets, blob = trace["string_offsets"][:], trace["strings"][:].tobytes()
            text = [blob[a:b].decode() for a, b in zip(offsets[:-1], offsets[1:])]
            self.rows = {(int(row["step"]), text[row["path"]]): (text[row["dtype"]], int(row["offset"]), int(row["nbytes"]))
                         for row in trace["index"][:] if text[row["dtype"]] in (*PLAIN, "bf16")}  # fmt: skip
            graph = json.loads(trace["graph"][:].tobytes())
        self.bytes = np.memmap(file, np.uint8, "r")
        self.op_of = {output["path"]: op["name"] for op in graph["ops"] for output in op["outputs"]}

    def stored(self, key):
        _, offset, count = self.rows[key]
        return self.bytes[offset : offset + count]

    def values(self, key):
        dtype, stored = self.rows[key][0], self.stored(key)
        if dtype == "bf16":
            return (np.frombuffer(stored.tobytes(), "<u2").astype(np.uint32) << 16).view(np.float32)
        return np.frombuffer(stored.tobytes(), PLAIN[dtype])


def allclose(reference, candidate) -> bool:
    return bool(np.isclose(candidate, reference, RTOL, ATOL, equal_nan=True).all())


def parallel(reference, candidate) -> bool:
    a, b = reference.astype(np.float64), candidate.astype(np.float64)
    size = np.linalg.norm(a) * np.linalg.norm(b)
    return bool(size > 0 and a @ b / size >= LEAST_COSINE) or bool((a == b).all())


def first_apart(reference: Taps, candidate: Taps, same) -> str | None:
    """The path of the first tensor that the comparison calls different."""
    for key in reference.rows:
        if key not in candidate.rows:
            return key[1]
        a, b = reference.stored(key), candidate.stored(key)
        if a.size == b.size and (a == b).all():
            continue
        with np.errstate(all="ignore"):
            if a.size != b.size or not same(reference.values(key), candidate.values(key)):
                return key[1]
    return None


def h5diff_first(reference: Path, candidate: Path) -> str | None:
    """The same by h5diff at that relative tolerance, over the tensors alone."""
    done = subprocess.run(["h5diff", "-p", str(RTOL), reference, candidate, "/t", "/t"], capture_output=True, text=True,
                          check=False)  # fmt: skip
    found = re.search(r"/s\d+/L(\w+)/\d+_(\S+)> and .*\n(?!0 )\d+ differences", done.stdout)
    if not found:
        return None if done.returncode == 0 else ""
    layer = "" if found[1] in ("pre", "post") else f"layer.{int(found[1])}."
    return layer + found[2]


class Peers:
    """Their names, and what each says of two traces: the op that it would blame, "" for none that it can name, or None."""

    def __init__(self):
        self.names, self.missing = [], []
        if np is None:
            self.missing.append("numpy and h5py are not installed here (--python names a Python that has them)")
            return
        self.names = ["allclose", "cosine"]
        if shutil.which("h5diff"):
            self.names.append("h5diff")
        else:
            self.missing.append("h5diff is not installed")

    def blame(self, reference: Path, candidate: Path) -> dict:
        if not self.names:
            return {}
        ours, theirs = Taps(reference), Taps(candidate)
        first = {"allclose": first_apart(ours, theirs, allclose), "cosine": first_apart(ours, theirs, parallel)}
        if "h5diff" in self.names:
            first["h5diff"] = h5diff_first(reference, candidate)
        return {name: path if path is None else ours.op_of.get(path, "") for name, path in first.items()}
