# SPDX-License-Identifier: Apache-2.0
"""What the tiny models are on disk: each a Hugging Face directory of five files.

Invariant: the shapes, the tokenizer (id = byte value) and the file names are fixed here, once; only weights differ
between two trainings. config.json is written by hand in the keys that published checkpoints of the family carry, so that
every transformers version which knows the family reads it alike.
"""

import json
from pathlib import Path

import torch
from safetensors.torch import save_file

from lib.tiny_corpus import SEPARATOR

END = 256  # the id of <|endoftext|>; ids 257 to 319 pad the vocabulary to a multiple of 64 and are never used
POSITIONS = 4096
QWEN3_TINY = {
    "architectures": ["Qwen3ForCausalLM"],
    "attention_bias": False,
    "attention_dropout": 0.0,
    "eos_token_id": END,
    "head_dim": 128,
    "hidden_act": "silu",
    "hidden_size": 128,
    "initializer_range": 0.04,
    "intermediate_size": 64,
    "max_position_embeddings": POSITIONS,
    "max_window_layers": 28,
    "model_type": "qwen3",
    "num_attention_heads": 4,
    "num_hidden_layers": 28,
    "num_key_value_heads": 2,
    "rms_norm_eps": 1e-06,
    "rope_scaling": None,
    "rope_theta": 1000000,
    "sliding_window": None,
    "tie_word_embeddings": True,
    "torch_dtype": "bfloat16",
    "use_cache": True,
    "use_sliding_window": False,
    "vocab_size": 320,
}
# Wavelengths of the scaling's bands: below 512 / 4 = 128 positions kept, above 512 / 1 divided by 8, between them blended.
# With this theta and head_dim that is pairs 0 to 7, 11 to 31 and 8 to 10: short prompts meet all three.
LLAMA_TINY = {
    "architectures": ["LlamaForCausalLM"],
    "attention_bias": False,
    "attention_dropout": 0.0,
    "bos_token_id": END,
    "eos_token_id": END,
    "head_dim": 64,
    "hidden_act": "silu",
    "hidden_size": 128,
    "initializer_range": 0.04,
    "intermediate_size": 416,
    "max_position_embeddings": POSITIONS,
    "mlp_bias": False,
    "model_type": "llama",
    "num_attention_heads": 4,
    "num_hidden_layers": 22,
    "num_key_value_heads": 2,
    "pretraining_tp": 1,
    "rms_norm_eps": 1e-05,
    "rope_scaling": {
        "factor": 8.0,
        "high_freq_factor": 4.0,
        "low_freq_factor": 1.0,
        "original_max_position_embeddings": 512,
        "rope_type": "llama3",
    },
    "rope_theta": 500000.0,
    "tie_word_embeddings": False,
    "torch_dtype": "bfloat16",
    "use_cache": True,
    "vocab_size": 320,
}
# The keys of ERNIE-4.5-0.3B: the head is tied by the class, biases are off by use_bias.
ERNIE_TINY = {
    "architectures": ["Ernie4_5ForCausalLM"],
    "bos_token_id": END,
    "eos_token_id": END,
    "head_dim": 64,
    "hidden_act": "silu",
    "hidden_size": 128,
    "initializer_range": 0.04,
    "intermediate_size": 192,
    "max_position_embeddings": POSITIONS,
    "model_type": "ernie4_5",
    "num_attention_heads": 4,
    "num_hidden_layers": 8,
    "num_key_value_heads": 2,
    "pad_token_id": END,
    "rms_norm_eps": 1e-05,
    "rope_scaling": None,
    "rope_theta": 500000.0,
    "torch_dtype": "bfloat16",
    "use_bias": False,
    "use_cache": True,
    "vocab_size": 320,
}
SHAPES = {"qwen3-tiny": QWEN3_TINY, "llama-tiny": LLAMA_TINY, "ernie-tiny": ERNIE_TINY}
GENERATION = {"do_sample": False, "eos_token_id": END, "pad_token_id": END}
TOKENIZER = {
    "tokenizer_class": "PreTrainedTokenizerFast",
    "eos_token": SEPARATOR,
    "pad_token": SEPARATOR,
    "clean_up_tokenization_spaces": False,
    "model_max_length": POSITIONS,
}


def byte_characters() -> list[str]:
    """GPT-2's printable character for every byte value: itself where printable, else the next of U+0100 onwards."""
    printable = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    others = [b for b in range(256) if b not in printable]
    return [chr(b) if b in printable else chr(0x100 + others.index(b)) for b in range(256)]


def tokenizer_json() -> dict:
    """A byte-level BPE without merges and without splitting: the ids of a text are its UTF-8 bytes."""
    end = {"id": END, "content": SEPARATOR, "single_word": False, "lstrip": False, "rstrip": False,
           "normalized": False, "special": True}  # fmt: skip
    level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": False, "use_regex": False}
    model = {"type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": None,
             "end_of_word_suffix": None, "fuse_unk": False, "byte_fallback": False, "ignore_merges": False,
             "vocab": {c: b for b, c in enumerate(byte_characters())}, "merges": []}  # fmt: skip
    return {"version": "1.0", "truncation": None, "padding": None, "added_tokens": [end], "normalizer": None,
            "pre_tokenizer": level, "post_processor": None, "decoder": level, "model": model}  # fmt: skip


def save(model: torch.nn.Module, config: dict, directory: Path) -> None:
    """Writes the whole directory; the weights get their name only when complete, so a killed run leaves the last."""
    directory.mkdir(parents=True, exist_ok=True)
    texts = {"config.json": config, "generation_config.json": GENERATION, "tokenizer.json": tokenizer_json(),
             "tokenizer_config.json": TOKENIZER}  # fmt: skip
    for name, value in texts.items():
        (directory / name).write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    # A tied head is the embedding: state_dict() names it a second time, the file does not store it. The model knows
    # whether it is tied where the config leaves that to its class.
    left_out = {"lm_head.weight"} if model.config.tie_word_embeddings else set()
    weights = {name: tensor.detach().to("cpu", torch.bfloat16).contiguous()
               for name, tensor in model.state_dict().items() if name not in left_out}  # fmt: skip
    part = directory / "model.safetensors.part"
    save_file(weights, part, metadata={"format": "pt"})
    part.chmod(0o644)  # safetensors writes for the owner alone
    part.rename(directory / "model.safetensors")
