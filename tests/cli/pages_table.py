# SPDX-License-Identifier: Apache-2.0
"""What pages_test.py does with lines that it does not run as they stand.

Invariant: a line of the pages is in at most one table; pages_test.py refuses an entry that no page shows any more, and an
entry of ELSEWHERE whose test is not registered, or does not hold the words.
"""

RUN = "plumbline run MODEL --backend twin --prompt TEXT"
FIND = "plumbline find REF CAND"
GENERATE = "plumbline generate MODEL --backend twin"
DRAWN = GENERATE + " --prompt TEXT --new 2 --temperature 0.8 --top-k 40 --top-p 0.95 --seed 7"
NOISE = "plumbline noise REF --runs 2"
CAPTURE = "scripts/capture/hf.py MODEL --prompt TEXT --new 1 --torch-calls --plain -o calls.h5"
NOTES = "scripts/extreme_norms.py MODEL -o noted --notes --plumbline PLUMBLINE"
SMALL = "--batch 2 --length 16 --new 1"  # two steps of two short windows
TRAIN = "scripts/train_tiny.py train --shape llama-tiny --corpus small.txt.gz -o trained-llama --steps 2 --seed 1 --max-seconds 232 " + SMALL

# A verb or an option alone, or a whole training: the smallest command that has it.
AS = {
    "plumbline diff": "plumbline diff REF CAND",
    "plumbline bounds": "plumbline bounds --ops 9",
    "plumbline bounds --ops 450": "plumbline bounds --ops 9 --seed 2",
    "plumbline bounds --ops 2000": "plumbline bounds --ops 18 --json",
    "--format bf16": "plumbline bounds --ops 9 --format bf16",
    "plumbline show": "plumbline show REF embed",
    "plumbline run": "plumbline run --list-backends",
    "plumbline find": FIND,
    "plumbline recover": "plumbline recover FILE.part -o again.h5",
    "--tokens REF.h5": "plumbline run MODEL --backend twin --tokens REF.h5 -o FILE",
    "--fault F": RUN + " --fault embed.scale -o FILE",
    "--numerics torch/sm90": "plumbline run MODEL --backend twin --numerics torch/sm90 --prompt TEXT -o FILE",
    "--fault rope.scaling_ignored": "plumbline run dumps/models/llama-tiny --backend twin --prompt TEXT --fault rope.scaling_ignored -o FILE",
    "--taps GLOB": RUN + " --taps layer.0.* -o FILE",
    "--taps outputs": RUN + " --taps outputs -o FILE",
    "--taps stats": RUN + " --taps stats -o FILE",
    "--taps none": RUN + " --taps none -o FILE",
    "--ring 4G": RUN + " --ring 16K -o FILE",
    "--attention sdpa": "plumbline run MODEL --backend torch --attention sdpa --prompt TEXT -o FILE",
    "--batch 4": "plumbline run MODEL --backend torch --batch 4 --prompt TEXT -o FILE",
    "--dtype bf16": RUN + " --dtype bf16 -o FILE",
    "--kernel qkv=VARIANT[@layer.N]": RUN + " --kernel qkv=single@layer.1 -o FILE",
    "--format full": FIND + " --format full",
    "--format junit=report.xml": FIND + " --format junit=report.xml",
    "--color": FIND + " --color always",
    "--no-pager": FIND + " --no-pager",
    "--no-progress": FIND + " --no-progress",
    "--rows 20": FIND + " --rows 20",
    "--map": FIND + " --map map.toml",
    "plumbline find REF CAND --map FILE|PRESET": FIND + " --map map.toml",
    "--exclude": "plumbline diff REF CAND --exclude layer.0.*",
    "--values-only": "plumbline diff REF REF --values-only",
    "--by-layer": "plumbline audit MODEL --by-layer",
    "--json": "plumbline audit MODEL --json",
    "--strict": "plumbline audit MODEL --strict",
    "--svg weights.svg": "plumbline audit MODEL --svg weights.svg",
    "--trace RUN.h5": "plumbline audit MODEL --trace REF",
    "plumbline generate MODEL --backend B --prompt TEXT": GENERATE + " --prompt TEXT --new 2",
    "--choices": "plumbline tokens REF CAND --choices",
    "--temperature 0.8": DRAWN,
    "--top-k 40": DRAWN,
    "--top-p 0.95": DRAWN,
    "--seed 7": DRAWN,
    "--against twin": GENERATE + " --prompt TEXT --against twin",
    "--new 16": GENERATE + " --prompt TEXT --against twin --new 2",
    "--prompt-file FILE": GENERATE + " --prompt-file prompt.txt --new 2",
    "plumbline noise": NOISE + " --against CAND",
    "plumbline observer": "plumbline observer FILE FILE",
    "--before": "plumbline gate REF CAND --before gate.json",
    "--against CAND": NOISE + " --against CAND",
    "--repeats": NOISE + " --repeats CAND",
    "--torch-calls": CAPTURE,
    "--plain": CAPTURE,
    "--notes": NOTES,
    "--plumbline build/bin/plumbline": NOTES,
    "scripts/train_tiny.py train --shape llama-tiny --corpus corpus.txt.gz -o dumps/models/llama-tiny --steps 8000 --seed 1 --max-seconds 232":
        TRAIN,
    "--max-seconds": TRAIN,
    "scripts/train_tiny.py train --corpus corpus.txt.gz -o dumps/models/qwen3-tiny --steps 8000 --seed 1":
        "scripts/train_tiny.py train --corpus small.txt.gz -o trained --steps 2 --seed 1 " + SMALL,
}  # fmt: skip

# Run in a small copy of the tree (pages_tree.py), where stand-ins are in the place of apt, cmake and ctest.
IN_A_COPY = {
    "scripts/setup.sh --deps-only": 0,
    "scripts/demo.sh": 0,
    "scripts/test.sh": 0,
    "scripts/test.sh --quick": 0,
    "scripts/dev/check.sh": 0,
    "scripts/dev/check.sh --fix": 0,
    "scripts/dev/readme.py": 0,
    "scripts/dev/figures.py": 0,
}

# Run by another test, on less: its name for ctest, the file that does it, what must stand there.
ELSEWHERE = {
    "scripts/fault_table.sh": ("cli_fault_table_test", "tests/cli/fault_table_test.cpp", ["scripts/fault_table.sh"]),
    "scripts/fault_table.sh --numerics torch/sm90 --reference torch":
        ("cli_fault_table_test", "tests/cli/fault_table_test.cpp", ["scripts/fault_table.sh", '"--numerics"', '"--reference"']),
    "scripts/fault_table.sh --fault NAME": ("cli_fault_table_test", "tests/cli/fault_table_test.cpp", ["scripts/fault_table.sh", '"--fault"']),
    "scripts/shapes.sh": ("cli_shapes_test", "tests/cli/CMakeLists.txt", ["scripts/shapes.sh"]),
    "scripts/study.sh": ("cli_study_test", "tests/cli/study_test.py", ["scripts/lib/study/study.py", '"--check"']),
    "scripts/healthy_pairs.sh": ("cli_healthy_pairs_test", "tests/cli/healthy_pairs_test.cpp", ["scripts/healthy_pairs.sh"]),
    "scripts/fault_matrix.sh --seed 2026 --runs 600 --clean 1000":
        ("cli_fault_matrix_test", "tests/cli/fault_matrix_test.cpp", ["scripts/fault_matrix.sh", '"--seed"', '"--runs"', '"--clean"']),
    "scripts/fault_matrix.sh --runs 0 --clean 250":
        ("cli_fault_matrix_test", "tests/cli/fault_matrix_test.cpp", ["scripts/fault_matrix.sh", '"--seed"', '"--runs"', '"--clean"']),
    "scripts/check_gpu_records.sh": ("cli_gpu_records_test", "tests/cli/gpu_records_test.cpp", ["check_gpu_records.sh", "5 of 5 agree"]),
    "scripts/check_gpu_records.sh --all": ("cli_gpu_records_test", "tests/cli/gpu_records_test.cpp", ["check_gpu_records.sh"]),
    "--chat": ("cli_generate_test", "tests/cli/generate_test.cpp", ['"--chat"']),
    "--tokens FILE": ("cli_generate_test", "tests/cli/generate_test.cpp", ['"--tokens"']),
    "plumbline import gguf FILE -o DIR": ("cli_import_test", "tests/cli/import_test.cpp", ['{"import", "gguf"']),
    "--no-tokenizer": ("cli_import_test", "tests/cli/import_test.cpp", ['"--no-tokenizer"']),
    "scripts/fetch_smollm2.sh": ("cli_smollm2_test", "tests/cli/smollm2_test.py", ["fetch_smollm2.sh"]),
    "scripts/smollm2.sh": ("cli_smollm2_test", "tests/cli/smollm2_test.py", ["scripts/smollm2.sh"]),
    "scripts/dev/check_gguf.py FILE.gguf": ("cli_smollm2_test", "tests/cli/smollm2_test.py", ["check_gguf.py"]),
    "scripts/dev/check_gguf_tokens.py FILE.gguf": ("cli_smollm2_test", "tests/cli/smollm2_test.py", ["check_gguf_tokens.py"]),
    "scripts/gpu_all.sh": ("cli_gpu_all_test", "tests/cli/gpu_all_test.py", ["gpu_all.sh"]),
    "scripts/gpu_all.sh speed": ("cli_gpu_all_test", "tests/cli/gpu_all_test.py", ["gpu_all.sh", '"speed"']),
    "scripts/gpu_all.sh safe": ("cli_gpu_all_test", "tests/cli/gpu_all_test.py", ["gpu_all.sh", '"safe"']),
    "scripts/gpu_all.sh long": ("cli_gpu_all_test", "tests/cli/gpu_all_test.py", ["gpu_all.sh", '"long"']),
    "scripts/gpu_all.sh merge": ("cli_gpu_all_test", "tests/cli/gpu_all_test.py", ["gpu_all.sh", '"merge"']),
    "scripts/gpu_all.sh headers": ("cli_gpu_records_test", "tests/cli/gpu_records_test.cpp", ["gpu_all.sh"]),
    "litmus_gpu_equality_test": ("litmus_gpu_equality_test", "tests/litmus/gpu_equality_test.cpp", ["count_differing(cuda_build::"]),
    "cmake --install build --prefix DIR": ("install_consumer", "tests/install/install_test.sh", ["--install", "--prefix"]),
}  # fmt: skip

# Of the build under test, without building anything: cmake and ninja say what they would do.
BUILD = {
    "cmake --preset default && cmake --build build": "cmake --preset default -N -B BUILD && cmake --build BUILD -- -n",
    "cmake --build build --target headers": "cmake --build BUILD --target headers -- -n",
    "ninja -C build oracle_test contract_test model_test plumbline plumbline-run":
        "ninja -n -C BUILD oracle_test contract_test model_test plumbline plumbline-run",
}  # fmt: skip

# Where no GPU is, what these must say of that, with status 2.
WITHOUT_GPU = {
    "same_bits dumps/models/qwen3-tiny torch cuda --numerics torch/sm90 --tokens 24 --new 4":
        ("same_bits dumps/models/qwen3-tiny torch cuda --numerics torch/sm90 --tokens 24 --new 4", "cuda"),
    'plumbline run dumps/models/qwen3-tiny --backend torch --device cuda --prompt "Permission is hereby gran" --new 5':
        ("plumbline run MODEL --backend torch --device cuda --prompt TEXT --new 5 -o FILE", "cuda"),
    "plumbline order MODEL --backend torch --device cuda": ("plumbline order MODEL --backend torch --device cuda", "cuda"),
    "--backend torch --device cuda": ("plumbline run MODEL --backend torch --device cuda --prompt TEXT -o FILE", "cuda"),
    "same_bits dumps/models/qwen3-tiny twin cuda --qkv exact": ("same_bits dumps/models/qwen3-tiny twin cuda --qkv exact", "no GPU can be used"),
}
