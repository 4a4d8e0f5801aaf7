# SPDX-License-Identifier: Apache-2.0
# run_python DEFAULT SCRIPT ARGUMENT...: SCRIPT by the Python that `--python PYTHON` among the arguments names, else by
# DEFAULT, with all other arguments and `--root` of this repository. Sourced by the scripts beside this folder.
run_python() {
  local root python=$1 script=$2 arguments=()
  root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
  shift 2
  while [ $# -gt 0 ]; do
    case $1 in
      --python) python=${2:?--python needs a program}; shift 2 ;;
      *) arguments+=("$1"); shift ;;
    esac
  done
  exec "$python" "$root/scripts/lib/$script" --root "$root" "${arguments[@]}"
}
