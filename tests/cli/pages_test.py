#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every command line of README.md and the other pages: verbs, options, scripts and tests that it names exist, and what
`plumbline` is told there does what it should, on a prompt of three tokens.

Usage: pages_test.py PROGRAMS_FOLDER SOURCE_FOLDER. Invariant: a command is run as the page has it, but for what stands in
SMALLER and PLACEHOLDERS; all of them in one folder, in the order of the pages, so that files named earlier are there.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

PROGRAMS, ROOT = Path(sys.argv[1]), Path(sys.argv[2])
MODEL = "dumps/models/qwen3-tiny"
SPAN = re.compile(r"```\w*\n(.*?)```|`([^`\n]+(?:\n[^`\n]+)?)`", re.S)
OPTION = re.compile(r"(?<=\s)--?[a-z][a-z-]*")
SMALLER = [("-o DIR", "-o made"), ('"The licenses for most ... your freedom"', "The"), ("--new 32", "--new 1"), ('"$MODEL"', MODEL)]
PLACEHOLDERS = {"MODEL": MODEL, "DIR": MODEL, "B": "twin", "TEXT": "The", "FILE": "made.h5", "REF": "ref.h5", "CAND": "cand.h5",
                "MINE.h5": "cand.h5", "REF.h5": "ref.h5", "SHELL": "bash", "OP": "layer.0.in_norm", "SHAPE": "qwen3-tiny",
                "A.h5": "ref.h5", "B.h5": "cand.h5"}  # fmt: skip
# What needs an interrupted run (tests/cli/run_test.cpp makes one), a capture by Python's torch (tests/capture), or names a choice.
LEFT_OUT = re.compile(r"plumbline recover|\bhf\.h5|\|")

problems, ran, checked = [], 0, 0


def commands(page: Path):
    """What a page shows as code and what looks like a command line: 'plumbline ...', 'scripts/...', '--option ...'."""
    for block, span in SPAN.findall(page.read_text(encoding="utf-8")):
        for line in block.splitlines() if block else [span.replace("\n", " ")]:
            line = re.sub(r"\s+# .*", "", line.strip().removeprefix("$ "))
            if re.match(r"plumbline |scripts/\w|ctest |cmake |--[a-z]", line):
                yield line


def plumbline(*words: str):
    return subprocess.run([PROGRAMS / "plumbline", *words], capture_output=True, text=True, check=False)


def help_of(verb: str, known={}) -> str:
    if verb not in known:
        said = plumbline(verb, "--help")
        known[verb] = " " + said.stdout if said.returncode == 0 else ""
    return known[verb]


def has_option(text: str, option: str) -> bool:
    return re.search(rf"(?<![\w-]){re.escape(option)}(?![\w-])", text) is not None


def check_verb(line: str) -> str:
    """What is wrong with verb and options of a line, '' if nothing."""
    verb = line.split()[1]
    if verb.startswith("-"):
        return "" if has_option(plumbline("--help").stdout, verb) else f"plumbline has no option {verb}"
    said = help_of(verb)
    wrong = [option for option in OPTION.findall(line) if not has_option(said, option)]
    return f"no verb {verb}" if not said else f"{verb} has no option {', '.join(wrong)}" if wrong else ""


def sources(*folders: str) -> str:
    return "\n".join(file.read_text(encoding="utf-8") for folder in folders for file in sorted((ROOT / folder).rglob("*"))
                     if file.suffix in (".py", ".sh", ".txt", ".cmake"))  # fmt: skip


def check_other(line: str) -> str:
    """The same of scripts, of tests and targets that ctest and cmake are given, and of options named without a verb."""
    words = line.split()
    if line.startswith("scripts/"):
        script = ROOT / words[0]
        if not script.exists() or (script.is_file() and not os.access(script, os.X_OK)):
            return f"no script {words[0]}"
    elif line.startswith(("ctest", "cmake")):
        named = re.findall(r"(?:-R|-L|--target) (\w+)", line)
        wrong = [name for name in named if not re.search(rf"\b{name}", sources("tests", "scripts/cmake"))]
        return f"no test or target {', '.join(wrong)}" if wrong else ""
    verbs = re.findall(r"^  ([a-z]+)  ", plumbline("--help").stdout, re.M)
    text = "" if line.startswith("scripts/") else "".join(help_of(verb) for verb in verbs)
    text += sources("scripts")
    wrong = [option for option in OPTION.findall(" " + line) if not has_option(text, option)]
    return f"nobody has the option {', '.join(wrong)}" if wrong else ""


def run(line: str, backends: str) -> str:
    """Runs a command line of plumbline; '' or what went wrong. Status 1 is right where a fault was planted."""
    for shown, smaller in SMALLER:
        line = line.replace(shown, smaller)
    words = [PLACEHOLDERS.get(word, word) for word in line.split()][1:]
    if "torch" in words and "torch   ready" not in backends:
        words[words.index("torch")] = "oracle"
    if words[0] == "run" and "-o" in words:
        Path(words[words.index("-o") + 1]).unlink(missing_ok=True)
    done = plumbline(*words)
    expected = 1 if words[0] != "run" and "faulty.h5" in words else 0
    return "" if done.returncode == expected else f"status {done.returncode}, not {expected}: {done.stderr.strip() or done.stdout[:300]}"


def main() -> int:
    global ran, checked
    pages = [ROOT / "README.md", *sorted((ROOT / "dumps").rglob("README.md")), *sorted((ROOT / "scripts").rglob("README.md"))]
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        (Path(folder) / "dumps").symlink_to(ROOT / "dumps")
        shutil.copy(ROOT / "tests/cli/recipe/plumbline.toml", folder)
        backends = plumbline("run", "--list-backends").stdout
        seen = set()
        for page in pages:
            for line in commands(page):
                if line in seen:
                    continue
                seen.add(line)
                mine = line.startswith("plumbline ")
                wrong = check_verb(line) if mine else check_other(line)
                checked += 1
                if mine and not wrong and len(line.split()) > 2 and not LEFT_OUT.search(line):
                    wrong = run(line, backends)
                    ran += 1
                if wrong:
                    problems.append(f"{page.relative_to(ROOT)}: {line}\n  {wrong}")
    print("\n".join(problems + [f"{checked} command lines hold, {ran} of them were run" if not problems else f"{len(problems)} of {checked} do not hold"]))
    return 1 if problems or ran < 10 or checked < 30 else 0


if __name__ == "__main__":
    sys.exit(main())
