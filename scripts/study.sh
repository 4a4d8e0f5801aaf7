#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The affair of the notes again: every claim an experiment, every number with its command, every verdict computed. Writes
# dumps/study/README.md, study.json and the plots. Some minutes on 2 cores; no GPU (what one measured is in dumps/benchmarks).
# Usage: scripts/study.sh [--only EXPERIMENT]... [--bin DIR] [-o DIR] [--check]
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
exec "$root/.venv/bin/python" "$root/scripts/lib/study/study.py" --root "$root" "$@"
