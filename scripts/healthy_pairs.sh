#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Compares at least 100 pairs of healthy runs by `plumbline find`, which has to find nothing: every model under
# dumps/models, several prompts, prefill and decode, backends, threads, kernel variants of equal bits, numerics, batch sizes, narrowed
# taps; the same with K-norm weights rewritten by extreme_norms.py; and captures by capture/hf.py against our own runs.
# Prints pair x {verdict, coverage} and what had to be left out. Ends with "no finding in N of N pairs"; exit 0 only then and if as many
# pairs as asked for were compared, 1 on a finding, 3 if too few were compared.
# Usage: scripts/healthy_pairs.sh [--model DIR]... [--bin DIR] [--python PYTHON] [--jobs N] [--slice K]
# (PYTHON has torch and transformers, for captures; K pairs, always the same)
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
exec python3 "$root/scripts/lib/healthy_pairs.py" --root "$root" "$@"
