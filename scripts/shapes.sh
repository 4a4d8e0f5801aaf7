#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The shapes of published models with random weights, one after the other: made, run by LibTorch and by our kernels on the
# CPU with 16 tokens, and compared. Prints tensors, weights, minutes, memory and verdict of each; exit 0 only if all are at
# parity. Takes a few GB of disk (freed after each shape) and some minutes.
# Usage: scripts/shapes.sh [--shape NAME]... [--bin DIR] [--work DIR]
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
exec python3 "$root/scripts/lib/shapes.py" --root "$root" "$@"
