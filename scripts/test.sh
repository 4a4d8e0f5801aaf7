#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Installs what is missing, builds, and runs every test: source checks, the tests, and again what the presets choose of them
# under the address and undefined-behaviour sanitizers and the thread sanitizer; scripts/smollm2.sh where its model was fetched. Usage: scripts/test.sh [--quick]   (--quick leaves the sanitizers out)
# Ends with one line, "N passed, N failed"; exit 0 only if something ran and nothing failed.
set -uo pipefail
cd "$(dirname "$0")/.."

presets=(default asan tsan)
[ "${1:-}" = --quick ] && presets=(default)
passed=0 failed=0

step() { printf '\n== %s\n' "$*"; }
count() { if "$@"; then passed=$((passed + 1)); else failed=$((failed + 1)); echo "FAILED: $*"; fi; }

# suite_count NAME FILE: that attribute of the test suite in a JUnit report, which stands before those of single tests
suite_count() { grep -m1 -oE "\b$1=\"[0-9]+\"" "$2" | tr -dc 0-9; }

run_preset() {
  local preset=$1 dir=build report
  [ "$preset" = default ] || dir=build-$preset
  step "build: $preset"
  scripts/setup.sh "$preset" || { failed=$((failed + 1)); echo "FAILED: the $preset build"; return; }
  step "tests: $preset"
  report=$dir/ctest.xml
  rm -f "$report"
  local status=0 ran bad skipped
  ctest --preset "$preset" --no-tests=error -j "$(nproc)" --output-junit "$PWD/$report" || status=$?
  ran=$(suite_count tests "$report") bad=$(suite_count failures "$report") skipped=$(suite_count skipped "$report")
  [ "$status" -eq 0 ] || [ "${bad:-0}" -gt 0 ] || bad=1  # a test that could not be started is no failure to the report
  if [ "${ran:-0}" -eq 0 ]; then failed=$((failed + 1)); echo "FAILED: no test ran in preset $preset"; return; fi
  failed=$((failed + bad)); passed=$((passed + ran - bad - skipped))
}

step "dependencies"
scripts/setup.sh --deps-only || { echo "0 passed, 1 failed"; exit 1; }
step "source checks"
count scripts/dev/check.sh
for preset in "${presets[@]}"; do run_preset "$preset"; done
if [ -f .models/SmolLM2-135M-Instruct.Q4_1.gguf ]; then
  step "a real model"
  count scripts/smollm2.sh
fi

echo
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 1 ]
