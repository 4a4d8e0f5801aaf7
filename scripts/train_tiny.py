#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes byte-level models for the demo and the tests: qwen3-tiny (dumps/models/qwen3-tiny), llama-tiny, an untied
Llama of 22 layers with llama3 rope scaling, and ernie-tiny, an ERNIE 4.5 of 8 layers whose head is tied by its class.

  train_tiny.py corpus -o corpus.txt.gz                                          any Debian system, Python alone
  train_tiny.py train --shape llama-tiny --corpus corpus.txt.gz -o DIR           a GPU, torch and transformers

This file is the command line and nothing else; lib/tiny_corpus.py gathers, lib/tiny_train.py trains and
lib/tiny_format.py says what is written.
"""

import argparse
import math
from pathlib import Path

from lib import tiny_corpus


def train(arguments: argparse.Namespace) -> None:
    from lib import tiny_train  # torch is not needed, and often not there, where the corpus is gathered

    tiny_train.train(
        tiny_train.Options(
            shape=arguments.shape,
            corpus=arguments.corpus,
            output=arguments.output,
            steps=arguments.steps,
            seed=arguments.seed,
            batch=arguments.batch,
            length=arguments.length,
            new=arguments.new,
            max_seconds=arguments.max_seconds,
            compile=not arguments.no_compile,
        )
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    verbs = parser.add_subparsers(required=True, metavar="corpus|train")
    corpus = verbs.add_parser("corpus", help="gather the training text of this system")
    corpus.add_argument("-o", "--output", type=Path, required=True)
    corpus.add_argument("--licences-only", action="store_true", help="a text small enough to be learnt without a GPU")
    corpus.set_defaults(run=lambda arguments: tiny_corpus.gather(arguments.output, arguments.licences_only))
    trainer = verbs.add_parser("train", help="train, save, evaluate")
    trainer.add_argument("--shape", choices=("qwen3-tiny", "llama-tiny", "ernie-tiny"), default="qwen3-tiny")
    trainer.add_argument("--corpus", type=Path, required=True)
    trainer.add_argument("-o", "--output", type=Path, required=True)
    trainer.add_argument("--steps", type=int, default=8000)
    trainer.add_argument("--seed", type=int, default=1)
    trainer.add_argument("--batch", type=int, default=48, help="windows a step")
    trainer.add_argument("--length", type=int, default=512, help="bytes a window")
    trainer.add_argument("--new", type=int, default=160, help="bytes of each continuation at the end")
    trainer.add_argument("--max-seconds", type=float, default=math.inf, help="shorten the run if --steps would not fit")
    trainer.add_argument("--no-compile", action="store_true", help="without torch.compile, which needs a C compiler")
    trainer.set_defaults(run=train)
    arguments = parser.parse_args()
    arguments.run(arguments)


if __name__ == "__main__":
    main()
