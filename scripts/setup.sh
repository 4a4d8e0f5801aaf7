#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Installs what Plumbline needs on Debian 12 or Ubuntu 24.04 and builds it. What is there already is left alone, so a second
# run takes seconds. Usage: scripts/setup.sh [--deps-only] [PRESET]   (PRESET: default, asan, tsan)
set -euo pipefail
cd "$(dirname "$0")/.."

packages=(g++ cmake ninja-build ccache pkg-config git python3 python3-venv binutils
  libhdf5-dev hdf5-tools libeigen3-dev libfmt-dev catch2 libboost-context-dev libcli11-dev
  nlohmann-json3-dev libtomlplusplus-dev libxxhash-dev clang-format)
python_packages=(torch==2.13.0 transformers==5.23.0 safetensors==0.8.0 numpy==2.4.6 h5py==3.16.0 xxhash==4.1.0 jsonschema==4.25.1)

say() { printf '\033[0m-- %s\n' "$*" >&2; }

install_system_packages() {
  local missing=() package
  for package in "${packages[@]}"; do
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' || missing+=("$package")
  done
  [ ${#missing[@]} -eq 0 ] && return
  say "installing ${#missing[@]} system packages: ${missing[*]}"
  local as_root=()
  if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || { echo "setup: not root and no sudo; install these and run again: ${missing[*]}" >&2; exit 2; }
    as_root=(sudo)
  fi
  "${as_root[@]}" apt-get update -q
  DEBIAN_FRONTEND=noninteractive "${as_root[@]}" apt-get install -q -y --no-install-recommends "${missing[@]}"
}

install_python_packages() {
  local stamp=.venv/plumbline-packages
  [ -f "$stamp" ] && [ "$(cat "$stamp")" = "${python_packages[*]}" ] && return
  say "making .venv with ${python_packages[*]} (the wheel of torch is large)"
  /usr/bin/python3 -m venv .venv
  .venv/bin/python -m pip install --disable-pip-version-check --progress-bar off "${python_packages[@]}"
  printf '%s' "${python_packages[*]}" >"$stamp"
}

build() {
  local preset=$1 dir=build
  [ "$preset" = default ] || dir=build-$preset
  [ -f "$dir/build.ninja" ] || cmake --preset "$preset"
  cmake --build "$dir" -j "$(nproc)"
}

deps_only=false
[ "${1:-}" = --deps-only ] && { deps_only=true; shift; }
install_system_packages
install_python_packages
$deps_only || build "${1:-default}"
