#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A job of continuous integration: records the candidate on the reference's tokens and holds it against plumbline.toml.
# Usage: gate.sh MODEL [OPTIONS of plumbline run]   in a folder with ref.h5 and plumbline.toml. Ends as `plumbline gate` does.
set -euo pipefail
MODEL=$1
shift
rm -f cand.h5 gate.xml gate.json summary.md   # what an earlier job left proves nothing

plumbline policy check plumbline.toml
plumbline run "$MODEL" --backend twin --tokens ref.h5 -o cand.h5 "$@"

status=0
plumbline gate ref.h5 cand.h5 --format github --format junit=gate.xml --format json=gate.json --format md=summary.md || status=$?
if [ -f summary.md ] && [ -n "${GITHUB_STEP_SUMMARY:-}" ]; then cat summary.md >>"$GITHUB_STEP_SUMMARY"; fi
exit "$status"
