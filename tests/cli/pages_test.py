#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every command line of README.md and the other pages: verbs, options, scripts and tests that it names exist, and what
`plumbline` and the quick scripts are told there does what it should, on a prompt of three tokens.

Usage: pages_test.py PROGRAMS_FOLDER SOURCE_FOLDER PYTHON (which captures, if it has torch and transformers). Invariant: a
command is run as the page has it, but for what stands in SMALLER and PLACEHOLDERS; all of them in one folder, in the order
of the pages, so that files named earlier are there.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

PROGRAMS, ROOT, PYTHON = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
MODEL = "dumps/models/qwen3-tiny"
SPAN = re.compile(r"```\w*\n(.*?)```|`([^`\n]+(?:\n[^`\n]+)?)`", re.S)
OPTION = re.compile(r"(?<=\s)--?[a-z][a-z-]*")
SMALLER = [("-o DIR --exact", "-o extreme --exact"), ("-o DIR", "-o made"), ("--new 8", "--new 1"), ('"The licenses for most ... your freedom"', "The"), ("--new 32", "--new 1"), ('"$MODEL"', MODEL)]
PLACEHOLDERS = {"MODEL": MODEL, "DIR": MODEL, "B": "twin", "TEXT": "The", "FILE": "made.h5", "REF": "ref.h5", "CAND": "cand.h5",
                "MINE.h5": "cand.h5", "REF.h5": "ref.h5", "SHELL": "bash", "OP": "layer.0.in_norm", "SHAPE": "qwen3-tiny",
                "A.h5": "ref.h5", "B.h5": "cand.h5", "FILE.part": "unfinished.h5.part", "OUT": "recovered.h5"}  # fmt: skip
LEFT_OUT = re.compile(r"\|")  # names a choice
CAPTURE = re.compile(r"scripts/capture/hf\.py|\bhf\.h5")  # is one, or needs one
QUICK = re.compile(r"scripts/(capture/hf|extreme_norms|dev/layers)\.py")  # the others have tests of their own

problems, ran, checked, no_capture = [], 0, 0, 0


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


def leave_unfinished(name: str) -> None:
    """What a killed run leaves."""
    words = [MODEL, "--backend", "twin", "--prompt", "The", "--new", "200", "-o", name]
    with subprocess.Popen([PROGRAMS / "plumbline-run", *words], stdout=subprocess.DEVNULL) as running:
        part = Path(name + ".part")
        while running.poll() is None and not (part.exists() and part.stat().st_size > 1 << 20):
            time.sleep(0.01)
        running.kill()


def to_run(line: str) -> bool:
    return len(line.split()) > 2 and line.startswith("plumbline ") and not LEFT_OUT.search(line) or bool(QUICK.match(line))


def run_script(line: str) -> str:
    words = line.split()
    done = subprocess.run([PYTHON, ROOT / words[0], *(PLACEHOLDERS.get(word, word) for word in words[1:])], capture_output=True,
                          text=True, check=False)  # fmt: skip
    return "" if done.returncode == 0 else f"status {done.returncode}: {done.stderr.strip() or done.stdout[:300]}"


def run(line: str, backends: str) -> str:
    """Runs a command line; '' or what went wrong. Status 1 is right where a fault was planted."""
    for shown, smaller in SMALLER:
        line = line.replace(shown, smaller)
    if line.startswith("scripts/"):
        return run_script(line)
    words = [PLACEHOLDERS.get(word, word) for word in line.split()][1:]
    if "torch" in words and "torch   ready" not in backends:
        words[words.index("torch")] = "oracle"
    if words[0] == "run" and "-o" in words:
        Path(words[words.index("-o") + 1]).unlink(missing_ok=True)
    done = plumbline(*words)
    expected = 1 if words[0] != "run" and "faulty.h5" in words else 0
    return "" if done.returncode == expected else f"status {done.returncode}, not {expected}: {done.stderr.strip() or done.stdout[:300]}"


def main() -> int:
    global ran, checked, no_capture
    pages = [ROOT / "README.md", *sorted((ROOT / "dumps").rglob("README.md")), *sorted((ROOT / "scripts").rglob("README.md"))]
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        (Path(folder) / "dumps").symlink_to(ROOT / "dumps")
        shutil.copy(ROOT / "tests/cli/recipe/plumbline.toml", folder)
        backends = plumbline("run", "--list-backends").stdout
        capturing = subprocess.run([PYTHON, "-c", "import torch, transformers, h5py, xxhash"], check=False, capture_output=True).returncode == 0
        leave_unfinished("unfinished.h5")
        seen = set()
        for page in pages:
            for line in commands(page):
                if line in seen:
                    continue
                seen.add(line)
                wrong = check_verb(line) if line.startswith("plumbline ") else check_other(line)
                checked += 1
                if not wrong and to_run(line):
                    if CAPTURE.search(line) and not capturing:
                        no_capture += 1
                        continue
                    wrong = run(line, backends)
                    ran += 1
                if wrong:
                    problems.append(f"{page.relative_to(ROOT)}: {line}\n  {wrong}")
    if no_capture:
        print(f"{no_capture} were not run: {PYTHON} has no torch, transformers, h5py or xxhash")
    print("\n".join(problems + [f"{checked} command lines hold, {ran} of them were run" if not problems else f"{len(problems)} of {checked} do not hold"]))
    return 1 if problems or ran < 10 or checked < 30 else 0


if __name__ == "__main__":
    sys.exit(main())
