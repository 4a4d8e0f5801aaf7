#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Proves on a machine with an H100 or H200 what README says of it. Usage: scripts/gpu_all.sh [headers|build|equal|speed|safe]...
#   headers  here, where packages can be had: unpacks into .deps/usr what such a machine may lack; let it travel along
#   build    configures preset gpu and builds the programs and the GPU's tests
#   equal    LibTorch eager = our kernels = the twin on every tap, special functions over all inputs, records in dumps/
#   safe     machine code of kernels without taps; errors of CUDA as a user sees them; every kernel 20 times over poisoned
#            memory; compute-sanitizer (memcheck, racecheck, initcheck, synccheck) over whole forward passes
# Without an argument: build, equal, safe. One JSON line a check in out/gpu/PART.jsonl, all of them in out/gpu/all.json;
# exit 0 only if every check passed, 2 if there is no GPU.
set -uo pipefail
cd "$(dirname "$0")/.."
parts=("$@")
[ $# -gt 0 ] || parts=(build equal speed safe)
out=out/gpu bin=build-gpu/bin failed=0
mkdir -p "$out"

headers() {
  mkdir -p .deps/debs .deps/usr/lib
  (cd .deps/debs && apt-get download -q libtomlplusplus-dev libxxhash-dev libboost-context1.74-dev)
  for package in .deps/debs/*.deb; do dpkg -x "$package" .deps/unpacked; done
  cp -r .deps/unpacked/usr/include .deps/usr/
  cp "$(find .deps/unpacked -name libboost_context.a)" .deps/usr/lib/
}

# check PART NAME COMMAND...: runs it, keeps its last line, and counts.
check() {
  local part=$1 name=$2 start=$SECONDS status=0 last
  shift 2
  "$@" >"$out/last.log" 2>&1 || status=$?
  last=$(tail -n 1 "$out/last.log" | tr -d '"\\')
  [ "$status" -eq 0 ] || { failed=$((failed + 1)); cat "$out/last.log"; }
  printf '%-7s %-44s %4ss  %s\n' "$([ "$status" -eq 0 ] && echo ok || echo FAILED)" "$name" $((SECONDS - start)) "$last"
  printf '{"part": "%s", "check": "%s", "passed": %s, "seconds": %d, "said": "%s"}\n' "$part" "$name" \
    "$([ "$status" -eq 0 ] && echo true || echo false)" $((SECONDS - start)) "$last" >>"$out/$part.jsonl"
}

build() {
  [ -f build-gpu/build.ninja ] || check build configure cmake --preset gpu
  check build programs cmake --build build-gpu -j "$(nproc)" --target plumbline plumbline-run same_bits litmus_gpu_equality_test \
    litmus_special_unit_test gpu_error_without_gpu_test gpu_error_provoked_test \
    kernel_repeat_gpu_test
}

equal() {
  check equal "special functions, tensor cores" build-gpu/tests/litmus_gpu_equality_test
  local model tokens
  for model in qwen3-tiny llama-tiny; do
    for tokens in 1 4 16 24 64 128 512; do
      check equal "$model torch = cuda, $tokens tokens" "$bin/same_bits" "dumps/models/$model" torch cuda --numerics torch/sm90 \
        --tokens "$tokens" --new 4
    done
    check equal "$model twin = cuda" "$bin/same_bits" "dumps/models/$model" twin cuda --numerics torch/sm90 --tokens 24 --new 4
    for variant in hf exact unfused single f32 minimal_f32 tf32 fp16_tiles; do
      check equal "$model twin = cuda, $variant" "$bin/same_bits" "dumps/models/$model" twin cuda --qkv "$variant"
    done
  done
  big_model equal
  for tokens in 1 4 16 64 128 512; do
    check equal "qwen3-0.6b torch = cuda, $tokens tokens" "$bin/same_bits" "$out/qwen3-0.6b" torch cuda --numerics torch/sm90 \
      --tokens "$tokens" --new 1
  done
}

# Keeps the figures that COMMAND... prints, a JSON line each.
figures() { "$@" | tee -a "$out/figures.jsonl"; }

speed() {
  local python=${PLUMBLINE_PYTHON:-python3}
  rm -f "$out/figures.jsonl"
  big_model speed
  check speed clocks nvidia-smi --query-gpu=name,driver_version,clocks.sm,clocks.mem --format=csv,noheader
  check speed "RMSNorm and projections" figures "$bin/bench_gpu" qkv
  check speed "decode" figures "$bin/bench_gpu" decode "$out/qwen3-0.6b"
  check speed "prefill" figures "$bin/bench_gpu" prefill "$out/qwen3-0.6b"
  check speed "PyTorch: RMSNorm and projections" figures "$python" scripts/bench_torch.py qkv
  check speed "PyTorch: decode" figures "$python" scripts/bench_torch.py decode "$out/qwen3-0.6b"
  check speed "taps" "$bin/capture_speed" "$out/qwen3-0.6b" --tokens 128
}

# A test that finds no GPU says so and ends with 0: here that is a failure.
on_gpu() { "$@" | tee "$out/on_gpu.log" && ! grep -q "no GPU" "$out/on_gpu.log"; }

safe() {
  local tool
  check safe "errors of CUDA" on_gpu build-gpu/tests/gpu_error_provoked_test
  check safe "every kernel, poisoned, 20 times" on_gpu build-gpu/tests/kernel_repeat_gpu_test
  check safe "kernels without taps have no trace of them" python3 tests/kernel/notap/notap_code.py
  check safe "errors where no GPU can be seen" build-gpu/tests/gpu_error_without_gpu_test
  check safe "errors of CUDA name kernel, grid and line" build-gpu/tests/gpu_error_provoked_test
  check safe "all outputs written, the same in 20 runs" build-gpu/tests/kernel_repeat_gpu_test
  for tool in memcheck racecheck initcheck synccheck; do
    for model in qwen3-tiny llama-tiny; do
      check safe "$tool, $model" compute-sanitizer --tool "$tool" --error-exitcode 1 "$bin/same_bits" "dumps/models/$model" cuda cuda \
        --numerics torch/sm90 --tokens 5 --new 1
    done
  done
}

for part in "${parts[@]}"; do
  case $part in
    headers) headers; continue ;;
    build | equal | speed | safe) ;;
    *) echo "gpu_all: no part '$part'; there are headers, build, equal, speed, safe" >&2; exit 2 ;;
  esac
  command -v nvidia-smi >/dev/null || { echo "gpu_all: no GPU here (nvidia-smi is missing); scripts/check_gpu_records.sh checks what one recorded" >&2; exit 2; }
  rm -f "$out/$part.jsonl"
  "$part"
done
compgen -G "$out/*.jsonl" >/dev/null && { printf '['; cat "$out"/*.jsonl | paste -sd,; printf ']\n'; } >"$out/all.json"
echo "$failed failed"
[ "$failed" -eq 0 ]
