# SPDX-License-Identifier: Apache-2.0
"""A small copy of the source tree for scripts that install, build, test or rewrite: what they say and decide is run as it
is, while stand-ins take the place of dpkg-query, cmake and ctest, and prompts and runs are cut short.

Invariant: nothing outside the given folder is written; the programs are those under test.
"""

import os
import re
import shutil
import subprocess
from pathlib import Path

# Two new tokens: the first one is fed, and the faulty run chose another after this prompt.
SHORT = [("new=32", "new=2"), ("--new 32", "--new 2"), ("The licenses for most software are designed to take away your freedom", "free")]
UGLY = "// SPDX-License-Identifier: Apache-2.0\nint   one( ){return 1 ;}\n"
FAIR = "// SPDX-License-Identifier: Apache-2.0\nint one() { return 1; }\n"
CTEST = """#!/bin/bash
for word; do file=$word; done
mkdir -p "$(dirname "$file")"
echo '<testsuite tests="3" failures="'${FAILED:-0}'" skipped="1">' > "$file"
exit "${FAILED:-0}"
"""


class Tree:
    def __init__(self, root: Path, folder: Path, programs: Path, with_torch: bool):
        self.folder, self.source = folder / "tree", folder / "tree/src/core/one.cpp"
        stubs = folder / "stubs"
        self.environment = {**os.environ, "PATH": f"{stubs}:{os.environ['PATH']}"}
        for name, text in {"dpkg-query": "#!/bin/bash\necho 'install ok installed'\n", "cmake": "#!/bin/bash\n", "ctest": CTEST}.items():
            self.write(stubs / name, text)
        for script in ("demo.sh", "setup.sh", "test.sh", "dev/check.sh", "dev/readme.py", "dev/layers.py", "dev/figures.py"):
            self.write(self.folder / "scripts" / script, self.shortened((root / "scripts" / script).read_text(encoding="utf-8"), with_torch))
        for name in (".clang-format", "README.md"):
            shutil.copy(root / name, self.folder)
        (self.folder / "dumps").symlink_to(root / "dumps")
        (self.folder / "build").mkdir()
        (self.folder / "build/bin").symlink_to(programs)
        self.installed((root / "scripts/setup.sh").read_text(encoding="utf-8"))
        self.write(self.source, UGLY)
        for words in (["init", "-q"], ["add", "src", "scripts"]):
            subprocess.run(["git", *words], cwd=self.folder, check=True, capture_output=True)

    @staticmethod
    def write(file: Path, text: str) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
        file.chmod(0o755)

    @staticmethod
    def shortened(text: str, with_torch: bool) -> str:
        for long, short in SHORT + ([] if with_torch else [("--backend torch", "--backend oracle")]):
            text = text.replace(long, short)
        return text

    def installed(self, setup: str) -> None:
        """The record by which setup.sh knows that its Python packages are there."""
        packages = re.search(r"^python_packages=\((.*?)\)", setup, re.M | re.S)[1]
        self.write(self.folder / ".venv/plumbline-packages", " ".join(packages.split()))

    def run(self, line: str, **more: str):
        return subprocess.run(["bash", "-c", line], cwd=self.folder, env={**self.environment, **more}, capture_output=True, text=True, check=False)

    def wrong(self, line: str) -> str:
        """Runs a line of the pages; '' or what it does not do as it should."""
        self.source.write_text(FAIR if line.startswith("scripts/test.sh") else UGLY, encoding="utf-8")
        if line == "scripts/dev/check.sh" or line.startswith("scripts/test.sh"):  # must be able to fail
            if self.run(line, FAILED="1").returncode == 0:
                return "status 0 where something is wrong"
        self.source.write_text(UGLY if line.endswith("--fix") else FAIR, encoding="utf-8")
        before = (self.folder / "README.md").read_text(encoding="utf-8")
        done = self.run(line)
        if done.returncode != 0:
            return f"status {done.returncode}: {(done.stderr + done.stdout)[-300:]}"
        return self.unsaid(line, done.stdout, before)

    def unsaid(self, line: str, said: str, before: str) -> str:
        if line.endswith("--fix"):
            return "" if self.source.read_text(encoding="utf-8") == FAIR else "nothing was formatted"
        if line.startswith("scripts/test.sh"):
            presets = 1 if line.endswith("--quick") else 3
            wanted = f"{1 + 2 * presets} passed, 0 failed"  # the source checks, and two of each preset's three tests
            return "" if said.rstrip().endswith(wanted) else f"it does not end with '{wanted}': {said[-200:]}"
        if line.endswith("readme.py"):
            after = (self.folder / "README.md").read_text(encoding="utf-8")
            block = re.compile(r"<!-- case:.*?<!-- end of case -->", re.S)
            same = block.sub("", before) == block.sub("", after)
            return "" if same and block.search(after)[0].count("[exit status 0]") == 5 and after.count("[exit status 1]") == 3 else "another README.md"
        return ""
