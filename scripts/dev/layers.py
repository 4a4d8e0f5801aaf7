#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checks who includes whom: each folder sees only the folders below it, each third party has one owner folder.

The table below is the contract; a line that breaks it is printed with file and line number, exit 1.
"""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]

# folder -> folders whose private headers it may include (its own and public <plumbline/...> headers always)
LAYERS = {
    "src/plumbline": set(),
    "src/core": set(),
    "src/options": {"src/core"},
    "src/contract": {"src/core"},
    "src/trace": {"src/core"},
    "src/model": {"src/core"},
    "src/compare": {"src/core"},
    "src/oracle": {"src/core", "src/contract", "src/model", "src/compare"},
    "src/trial": {"src/core", "src/contract", "src/oracle"},
    "src/locate": {"src/core", "src/contract", "src/trace", "src/model", "src/compare", "src/oracle", "src/trial"},
    "src/diagnose": {"src/core", "src/contract", "src/trace", "src/model", "src/compare", "src/oracle", "src/locate"},
    "src/report": {"src/core", "src/contract", "src/trace", "src/model", "src/compare", "src/oracle", "src/locate"},
    "src/gate": {"src/core", "src/contract", "src/trace", "src/model", "src/compare", "src/oracle", "src/locate", "src/report"},
    "src/cli": {"src/core", "src/contract", "src/trace", "src/model", "src/compare", "src/oracle", "src/locate", "src/diagnose", "src/report",
                "src/gate", "src/options", "src/trial"},
    "src/run": {"src/core", "src/options", "src/contract", "src/trace", "src/model", "src/oracle", "cuda", "reference"},
    "cuda": {"src/core", "src/contract", "src/model"},
    "reference": {"src/core", "src/contract", "src/model"},
}

# include prefix -> the only folders that may use it
OWNERS = {
    "hdf5": {"src/trace"},
    "H5": {"src/trace"},
    "Eigen/": {"src/oracle", "src/diagnose"},
    "torch/": {"reference"},
    "ATen/": {"reference"},
    "c10/": {"reference"},
    "boost/": {"cuda"},
    "cuda_": {"cuda", "reference"},
    "CLI/": {"src/cli", "src/options", "src/run"},
    "toml++/": {"src/gate"},
}

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^">]+)[">]')


def layer_of(path):
    """The longest folder of LAYERS that holds `path` (relative, posix), or None."""
    best = None
    for folder in LAYERS:
        if path.startswith(folder + "/") and (best is None or len(folder) > len(best)):
            best = folder
    return best


def target_of(include):
    """The layer a quoted include leads to: "trace/reader.h" is src/trace, "cuda/gemm/gemm.h" is cuda."""
    top = include.split("/")[0]
    for folder in ("src/" + top, top):
        if folder in LAYERS:
            return folder
    return None


def breaches(path):
    layer = layer_of(path)
    if layer is None:
        return
    for number, line in enumerate((ROOT / path).read_text(encoding="utf-8").splitlines(), 1):
        match = INCLUDE.match(line)
        if not match:
            continue
        quote, include = match.groups()
        if quote == '"':
            target = target_of(include)
            if target is None:
                yield number, include, "a quoted include is rooted at a folder: \"core/hash.h\""
            elif target != layer and target not in LAYERS[layer]:
                yield number, include, f"{layer} may not see {target}"
        for prefix, owners in OWNERS.items():
            if include.startswith(prefix) and layer not in owners:
                yield number, include, f"only {', '.join(sorted(owners))} may include it"
        if layer == "src/plumbline" and "/" in include and not include.startswith("plumbline/"):
            yield number, include, "public headers include public headers and the standard library only"


def main():
    files = [p.relative_to(ROOT).as_posix() for folder in ("src", "cuda", "reference")
             for suffix in ("h", "cpp", "cu", "cuh") for p in (ROOT / folder).rglob("*." + suffix)]
    found = 0
    for path in sorted(files):
        for number, include, why in breaches(path):
            print(f"{path}:{number}: includes '{include}': {why}")
            found += 1
    if not files:
        print("layers: no source found")
        return 1
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
