# SPDX-License-Identifier: Apache-2.0
"""Small random models of the families that plumbline builds: keys of their classes in transformers."""

COMMON = {"vocab_size": 320, "hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 3, "num_attention_heads": 4,
          "num_key_value_heads": 2, "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 319}  # fmt: skip
LONGROPE = {"rope_type": "longrope", "rope_theta": 10000.0, "partial_rotary_factor": 0.5, "short_factor": [1.0, 1.1, 1.2, 1.3],
            "long_factor": [1.5, 2.0, 3.0, 4.0]}  # fmt: skip
FAMILIES = {
    "qwen2": COMMON | {"model_type": "qwen2", "use_sliding_window": True, "sliding_window": 8, "max_window_layers": 1},
    "mistral": COMMON | {"model_type": "mistral", "head_dim": 16, "sliding_window": 8},
    "ernie4_5": COMMON | {"model_type": "ernie4_5", "head_dim": 32},
    "olmo2": COMMON | {"model_type": "olmo2", "rope_parameters": {"rope_type": "default", "rope_theta": 500000.0}},
    "olmo3": COMMON | {"model_type": "olmo3", "sliding_window": 8, "layer_types": ["sliding_attention", "sliding_attention", "full_attention"],
                       "rope_parameters": {"full_attention": {"rope_type": "default", "rope_theta": 100000.0},
                                           "sliding_attention": {"rope_type": "default", "rope_theta": 500000.0}}},
    "gemma2": COMMON | {"model_type": "gemma2", "head_dim": 32, "query_pre_attn_scalar": 24, "sliding_window": 8},
    "gemma3": COMMON | {"model_type": "gemma3_text", "head_dim": 32, "query_pre_attn_scalar": 32, "sliding_window": 8,
                        "layer_types": ["sliding_attention", "sliding_attention", "full_attention"]},
    "phi3": COMMON | {"model_type": "phi3", "sliding_window": 8, "rope_parameters": LONGROPE, "original_max_position_embeddings": 29},
}  # fmt: skip
