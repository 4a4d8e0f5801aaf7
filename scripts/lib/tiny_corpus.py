# SPDX-License-Identifier: Apache-2.0
"""The training text of the tiny models: free licences and manual pages that any Debian system carries.

Invariant: the same installed packages give the same bytes: files are read in sorted order, nothing is sampled.
Documents are separated by SEPARATOR, paragraphs by one empty line; a paragraph is one line of single-spaced prose, so
that a model which has learned the text continues it as readable prose. What is not prose (tables, code, lists of
files and of copyright holders) is left out. Tokens, batches and training belong to train_tiny.py.
"""

import gzip
import re
import subprocess
from pathlib import Path

SEPARATOR = "<|endoftext|>"
LICENCE_WEIGHT = 4  # demo prompts are licence texts: they are short beside the manual pages
MANUAL_PACKAGES = ("manpages", "manpages-dev")
MAX_REPEATS = 12  # of one paragraph over all copyright files: hundreds of packages quote the same GPL notice

# Fields of Debian's machine-readable copyright format whose values are lists, not text.
LIST_FIELDS = ("format", "files", "copyright", "source", "upstream-name", "upstream-contact", "files-excluded")
FIELD = re.compile(r"^([A-Za-z][A-Za-z-]+):\s*(.*)$")
ITEM = re.compile(r"^\s*(?:\d{1,2}[.)]|\(?[a-z0-9]{1,2}\)|[-*o])\s+\S")
LEADER = re.compile(r"^\s*(?:[*#;|>]+|//+|/\*+|dnl)(?=\s|$)")


def read_text(path: Path) -> str:
    """The file's text, gunzipped if its name says so; bytes that are not UTF-8 become '?'."""
    data = path.read_bytes()
    if path.suffix == ".gz":
        data = gzip.decompress(data)
    return data.decode("utf-8", "replace").replace("\ufffd", "?").replace("\r", "")


def is_prose(paragraph: str) -> bool:
    """Long enough, and nearly all letters, blanks and plain punctuation: no tables, addresses or code."""
    plain = sum(c.isalpha() or c in " ,.;:'\"()_-" for c in paragraph)
    return len(paragraph) >= 40 and plain >= 0.93 * len(paragraph)


def join_paragraphs(lines: list[str]) -> list[str]:
    """Joins wrapped lines to paragraphs: an empty line, or the start of a list item, begins the next one."""
    paragraphs: list[list[str]] = [[]]
    for line in lines:
        if not line.strip() or ITEM.match(line):
            paragraphs.append([])
        paragraphs[-1].append(line)
    joined = (" ".join(" ".join(paragraph).split()) for paragraph in paragraphs)
    return [paragraph for paragraph in joined if paragraph]


def strip_comment_leaders(lines: list[str]) -> list[str]:
    """Takes the '*' or '#' off texts quoted as source comments: blocks most of whose lines begin with one."""
    blocks: list[list[str]] = [[]]
    for line in lines:
        if not line.strip():
            blocks.append([])
        blocks[-1].append(line)
    stripped: list[str] = []
    for block in blocks:
        led = sum(LEADER.match(line) is not None for line in block)
        stripped += [LEADER.sub("", line) for line in block] if led > 1 and led >= 0.6 * len(block) else block
    return stripped


def licence_paragraphs(text: str) -> list[str]:
    """A licence as paragraphs, complete but for ornaments."""
    return [p for p in join_paragraphs(text.split("\n")) if any(c.isalpha() for c in p)]


def copyright_paragraphs(text: str) -> list[str]:
    """The prose of a Debian copyright file: licence notices, without file lists, fields and holders."""
    kept: list[str] = []
    in_list = False
    for line in text.split("\n"):
        field = FIELD.match(line)
        if field:
            in_list = field[1].lower() in LIST_FIELDS
            kept.append("" if in_list or field[1].lower() == "license" else field[2])
        elif not line.strip():
            in_list = False
            kept.append("")
        elif not in_list:
            kept.append("" if line.strip() == "." else line)
    return [p for p in join_paragraphs(strip_comment_leaders(kept)) if is_prose(p)]


GLYPHS = {
    "aq": "'", "oq": "'", "cq": "'", "dq": '"', "lq": '"', "rq": '"', "bu": "-", "em": " - ", "en": "-", "ha": "^",
    "ti": "~", "ga": "`", "co": "(C)", "+-": "+/-", "mi": "-", "la": "<", "ra": ">", "fm": "'", "sd": '"', "rs": "\\",
    "mc": "micro", "de": " degrees", "sc": "section ", "Tm": "(TM)", "dg": "", ":A": "Ae", ":a": "ae",
}  # fmt: skip
ESCAPE = re.compile(
    r"\\(?:"
    r"f(?:\[[^]]*\]|\(..|.)|s[-+]?\d+|[hvwl]'[^']*'|m\[[^]]*\]|n(?:\[[^]]*\]|\(..|.)"  # font, size, motion: nothing
    r"|\*?\((?P<two>..)|\*?\[(?P<long>[^]]*)\]"  # named glyphs
    r"|\"(?P<comment>.*)|(?P<one>.))"
)
SINGLE = {"-": "-", "e": "\\", "\\": "\\", " ": " ", "~": " ", "0": " ", "t": " ", "'": "'", "`": "`", ".": "."}
SKIPPED = {"TS": "TE", "EX": "EE", "nf": "fi", "EQ": "EN", "SY": "YS", "de": ".", "ig": "."}
BREAKS = {"PP", "P", "LP", "TP", "IP", "HP", "RS", "RE", "sp", "TQ"}
ALTERNATING = {"BR", "RB", "BI", "IB", "IR", "RI"}
TITLE = "\x01"
ARGUMENT = re.compile(r'"((?:[^"]|"")*)"?|(\S+)')


def plain(text: str) -> str:
    """One line of troff text with its escapes resolved."""

    def glyph(match: re.Match[str]) -> str:
        name = match["two"] or match["long"]
        return GLYPHS.get(name, "") if name else SINGLE.get(match["one"] or "", "")

    return ESCAPE.sub(glyph, text)


def arguments(rest: str) -> list[str]:
    """A macro's arguments; a quoted one keeps its blanks."""
    rest = re.sub(r'\\".*', "", rest).replace("\\ ", "\\~")
    return [plain(m[1].replace('""', '"') if m[1] is not None else m[2]) for m in ARGUMENT.finditer(rest)]


def manual_lines(source: str) -> list[str]:
    """Plain lines of a page in man(7) macros. Section titles stand between empty lines and begin with TITLE."""
    lines: list[str] = []
    until = ""
    for line in source.replace("\\\n", "").split("\n"):
        macro = re.match(r"^[.']\s*([A-Za-z]+|\.)?(.*)$", line)
        if until:
            until = "" if macro and macro[1] == until else until
        elif not macro:
            lines.append(plain(line))
        elif macro[1] in SKIPPED:
            until = SKIPPED[macro[1]]
        elif macro[1] in ("SH", "SS"):
            lines += ["", TITLE + " ".join(arguments(macro[2])), ""]
        elif macro[1] in BREAKS:
            lines.append("")
        elif macro[1] in ("B", "I", "SM", "SB"):
            lines.append(" ".join(arguments(macro[2])))
        elif macro[1] in ALTERNATING:
            lines.append("".join(arguments(macro[2])))
    return lines


def manual_paragraphs(source: str) -> list[str]:
    """The prose of a manual page under its section titles; none for redirections and mdoc pages."""
    if re.search(r"^\.(Dd|so)\b", source, re.M):
        return []
    paragraphs: list[str] = []
    section = heading = ""  # a heading is written with its first paragraph, so one without prose vanishes
    for paragraph in join_paragraphs(manual_lines(source)):
        if paragraph.startswith(TITLE):
            section = heading = paragraph.removeprefix(TITLE)
        elif section == "NAME" or (section != "SYNOPSIS" and is_prose(paragraph)):
            paragraphs += [heading, paragraph] if heading else [paragraph]
            heading = ""
    return paragraphs


def licences() -> list[str]:
    """Every text of /usr/share/common-licenses once (its unversioned names are links)."""
    files = sorted(p for p in Path("/usr/share/common-licenses").iterdir() if p.is_file() and not p.is_symlink())
    return ["\n\n".join(licence_paragraphs(read_text(path))) for path in files]


def copyrights() -> list[str]:
    """The notices of the installed packages, each document once, each paragraph at most MAX_REPEATS times."""
    seen: dict[str, int] = {}
    documents: dict[str, None] = {}
    for path in sorted(Path("/usr/share/doc").glob("*/copyright")):
        if not path.is_file():
            continue
        kept = []
        for paragraph in copyright_paragraphs(read_text(path)):
            seen[paragraph] = seen.get(paragraph, 0) + 1
            if seen[paragraph] <= MAX_REPEATS:
                kept.append(paragraph)
        if kept:
            documents["\n\n".join(kept)] = None
    return list(documents)


def manuals() -> list[str]:
    """The pages of MANUAL_PACKAGES; packages that are not installed are an error, not an empty corpus."""
    listed = subprocess.run(["dpkg", "-L", *MANUAL_PACKAGES], check=False, capture_output=True, text=True).stdout
    files = sorted({Path(p) for p in listed.split("\n") if re.search(r"/man/man\d.*/.*\.gz$", p)})
    files = [path for path in files if path.is_file() and not path.is_symlink()]
    if not files:
        raise SystemExit(
            f"train_tiny corpus: no pages of {' and '.join(MANUAL_PACKAGES)} under /usr/share/man\n"
            f"  way out: apt-get install --reinstall {' '.join(MANUAL_PACKAGES)}\n"
            "  (in a container, first remove the path-exclude for /usr/share/man in /etc/dpkg/dpkg.cfg.d)"
        )
    pages = ("\n\n".join(manual_paragraphs(read_text(path))) for path in files)
    return [page for page in dict.fromkeys(pages) if page]


def gather(output: Path, licences_only: bool) -> None:
    """Writes the corpus, gzipped with no time stamp, and says what went in."""
    parts = {"licences": licences() * LICENCE_WEIGHT}
    if not licences_only:
        parts |= {"copyright notices": copyrights(), "manual pages": manuals()}
    text = SEPARATOR.join(document for documents in parts.values() for document in documents)
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_bytes(gzip.compress(text.encode(), compresslevel=9, mtime=0))
    for name, documents in parts.items():
        print(f"{name:20s} {len(documents):6d} documents {sum(map(len, documents)) / 1e6:8.2f} M characters")
    print(f"{output}: {len(text.encode()) / 1e6:.2f} MB of text, {output.stat().st_size / 1e6:.2f} MB gzipped")


def documents(corpus: Path) -> list[bytes]:
    """The documents of a corpus file, in its order, as bytes."""
    return gzip.decompress(corpus.read_bytes()).split(SEPARATOR.encode())
