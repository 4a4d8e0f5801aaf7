#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every command line of README.md and the other pages: what it names exists (verbs, options, scripts, tests, targets), and
it is run at small size, or stands in pages_table.py with the test that runs it.

Usage: pages_test.py PROGRAMS_FOLDER SOURCE_FOLDER PYTHON (which captures, if it has torch and transformers). Invariant: a
command is run as the page has it, but for SMALLER, PLACEHOLDERS and the tables; all of them in one folder, in the order of
the pages, so that files named earlier are there. A line that nobody runs is a failure.
"""

import gzip
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.dont_write_bytecode = True  # of the modules beside this one, in the source tree
from pages_table import AS, BUILD, ELSEWHERE, IN_A_COPY, WITHOUT_GPU
from pages_torch import TorchScripts
from pages_tree import Tree

PROGRAMS, ROOT, PYTHON = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
MODEL = "dumps/models/qwen3-tiny"
SPAN = re.compile(r"```\w*\n(.*?)```|`([^`\n]+(?:\n[^`\n]+)?)`", re.S)
COMMAND = re.compile(r"(plumbline|ctest|cmake|ninja|same_bits) |scripts/\w|litmus_\w+_test$|--[a-z]")
OPTION = re.compile(r"(?<=\s)--?[a-z][a-z-]*")
SMALLER = [("-o DIR --exact", "-o extreme --exact"), ("-o DIR", "-o made"), ("--new 8", "--new 1"), ('"The licenses for most ... your freedom"', "free"), ("--new 32", "--new 2"), ('"$MODEL"', MODEL)]
PLACEHOLDERS = {"MODEL": MODEL, "DIR": MODEL, "B": "twin", "TEXT": "free", "FILE": "made.h5", "REF": "ref.h5", "CAND": "cand.h5",
                "MINE.h5": "cand.h5", "REF.h5": "ref.h5", "SHELL": "bash", "OP": "layer.0.in_norm", "SHAPE": "qwen3-tiny",
                "A.h5": "ref.h5", "B.h5": "cand.h5", "FILE.part": "unfinished.h5.part", "OUT": "recovered.h5",
                "PLUMBLINE": str(PROGRAMS / "plumbline")}  # fmt: skip
NEEDS_TORCH = re.compile(r"scripts/capture/hf\.py|scripts/train_tiny\.py train|\bhf\.h5")  # is such a script, or needs what one wrote
TORCH_RUN = re.compile(r"plumbline run .*--(attention|batch)\b")  # has an option of backend torch alone
SCRIPT = re.compile(r"scripts/(capture/hf|train_tiny|extreme_norms|dev/layers)\.py")
LACKING = {"scripts/train_tiny.py corpus": "no pages of manpages"}  # what a script says where the system lacks what it reads


def commands(page: Path):
    """What a page shows as code and what looks like a command line: 'plumbline ...', 'scripts/...', '--option ...'."""
    for block, span in SPAN.findall(page.read_text(encoding="utf-8")):
        for line in block.splitlines() if block else [span.replace("\n", " ")]:
            line = re.sub(r"\s+# .*", "", line.strip().removeprefix("$ "))
            if COMMAND.match(line):
                yield line


def call(*words, **more):
    return subprocess.run([str(word) for word in words], capture_output=True, text=True, check=False, **more)


def plumbline(*words: str):
    return call(PROGRAMS / "plumbline", *words)


def help_of(verb: str, known={}) -> str:
    if verb not in known:
        said = plumbline(verb, "--help")
        below = re.findall(r"^  ([a-z]+)  ", said.stdout.partition("Subcommands:")[2], re.M)
        known[verb] = " ".join(["", said.stdout, *(plumbline(verb, part, "--help").stdout for part in below)]) if said.returncode == 0 else ""
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


def sources(*folders: str, suffixes=(".py", ".sh", ".txt", ".cmake")) -> str:
    return "\n".join(file.read_text(encoding="utf-8") for folder in folders for file in sorted((ROOT / folder).rglob("*"))
                     if file.suffix in suffixes)  # fmt: skip


def tests(known=[]) -> dict[str, list[str]]:
    """The tests of this build by name, with their labels."""
    if not known:
        for test in json.loads(call("ctest", "--test-dir", PROGRAMS.parent, "--show-only=json-v1").stdout)["tests"]:
            labels = [p["value"] for p in test.get("properties", []) if p["name"] == "LABELS"]
            known.append((test["name"], labels[0] if labels else []))
    return dict(known)


def selected(line: str) -> list[str]:
    """The tests that a line beginning with ctest runs."""
    pattern, label = re.search(r"-R (\S+)", line), re.search(r"-L (\S+)", line)
    return [name for name, labels in tests().items()
            if (not pattern or re.search(pattern[1], name)) and (not label or any(re.search(label[1], each) for each in labels))]  # fmt: skip


def check_build(line: str) -> str:
    """Targets and presets of a line for cmake or ninja."""
    named = re.findall(r"--target (\w+)", line) + (line.split()[3:] if line.startswith("ninja") else [])
    there = call("cmake", "--build", PROGRAMS.parent, "--target", "help").stdout if named else ""
    wrong = [name for name in named if not re.search(rf"(^|\.\.\. ){name}(:|\s|$)", there, re.M)]
    presets = call("cmake", "--list-presets", cwd=ROOT).stdout
    wrong += [name for name in re.findall(r"--preset (\w+)", line) if f'"{name}"' not in presets]
    return f"no target or preset {', '.join(wrong)}" if wrong else ""


def check_other(line: str) -> str:
    """The same of scripts, builds, test programs, and of options named without a verb."""
    words = line.split()
    if words[0] in ("cmake", "ninja"):
        return check_build(line)
    if words[0] == "ctest":
        known = re.findall(r"-[RL] (\w+)", line)
        return "" if all(re.search(rf"\b{name}", sources("tests", "scripts/cmake")) for name in known) else "no such test or label"
    text = sources("scripts")
    if line.startswith("scripts/"):
        script = ROOT / words[0]
        if not script.exists() or (script.is_file() and not os.access(script, os.X_OK)):
            return f"no script {words[0]}"
        if script.suffix == ".sh" and call("bash", "-n", script).returncode != 0:
            return f"{words[0]} is no shell script"
    elif line.startswith("--"):
        text += "".join(help_of(verb) for verb in re.findall(r"^  ([a-z-]+)  ", plumbline("--help").stdout, re.M))
    else:
        text = sources("tests", suffixes=(".cpp",))
        if not re.search(rf"\b{words[0]}\b", sources("tests")):
            return f"no program {words[0]}"
    wrong = [option for option in OPTION.findall(" " + line) if not has_option(text, option)]
    return f"nobody has the option {', '.join(wrong)}" if wrong else ""


def check_elsewhere(line: str) -> str:
    """Whether the test that stands for a line is registered, is made of that file, and holds the words."""
    test, file, words = ELSEWHERE[line]
    registered = (ROOT / file).parent / "CMakeLists.txt"
    made_of = "" if (ROOT / file) == registered else Path(file).name  # a test may be nothing but a command there
    if test not in tests() or not re.search(rf"\(\s*(NAME )?{test}\b[^)]*{made_of}", registered.read_text(encoding="utf-8")):
        return f"no test {test} of {file}"
    absent = [word for word in words if word not in (ROOT / file).read_text(encoding="utf-8")]
    return f"{file} does not hold {', '.join(absent)}" if absent else ""


def wrong_in_build(line: str) -> str:
    """What cmake or ninja finds wrong with a line, of the build under test."""
    done = call("bash", "-c", BUILD[line].replace("BUILD", f"'{PROGRAMS.parent}'"), cwd=ROOT)
    return "" if done.returncode == 0 else f"status {done.returncode}: {(done.stderr + done.stdout)[-300:]}"


def leave_unfinished(name: str) -> None:
    """What a killed run leaves."""
    words = [MODEL, "--backend", "twin", "--prompt", "free", "--new", "200", "-o", name]
    with subprocess.Popen([PROGRAMS / "plumbline-run", *words], stdout=subprocess.DEVNULL) as running:
        part = Path(name + ".part")
        while running.poll() is None and not (part.exists() and part.stat().st_size > 1 << 20):
            time.sleep(0.01)
        running.kill()


def make_inputs() -> None:
    """The files that the lines below need and no line makes."""
    shutil.copy(ROOT / "tests/cli/recipe/plumbline.toml", ".")
    page = (ROOT / "dumps/schema/README.md").read_text(encoding="utf-8")
    Path("map.toml").write_text(re.search(r"```toml\n(.*?)```", page, re.S)[1] + '"embed" = "embed"\n', encoding="utf-8")
    documents = [f"Document {i}. " + 2 * "Permission is hereby granted, free of charge, to any person. " for i in range(60)]
    Path("small.txt.gz").write_bytes(gzip.compress("<|endoftext|>".join(documents).encode()))
    Path("prompt.txt").write_text("free", encoding="utf-8")
    leave_unfinished("unfinished.h5")


class Lines:
    """The lines of all pages, each put to its use. Invariant: a line is counted once."""

    def __init__(self, folder: Path):
        self.backends = plumbline("run", "--list-backends").stdout
        self.with_torch = "torch   ready" in self.backends
        self.with_gpu = "cuda    ready" in self.backends
        self.tree = Tree(ROOT, folder, PROGRAMS, self.with_torch)
        self.torch = TorchScripts(PYTHON)
        self.problems, self.done, self.outcomes = [], {}, {}

    def count(self, line: str, what: str) -> str:
        self.outcomes[line] = what
        return ""

    def program(self, line: str) -> str:
        """Status 1 is right where a fault was planted."""
        words = [PLACEHOLDERS.get(word, word) for word in line.split()][1:]
        if "torch" in words and not self.with_torch:
            words[words.index("torch")] = "oracle"
        if words[0] == "run" and "-o" in words:
            Path(words[words.index("-o") + 1]).unlink(missing_ok=True)
        done = plumbline(*words)
        expected = 1 if words[0] != "run" and "faulty.h5" in words else 0
        return "" if done.returncode == expected else f"status {done.returncode}, not {expected}: {done.stderr.strip() or done.stdout[:300]}"

    def script(self, line: str) -> str:
        words = [PLACEHOLDERS.get(word, word) for word in line.split()]
        words[0] = str(ROOT / words[0])
        if NEEDS_TORCH.search(line):
            return self.torch.wrong(words)
        done = call(PYTHON, *words)
        return "" if done.returncode == 0 else f"status {done.returncode}: {done.stderr.strip() or done.stdout[:300]}"

    def without_gpu(self, line: str) -> str:
        """Where a GPU is the line is run as any other; else it must say that none is."""
        command, said = WITHOUT_GPU[line]
        words = [PLACEHOLDERS.get(word, word) for word in command.split()]
        if not (PROGRAMS / words[0]).exists() or ("torch" in words and not self.with_torch):
            return self.count(line, "lacking")
        Path("made.h5").unlink(missing_ok=True)
        done = call(PROGRAMS / words[0], *words[1:])
        self.count(line, "ran")
        right = done.returncode == 0 if self.with_gpu else done.returncode == 2 and said in done.stderr
        return "" if right else f"status {done.returncode}: {done.stderr.strip() or done.stdout[:300]}"

    def run(self, command: str) -> str:
        """Runs a command once, smaller; '' or what went wrong."""
        if command not in self.done:
            small = command
            for shown, smaller in SMALLER:
                small = small.replace(shown, smaller)
            self.done[command] = self.program(small) if small.startswith("plumbline ") else self.script(small)
        return self.done[command]

    def try_to_run(self, line: str, command: str) -> str:
        if (NEEDS_TORCH.search(command) and not self.torch.ready) or (TORCH_RUN.search(command) and not self.with_torch):
            return self.count(line, "lacking")
        wrong = self.run(command)
        if wrong and any(line.startswith(script) and said in wrong for script, said in LACKING.items()):
            return self.count(line, "lacking")
        self.count(line, "ran")
        return wrong

    def use(self, line: str) -> str:
        """Puts a line to its use; '' or what is wrong with it."""
        if wrong := check_verb(line) if line.startswith("plumbline ") else check_other(line):
            return wrong
        if line in BUILD:
            self.count(line, "ran")
            return wrong_in_build(line)
        if line in WITHOUT_GPU:
            return self.without_gpu(line)
        if line in ELSEWHERE:
            if ("litmus_gpu" in line or "gpu_records" in ELSEWHERE[line][0]) and ELSEWHERE[line][0] not in tests():
                return self.count(line, "lacking")  # built without nvcc, or without LibTorch
            self.count(line, "elsewhere")
            return check_elsewhere(line)
        if line in IN_A_COPY:
            if not shutil.which("clang-format"):
                return self.count(line, "lacking")
            self.count(line, "copy")
            return self.tree.wrong(line)
        if line.startswith("ctest "):
            there = selected(line)
            self.count(line, "elsewhere" if there else "lacking")
            return "" if there or (not self.with_torch and "reference" in line) else "no test of this build is selected"
        command = AS.get(line, line)
        if not command.startswith("plumbline ") and not SCRIPT.match(command):
            return "nothing runs this line: see pages_table.py"
        return self.try_to_run(line, command)

    def stale(self) -> list[str]:
        return [f"pages_table.py: no page shows '{line}'" for table in (AS, BUILD, WITHOUT_GPU, IN_A_COPY, ELSEWHERE) for line in table
                if line not in self.outcomes]  # fmt: skip

    def of(self, *kinds: str) -> list[str]:
        return [line for line, kind in self.outcomes.items() if kind in kinds]

    def summary(self) -> str:
        elsewhere = sorted({name for line in self.of("elsewhere") for name in ([ELSEWHERE[line][0]] if line in ELSEWHERE else [f"'{line}'"])})
        lines = [f"{len(self.outcomes)} command lines hold:",
                 f"  {len(self.of('ran', 'copy'))} were run, {len(self.of('copy'))} of them in a small copy of the tree with stand-ins for apt, cmake and ctest",
                 f"  {len(self.of('elsewhere'))} are run by other tests of this build: {', '.join(elsewhere)}"]  # fmt: skip
        lacking = self.of("lacking")
        return "\n".join(lines + ([f"  {len(lacking)} could not be run, this system lacks what they need: {', '.join(lacking)}"] if lacking else []))


def main() -> int:
    # Not the study's page: what made it (scripts/study.sh, cli_study_test) has run every line of it.
    pages = [ROOT / "README.md", *sorted(page for page in (ROOT / "dumps").rglob("README.md") if page.parent.name != "study"), *sorted((ROOT / "scripts").rglob("README.md"))]
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        Path("dumps").symlink_to(ROOT / "dumps")
        make_inputs()
        lines = Lines(Path(folder))
        for page in pages:
            for line in commands(page):
                if line not in lines.outcomes and (wrong := lines.use(line)):
                    lines.outcomes.setdefault(line, "wrong")
                    lines.problems.append(f"{page.relative_to(ROOT)}: {line}\n  {wrong}")
        lines.torch.close()
    problems = lines.problems + lines.stale()
    print("\n".join(problems + [f"{len(problems)} of {len(lines.outcomes)} do not hold"]) if problems else lines.summary())
    return 1 if problems or len(lines.of("ran")) < 40 else 0


if __name__ == "__main__":
    sys.exit(main())
