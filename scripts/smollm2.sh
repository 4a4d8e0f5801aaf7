#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A real pretrained model through everything, on a machine with two cores in about two minutes: SmolLM2-135M-Instruct is fetched,
# imported as bf16, and run on a chat prompt of 32 tokens. Usage: scripts/smollm2.sh   (after scripts/setup.sh)
# Checked: LibTorch's bits are those of transformers at every module output, prefill and 16 steps; `find` calls our kernels
# on the CPU at parity with it; it finds a planted defect; the answer names Paris. Exit status 1 if one of these fails.
set -euo pipefail
cd "$(dirname "$0")/.."
case "${1:-}" in -h|--help) sed -n '3,6s/^# //p' "$0"; exit 0 ;; esac

python=.venv/bin/python
bin=build/bin
fail() { printf 'smollm2: %s\n' "$@" >&2; exit 1; }
for needed in $bin/plumbline $bin/plumbline-run build/tests/reference_transformers_test $python; do
  [ -x "$needed" ] || { echo "smollm2: $needed is missing: scripts/setup.sh builds it" >&2; exit 2; }
done
file=$(scripts/fetch_smollm2.sh)
work=$(mktemp -d .models/smollm2.XXXXXX)
trap 'rm -rf "$work"' EXIT

# Runs a step and says on standard error how long it took, and where GNU time is there how much memory.
step() {
  local name=$1 begin status=0
  shift
  begin=$(date +%s.%N)
  if [ -x /usr/bin/time ]; then
    /usr/bin/time -q -o "$work/memory" -f '%M' "$@" || status=$?
    printf -- '-- %s: %.1f s, %.0f MiB\n' "$name" "$(echo "$(date +%s.%N) $begin" | awk '{print $1 - $2}')" \
      "$(awk '{print $1 / 1024}' "$work/memory")" >&2
  else
    "$@" || status=$?
    printf -- '-- %s: %.1f s\n' "$name" "$(echo "$(date +%s.%N) $begin" | awk '{print $1 - $2}')" >&2
  fi
  return $status
}
step import "$bin/plumbline" import gguf "$file" -o "$work/model" --dtype bf16
"$python" - "$work" <<'PYTHON'
import json, sys
from transformers import AutoTokenizer
chat = [{"role": "system", "content": "You are a helpful AI assistant. Be very brief."},
        {"role": "user", "content": "What is the capital of France?"}]
ids = AutoTokenizer.from_pretrained(sys.argv[1] + "/model").apply_chat_template(chat, add_generation_prompt=True, return_dict=False)
assert len(ids) == 32, ids
json.dump(list(ids), open(sys.argv[1] + "/tokens.json", "w"))
PYTHON
PLUMBLINE_REAL_MODEL=$work/model PLUMBLINE_REAL_TOKENS=$work/tokens.json step 'LibTorch against transformers, bit for bit' \
  build/tests/reference_transformers_test '[.real]'
step 'run on torch' "$bin/plumbline" run "$work/model" --tokens "$work/tokens.json" --backend torch -o "$work/ref.h5"
step 'run on twin' "$bin/plumbline" run "$work/model" --tokens "$work/tokens.json" --backend twin -o "$work/cand.h5"
step 'find' "$bin/plumbline" find "$work/ref.h5" "$work/cand.h5" --format concise || fail "find does not call the kernels at parity"
step 'run with a fault' "$bin/plumbline" run "$work/model" --tokens "$work/tokens.json" --backend twin \
  --fault weight.transposed@layer.12.attn.o_proj -o "$work/faulty.h5"
step 'find the fault' "$bin/plumbline" find "$work/ref.h5" "$work/faulty.h5" --format concise >"$work/found" && fail "the fault is not found"
grep 'layer.12.attn.o_proj. is the first op to diverge' "$work/found" || fail "the fault is not located"
"$bin/plumbline" generate "$work/model" --backend torch --chat --system 'You are a helpful AI assistant. Be very brief.' \
  --prompt 'What is the capital of France?' --new 12 2>"$work/said" | tee "$work/answer"
cat "$work/said" >&2
grep -q Paris "$work/answer" || fail "the answer does not name Paris"
echo "smollm2: everything holds"
