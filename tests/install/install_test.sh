#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Installs a build, moves the result to another place, and uses it there: the programs, and the headers and libraries from
# a project of its own. Usage: install_test.sh CMAKE SOURCE BUILD options for the consumer's configuration...
set -euo pipefail
cmake=$1 source=$2 build=$3
shift 3
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
fail() { echo "install: $*"; exit 1; }

"$cmake" --install "$build" --prefix "$work/first" --strip > "$work/log" || fail "$(cat "$work/log")"
mv "$work/first" "$work/moved"
prefix=$work/moved
cd "$prefix"

named=$(grep -rIlF -e "$build" -e "$source" -e "$work/first" . || true)
[ -z "$named" ] || fail "these name a path of the build: $named"
for file in share/man/man1/plumbline.1 share/bash-completion/completions/plumbline share/zsh/site-functions/_plumbline \
  share/fish/vendor_completions.d/plumbline.fish share/doc/plumbline/trace-schema.md \
  share/doc/plumbline/plumbline-report.schema.json share/doc/plumbline/plumbline-noise.schema.json \
  share/doc/plumbline/plumbline-audit.schema.json share/doc/plumbline/plumbline-generate.schema.json include/plumbline/trace.h; do
  [ -s "$file" ] || fail "$file is missing or empty"
done
grep -q '^\.TH' share/man/man1/plumbline.1 || fail "share/man/man1/plumbline.1 is no manual page"
# bash takes the completions; --backend is an option of plumbline-run, which the installed pages have to know too
bash -n share/bash-completion/completions/plumbline
grep -q -e --backend share/bash-completion/completions/plumbline || fail "the completions lack the options of plumbline run"

# From the prefix alone: plumbline has to find plumbline-run beside itself.
export PATH=$prefix/bin:$PATH
plumbline run --list-backends | grep -q '^twin  *ready' || fail "the installed plumbline runs no backend"

mkdir "$work/project"
cp "$source"/tests/install/consumer/* "$work/project"
"$cmake" -S "$work/project" -B "$work/project/build" "-DCMAKE_PREFIX_PATH=$prefix" "$@" > "$work/log" 2>&1 ||
  fail "the consumer does not configure: $(cat "$work/log")"
"$cmake" --build "$work/project/build" > "$work/log" 2>&1 || fail "the consumer does not build: $(cat "$work/log")"
said=$("$work/project/build/consumer" "$work/made.h5") || fail "the consumer fails: $said"
expected="2 taps, 3 of 4 elements equal, largest difference 0.5"
[ "$said" = "$expected" ] || fail "the consumer says '$said', not '$expected'"
plumbline verify "$work/made.h5" > "$work/log" || fail "the installed plumbline does not take the consumer's trace"
echo "installed, moved, consumed: $said"
