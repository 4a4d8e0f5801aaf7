#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Finds the coefficients of a GPU's special-function unit from its results: cuda/common/special_unit_tables.h.

Usage: fit_special_unit.py [--print]   on a machine with a Hopper GPU, and a Python with CUDA's PyTorch and numpy.
Records rsqrt over two binades and 2^x over [0, 1), fits each 64th of a binade by least squares, rounds the coefficients
to their grid, proves the result on every recorded value and compares it with the header in the tree. --print prints the
rows. Exit 0 only if every value is explained and no row differs. The unit squares the position t in a piece without the partial products below 2^19.
"""
import pathlib
import sys

import numpy as np
import torch

BITS = 17  # of the position within a piece
PIECE = 1 << BITS
ROOT = pathlib.Path(__file__).resolve().parents[2]
HEADER = ROOT / "cuda/common/special_unit_tables.h"


def recorded():
    """Results as integers in units of their last place: rsqrt over [1, 4), 2^x over [0, 1)."""
    bits = torch.arange(1 << 24, dtype=torch.int32, device="cuda") + 0x3F800000
    rsqrt = torch.rsqrt(bits.view(torch.float32)).double() * 2.0**24
    ex2 = torch.exp2(torch.arange(1 << 23, device="cuda").float() * 2.0**-23).double() * 2.0**23
    return rsqrt.long().cpu().numpy(), ex2.long().cpu().numpy()


def truncated_square():
    t = np.arange(PIECE, dtype=np.int64)
    bit = [(t >> i) & 1 for i in range(BITS)]
    square = np.zeros(PIECE, dtype=np.int64)
    for i in range(BITS):
        for j in range(i, BITS):
            weight = 2 * i if i == j else i + j + 1
            if weight >= 19:
                square += (bit[i] * bit[j]) << weight
    return square


def fit(values, unit1, unit2, first_is_exact):
    """Per piece (c1, c2, and the bounds of c0 in 2^-34 last places); c1 and c2 count unit1 and unit2."""
    t = np.arange(PIECE, dtype=np.int64)
    x = t / PIECE
    solve = np.linalg.pinv(np.stack([x**0, x, x**2], 1))
    square = truncated_square()
    for number, piece in enumerate(values.reshape(-1, PIECE)):
        _, linear, quadratic = solve @ (piece + 0.5)
        c1, c2 = round(linear / unit1), round(quadratic / unit2)
        rest = (piece << 34) - c1 * unit1 * (t << BITS) - c2 * unit2 * square
        if first_is_exact and number == 0:
            rest = rest[1:]  # a power of four, which the unit treats apart
        yield c1, c2, int(rest.max()), int((rest + (1 << 34)).min())


def rows(values, unit1, unit2, bias, first_is_exact):
    """(c0, c1, c2), c0 in quarters of a last place above the bias; None where no c0 explains every value."""
    for c1, c2, low, high in fit(values, unit1, unit2, first_is_exact):
        c0 = -((bias - low) >> 32)
        yield (c0, c1, c2) if low <= (c0 << 32) + bias < high else None


def in_header(name):
    text = HEADER.read_text().split(name)[1].split("};")[0]
    numbers = [int(word.strip("{},")) for word in text[text.index("=") + 1:].split() if word.strip("{},")]
    return list(zip(numbers[0::3], numbers[1::3], numbers[2::3]))


def main():
    rsqrt, ex2 = recorded()
    tables = {"kRsqrtPieces": list(rows(rsqrt, 2, 2, -(1 << 18), True)),
              "kEx2Pieces": list(rows(ex2, 4, 1, 6114 << 19, False))}
    unlike = 0
    for name, table in tables.items():
        unexplained = table.count(None)
        different = sum(a != b for a, b in zip(table, in_header(name), strict=True))
        unlike += unexplained + different
        print(f"{name}: {len(table)} pieces, {unexplained} unexplained, {different} unlike {HEADER.name}")
        if sys.argv[1:] == ["--print"]:
            print("\n".join(f"    {{{c0}, {c1}, {c2}}}," for c0, c1, c2 in table))
    return 0 if unlike == 0 else 1


if __name__ == "__main__":
    sys.exit(main())
