#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Regenerates the worked case of README.md, from symptom to cause, by real runs of build/bin/plumbline.

Each step is a sentence, a command and what it printed; long outputs are cut after a number of lines, and the cut is
shown. A command that ends with another status than its step says is an error: the case would no longer be one.
"""
import pathlib
import re
import subprocess
import tempfile
from dataclasses import dataclass

ROOT = pathlib.Path(__file__).resolve().parents[2]
MODEL = "dumps/models/qwen3-tiny"
PROMPT = "The licenses for most software are designed to take away your freedom"
FAULT = "weight.transposed@layer.0.attn.o_proj"
BLOCK = re.compile(r"(<!-- case:[^\n]*-->\n)```\n.*?```\n(<!-- end of case -->)", re.S)


@dataclass
class Step:
    why: str
    command: str
    keep: int = 0  # lines; 0: all
    status: int = 0


STEPS = [
    Step("a reference, and the port under test", f"plumbline run {MODEL} --backend torch --prompt '{PROMPT}' --new 32 -o ref.h5"),
    Step("", f"plumbline run {MODEL} --backend twin --prompt '{PROMPT}' --new 32 --fault {FAULT} -o faulty.h5"),
    Step("the symptom: from where on does it say something else, and was that choice close?", "plumbline tokens ref.h5 faulty.h5", 9, 1),
    Step("where does it begin, and why?", "plumbline find ref.h5 faulty.h5", 22, 1),
    Step("does that explain the logits, or is there more?", "plumbline blame ref.h5 faulty.h5", 8, 1),
    Step("what does the cause's code mean?", "plumbline explain P0608", 6),
    Step("mended, and held so", f"plumbline run {MODEL} --backend twin --tokens ref.h5 -o cand.h5"),
    Step("", "plumbline gate ref.h5 cand.h5", 3),
]  # fmt: skip


def shorten(command):
    """The command as shown: the prompt once is enough."""
    return command.replace(f"'{PROMPT}'", '"The licenses for most ... your freedom"')


def shown(step, folder):
    """A step as the page has it."""
    real = re.sub(r"(?<![\w/])(ref|cand|faulty)\.h5", rf"{folder}/\1.h5", step.command)
    done = subprocess.run(["bash", "-c", "PATH=$PWD/build/bin:$PATH; " + real], cwd=ROOT, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)  # fmt: skip
    if done.returncode != step.status:
        raise SystemExit(f"readme: status {done.returncode}, not {step.status}: {step.command}\n{done.stderr}")
    lines = done.stdout.replace(folder + "/", "").rstrip("\n").split("\n")
    if step.keep and len(lines) > step.keep:
        lines = lines[: step.keep] + [f"  [... {len(lines) - step.keep} more lines]"]
    said = [f"# {step.why}"] if step.why else []
    return "\n".join([*said, "$ " + shorten(step.command), *lines, f"[exit status {done.returncode}]"])


def main():
    with tempfile.TemporaryDirectory() as folder:
        case = "\n\n".join(shown(step, folder) for step in STEPS)
    readme = ROOT / "README.md"
    text, count = BLOCK.subn(lambda m: m.group(1) + "```\n" + case + "\n```\n" + m.group(2), readme.read_text())
    if count != 1:
        raise SystemExit("readme: README.md has no case block")
    readme.write_text(text)


if __name__ == "__main__":
    main()
