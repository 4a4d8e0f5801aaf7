#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Source checks: formatting, who may include whom, an SPDX line in every source file, README's figures, no machine paths. --fix formats in place.
set -uo pipefail
cd "$(dirname "$0")/../.."
status=0
mapfile -t sources < <(git ls-files '*.cpp' '*.h' '*.cu' '*.cuh')
mapfile -t scripts < <(git ls-files '*.py' '*.sh')
if [ "${1:-}" = --fix ]; then clang-format -i "${sources[@]}"; fi
clang-format --dry-run --Werror "${sources[@]}" || { echo "check: formatting differs: scripts/dev/check.sh --fix"; status=1; }
python3 scripts/dev/layers.py || status=1
python3 scripts/dev/figures.py --check || { echo "check: scripts/dev/figures.py writes README's table of speeds anew"; status=1; }
missing=$(grep -L 'SPDX-License-Identifier' "${sources[@]}" "${scripts[@]}")
[ -z "$missing" ] || { echo "check: no SPDX line in:"; echo "$missing"; status=1; }
paths=$(git grep -nE '/(work|root|home)/[a-z]' -- '*.cpp' '*.h' '*.cu' '*.cuh' '*.py' '*.sh' '*.cmake' '*.md' '*.txt' ':!scripts/dev/check.sh')
[ -z "$paths" ] || { echo "check: paths of one machine:"; echo "$paths"; status=1; }
[ $status -eq 0 ] && echo "check: ${#sources[@]} sources, ${#scripts[@]} scripts: formatting, layers, figures, licences, paths are in order"
exit $status
