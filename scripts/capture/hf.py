#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs a Hugging Face causal language model and records what every module took and gave, byte for byte.

    hf.py MODEL (--prompt TEXT | --tokens 1,2,3) [--new N] -o OUT.h5 [--plain] [--torch-calls] [--attn eager|sdpa] ...

OUT.h5 is a trace of Plumbline's schema, or with --plain an HDF5 file of plain groups. `plumbline find OUT.h5 CAND.h5
--map hf` compares it with a run of another implementation. Exit status 2: it cannot be done, and why.
"""

import argparse
import json
import sys
from pathlib import Path

from target import CaptureError, check_target


def parse_options():
    parser = argparse.ArgumentParser(prog="hf.py", description=__doc__.split("\n\n", maxsplit=1)[0])
    parser.add_argument("model", type=Path, help="directory in Hugging Face format")
    fed = parser.add_mutually_exclusive_group(required=True)
    fed.add_argument("--prompt", help="text to feed")
    fed.add_argument("--tokens", help="ids to feed: 1,2,3")
    parser.add_argument("--new", type=int, default=0, metavar="N",
                        help="choose N tokens greedily, each fed as a step of its own with the key-value cache")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="OUT.h5")
    parser.add_argument("--plain", action="store_true", help="plain HDF5 groups instead of Plumbline's schema")
    parser.add_argument("--torch-calls", action="store_true", help="also record every torch call, with its scalars")
    parser.add_argument("--attn", choices=("eager", "sdpa"), default="eager", help="attention implementation")
    parser.add_argument("--dtype", choices=("auto", "bf16", "f16", "f32"), default="auto", help="number format (default: the checkpoint's)")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=0, help="of torch; 0: its default")
    parser.add_argument("--force", action="store_true", help="replace OUT.h5")
    options = parser.parse_args()
    if options.new < 0 or options.threads < 0:
        parser.error("--new and --threads take 0 or more")
    return options


def check(options):
    """What needs no torch, so that a slip of the pen is said at once."""
    if not (options.model / "config.json").is_file():
        found = "has no config.json" if options.model.is_dir() else "is no directory"
        raise CaptureError(f"cannot load the model: {options.model} {found}\n"
                           "give the directory that holds config.json and the weights")
    check_target(options.output, options.force)


def import_capture():
    try:
        import capture
    except ImportError as missing:
        raise CaptureError(f"{missing}\ninstall it into this Python ({sys.executable}), or use the one that "
                           "scripts/setup.sh makes") from missing
    return capture


def run(options):
    check(options)
    capture = import_capture()
    model = capture.load_model(options)
    tokens = capture.token_ids(options, model.config.get_text_config().vocab_size)
    chosen, file = capture.capture(model, tokens, options.output, new=options.new, plain=options.plain,
                                   torch_calls=options.torch_calls, directory=options.model, prompt=options.prompt or "",
                                   force=options.force)
    print(f"prompt        {len(tokens)} tokens")
    if chosen:
        print(f"continuation  {len(chosen)} tokens  {json.dumps(capture.decoded(options, chosen))}")
    print(f"trace         {options.output}: {len(file.steps)} steps, {len(file.rows)} taps, "
          f"{file.payload_bytes / 2**20:.1f} MiB")


def main():
    options = parse_options()
    try:
        run(options)
    except CaptureError as error:
        print(f"hf.py: {error}", file=sys.stderr)
        return 2
    except (OSError, RuntimeError, MemoryError, TypeError, ValueError, LookupError) as error:
        print(f"hf.py: the run failed: {' '.join(str(error).split())[:300]}\n"
              f"nothing was left of {options.output}; check free space and memory", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
