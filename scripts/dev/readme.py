#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Regenerates the demo block of README.md from real runs of build/bin/plumbline.

Long outputs are cut at a blank line or after a number of lines, and the cut is shown.
"""
import pathlib
import re
import subprocess
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
MODEL = "dumps/models/qwen3-tiny"
PROMPT = "The licenses for most software are designed to take away your freedom"
FAULT = "weight.transposed@layer.0.attn.o_proj"
BLOCK = re.compile(r"(<!-- demo:[^\n]*-->\n)```\n.*?```\n(<!-- end of demo -->)", re.S)

# command, lines kept (None: all), what to leave out
STEPS = [
    (f"plumbline run {MODEL} --backend torch --prompt '{PROMPT}' --new 32 -o ref.h5", None),
    (f"plumbline run {MODEL} --backend twin --prompt '{PROMPT}' --new 32 -o cand.h5", None),
    ("plumbline find ref.h5 cand.h5", 3),
    (f"plumbline run {MODEL} --backend twin --prompt '{PROMPT}' --new 32 --fault {FAULT} -o faulty.h5", None),
    ("plumbline find ref.h5 faulty.h5", 28),
]


def shorten(command):
    """The command as shown: the prompt once is enough."""
    return command.replace(f"'{PROMPT}'", '"The licenses for most ... your freedom"')


def main():
    shown = []
    with tempfile.TemporaryDirectory() as out:
        for command, keep in STEPS:
            real = command
            for name in ("ref.h5", "cand.h5", "faulty.h5"):
                real = re.sub(rf"(?<![\w/]){name}", f"{out}/{name}", real)
            result = subprocess.run(["bash", "-c", "PATH=$PWD/build/bin:$PATH; " + real], cwd=ROOT, text=True,
                                    stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False)
            lines = result.stdout.replace(out + "/", "").rstrip("\n").split("\n")
            if keep is not None and len(lines) > keep:
                lines = lines[:keep] + [f"  [... {len(lines) - keep} more lines]"]
            shown.append("\n".join(["$ " + shorten(command), *lines, f"[exit status {result.returncode}]"]))
    readme = ROOT / "README.md"
    text, count = BLOCK.subn(lambda m: m.group(1) + "```\n" + "\n\n".join(shown) + "\n```\n" + m.group(2), readme.read_text())
    if count != 1:
        raise SystemExit("readme: README.md has no demo block")
    readme.write_text(text)


if __name__ == "__main__":
    main()
