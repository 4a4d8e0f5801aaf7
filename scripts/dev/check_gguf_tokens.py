#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The ids that an imported tokenizer gives, against the rules that llama.cpp publishes, done plainly in Python.

Usage: check_gguf_tokens.py [--plumbline build/bin/plumbline] [--texts 6000] [--seed 1] FILE.gguf
Needs: a Python with transformers, regex (which transformers brings) and gguf (0.19.0 was used).

FILE is imported; transformers reads what was written. Beside it: split at special tokens, the pattern that llama-vocab.cpp
has for tokenizer.ggml.pre, then merges by rank, over texts drawn from letters, digits of many scripts, blanks, contractions
and special tokens, and the licence texts of the system. Also: decoding gives every text again. Exit status 1 if one differs.
"""
import argparse
import pathlib
import random
import subprocess
import sys
import tempfile

try:
    import gguf
    import regex
    from transformers import AutoTokenizer
except ImportError as missing:
    print(f"check_gguf_tokens: {missing}\n  install transformers and gguf==0.19.0 into the Python that runs this", file=sys.stderr)
    sys.exit(2)

GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
LLAMA3 = (r"(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"
          r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")  # fmt: skip
# name -> patterns, each applied to the pieces of the one before; whether a word that is a token is taken whole
PRE = {"smollm": ([r"\p{N}|\P{N}+", GPT2], False), "gpt-2": ([GPT2], False), "llama-bpe": ([LLAMA3], True)}
CONTROL = 3
FIXED = ["", "  ", "\n\n \n", "The year 2024, 1234567 and 3.14159", "naïve café — “quotes” … 日本語 한국어 😀 👩‍👩‍👧‍👦", "tabs\t\tand\r\n",
         "don't I'LL we've they're he'd IT'S", "٣٤٥ Ⅷ ½ x² 一二三", "def f(x):\n    return x**2  # ok", "\x00\x01\ufeff zero\u200bwidth"]  # fmt: skip


def alphabet():
    """GPT-2's character for each byte."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in plain]
    return {byte: chr(byte) for byte in plain} | {byte: chr(256 + i) for i, byte in enumerate(others)}


class Rules:
    def __init__(self, file):
        fields = gguf.GGUFReader(file).fields
        value = lambda key: fields["tokenizer.ggml." + key].contents()
        tokens = value("tokens")
        self.ids = {token: i for i, token in enumerate(tokens)}
        self.rank = {tuple(merge.split(" ")): i for i, merge in enumerate(value("merges"))}
        self.special = [token for token, kind in zip(tokens, value("token_type")) if kind == CONTROL]
        self.patterns, self.whole = PRE[value("pre")]
        self.bytes = alphabet()
        added = "tokenizer.ggml.add_bos_token"
        first = value("add_bos_token") if added in fields else self.whole
        self.first = [int(value("bos_token_id"))] if first else []

    def merged(self, word):
        if self.whole and word in self.ids:
            return [word]
        parts = list(word)
        while len(parts) > 1:
            best = min(zip(parts, parts[1:]), key=lambda pair: self.rank.get(pair, len(self.rank)))
            if best not in self.rank:
                break
            joined, at = [], 0
            while at < len(parts):
                two = tuple(parts[at : at + 2]) == best
                joined.append("".join(parts[at : at + 1 + two]))
                at += 1 + two
            parts = joined
        return parts

    def encode(self, text):
        ids = list(self.first)
        names = "|".join(map(regex.escape, sorted(self.special, key=len, reverse=True)))
        for part in regex.split(f"({names})", text) if names else [text]:
            if part in self.special:
                ids.append(self.ids[part])
                continue
            pieces = [part]
            for pattern in self.patterns:
                pieces = [word for piece in pieces for word in regex.findall(pattern, piece)]
            for word in pieces:
                ids += [self.ids[token] for token in self.merged("".join(self.bytes[byte] for byte in word.encode()))]
        return ids


def texts(special, count, seed):
    draw = random.Random(seed)
    pool = [*"abcXYZ 0129 \n\t'’.,!?-_éß漢字😀٣½²<|>'sll", *special[:4]]
    ranges = [(32, 127), (0xA0, 0x2000), (0x3000, 0xD7FF), (0x1F300, 0x1FAFF)]
    yield from FIXED
    for i in range(count):
        length = draw.randint(1, 60)
        yield "".join(draw.choice(pool) if i % 2 else chr(draw.randrange(*draw.choice(ranges))) for _ in range(length))
    for file in sorted(pathlib.Path("/usr/share/common-licenses").glob("*")):
        yield file.read_text(encoding="utf-8", errors="replace")[:20000]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--plumbline", default="build/bin/plumbline")
    parser.add_argument("--texts", type=int, default=6000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("file")
    options = parser.parse_args()
    rules = Rules(options.file)
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([options.plumbline, "import", "gguf", options.file, "-o", folder + "/model"], check=True, stdout=subprocess.DEVNULL)
        tokenizer = AutoTokenizer.from_pretrained(folder + "/model", model_max_length=1 << 30)
    compared = differ = lost = 0
    for text in texts(rules.special, options.texts, options.seed):
        ids = tokenizer(text).input_ids
        compared += 1
        differ += ids != rules.encode(text)
        lost += tokenizer.decode(ids[len(rules.first) :]) != text
    print(f"{compared} texts: ids of {differ} differ from the rules, {lost} do not come back")
    return 1 if differ or lost or not compared else 0


if __name__ == "__main__":
    sys.exit(main())
