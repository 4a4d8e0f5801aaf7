#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Compiles each header as a source of its own. Usage: compile_alone.sh COMPILER INCLUDE_FOLDER HEADER...
set -uo pipefail
compiler=$1 folder=$2
shift 2
[ $# -gt 0 ] || { echo "compile_alone: no header was given"; exit 1; }
bad=0
for header in "$@"; do
  # twice: it also has to guard itself
  printf '#include <%s>\n#include <%s>\n' "${header#"$folder"/}" "${header#"$folder"/}" |
    "$compiler" -std=c++20 -fsyntax-only -Wall -Wextra -Wconversion -Werror -I "$folder" -x c++ - ||
    { echo "compile_alone: $header does not compile alone"; bad=$((bad + 1)); }
done
echo "$(($# - bad)) of $# headers compile alone"
[ "$bad" -eq 0 ]
