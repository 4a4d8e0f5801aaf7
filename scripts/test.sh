#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Installs what is missing, builds, and runs every test: source checks, the tests, and the tests again under the address,
# undefined-behaviour and thread sanitizers. Usage: scripts/test.sh [--quick]   (--quick leaves the sanitizers out)
# Ends with one line, "N passed, N failed"; exit 0 only if something ran and nothing failed.
set -uo pipefail
cd "$(dirname "$0")/.."

presets=(default asan tsan)
[ "${1:-}" = --quick ] && presets=(default)
passed=0 failed=0

step() { printf '\n== %s\n' "$*"; }
count() { if "$@"; then passed=$((passed + 1)); else failed=$((failed + 1)); echo "FAILED: $*"; fi; }

run_preset() {
  local preset=$1 dir=build log
  [ "$preset" = default ] || dir=build-$preset
  step "build: $preset"
  scripts/setup.sh "$preset" || { failed=$((failed + 1)); echo "FAILED: the $preset build"; return; }
  step "tests: $preset"
  log=$dir/ctest.log
  ctest --preset "$preset" --no-tests=error -j "$(nproc)" 2>&1 | tee "$log"
  local summary ran bad
  summary=$(grep -E 'tests passed, [0-9]+ tests? failed out of [0-9]+' "$log" | tail -n 1)
  if [ -z "$summary" ]; then failed=$((failed + 1)); echo "FAILED: no test ran in preset $preset"; return; fi
  bad=$(sed -E 's/.*passed, ([0-9]+) tests? failed out of.*/\1/' <<<"$summary")
  ran=$(sed -E 's/.* out of ([0-9]+).*/\1/' <<<"$summary")
  failed=$((failed + bad)); passed=$((passed + ran - bad))
}

step "dependencies"
scripts/setup.sh --deps-only || { echo "0 passed, 1 failed"; exit 1; }
step "source checks"
count scripts/dev/check.sh
for preset in "${presets[@]}"; do run_preset "$preset"; done

echo
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 1 ]
