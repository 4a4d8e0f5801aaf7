#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Prints one line for each tap of a trace, sorted: step, path, XXH3-64 of its bytes.  Usage: tap_digests.py TRACE
The digests are those that the trace's index holds (`plumbline verify TRACE` recomputes them)."""
import sys

import h5py


def lines(file):
    with h5py.File(file, "r") as trace:
        starts, text = trace["string_offsets"][:], bytes(trace["strings"][:])
        path = [text[a:b].decode() for a, b in zip(starts, starts[1:])]
        return sorted(f"{row['step']} {path[row['path']]} {row['xxh3']:016x}" for row in trace["index"][:])


if __name__ == "__main__":
    print("\n".join(lines(sys.argv[1])))
