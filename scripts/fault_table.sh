#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Plants every fault of the catalogue in every model under dumps/models and lets `plumbline find` look for it.
# Prints fault x model x {caught, located, said}; where a fault must show comes from the catalogue (`plumbline faults
# --model DIR --json`), not from the report that is on trial. Ends with "located N of N"; exit 0 only if nothing was missed.
# Usage: scripts/fault_table.sh [--model DIR]... [--fault FAULT]... [--bin DIR] [--jobs N]
#        [--backend twin|cuda] [--numerics portable|torch/sm90] [--reference BACKEND [--device cpu|cuda]]
# (the faulty kernels: backend and numerics; the healthy run that they are held against: reference and device)
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
exec python3 "$root/scripts/lib/fault_table.py" --root "$root" "$@"
