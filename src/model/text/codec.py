# SPDX-License-Identifier: Apache-2.0
"""Text into token ids and back by Hugging Face's own packages, for a program that asks line by line.

Run as: python3 -c THIS FOLDER. Each line of standard input is one request as JSON, each line of standard output its answer:
{"encode": TEXT} and {"chat": MESSAGES} give {"ids": [...]}, {"decode": IDS} gives {"text": ...}. Instead of an answer stands
{"missing": PACKAGE} or {"error": TEXT}. Invariant: nothing is downloaded and no code of the folder is run.
"""
import sys

sys.path[:] = [folder for folder in sys.path if folder]  # -c puts the current folder first, which is nobody's library
import json
import os

answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
os.dup2(2, 1)  # what a package prints is no answer


def tokenizer_of(folder):
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(os.path.join(folder, "tokenizer.json"))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


def chat_ids(folder, messages):
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    return list(tokenizer.apply_chat_template(messages, add_generation_prompt=True, return_dict=False))


def answer(folder, request, loaded=[]):
    if "chat" in request:
        return {"ids": chat_ids(folder, request["chat"])}
    if not loaded:
        loaded.append(tokenizer_of(folder))
    if "encode" in request:
        return {"ids": loaded[0].encode(request["encode"]).ids}
    return {"text": loaded[0].decode(request["decode"], skip_special_tokens=False)}


for line in sys.stdin.buffer:
    try:
        said = answer(sys.argv[1], json.loads(line))
    except ImportError as problem:
        said = {"missing": problem.name.split(".")[0]} if problem.name else {"error": str(problem)}
    except Exception as problem:  # of packages and files of all kinds: the one who asks says it in his words
        said = {"error": f"{type(problem).__name__}: {problem}"}
    answers.write(json.dumps(said) + "\n")
    answers.flush()
