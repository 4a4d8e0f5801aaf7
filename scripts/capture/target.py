# SPDX-License-Identifier: Apache-2.0
"""What can be refused before anything large is imported: the file to write, and how a refusal is said."""

import os
import stat
from pathlib import Path


class CaptureError(Exception):
    """What went wrong, then the way out: two lines for the user, exit status 2."""


def check_target(path, force):
    """Refuses what stands in the way of OUT and OUT.part; without `force` anything that exists."""
    for name in (path, Path(f"{path}.part")):
        if not os.path.lexists(name):
            continue
        if not stat.S_ISREG(os.lstat(name).st_mode):
            raise CaptureError(f"cannot write {path}: {name} is no regular file\nchoose another name with -o")
        if not force:
            raise CaptureError(f"cannot write {path}: {name} exists\n--force replaces it; or choose another name with -o")
    if not path.absolute().parent.is_dir():
        raise CaptureError(f"cannot write {path}: there is no directory {path.absolute().parent}\nmake it first")
