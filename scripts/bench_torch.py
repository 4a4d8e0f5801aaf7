#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What our kernels are compared with, where Python is what is measured: PyTorch eager, the same in a CUDA graph, and
transformers' generate. One JSON line an entry.

    scripts/bench_torch.py qkv              RMSNorm and the three projections of the Qwen3-0.6B shape
    scripts/bench_torch.py decode MODEL     one decode step of MODEL at a fixed number of keys, and generate
    scripts/bench_torch.py generate MODEL   generate alone, of any family

MODEL is a checkpoint, for decode of the Qwen3 family (plumbline make-model qwen3-0.6b). Needs torch with a GPU; all but qkv
need transformers, decode safetensors too. Exit 2: one of them is missing.
"""
import json
import pathlib
import statistics
import sys
import time

try:
    import torch
    import torch.nn.functional as F
except ImportError:
    sys.exit("bench_torch: torch is missing")


def microseconds(call, count=100, repeats=10):
    """Medians and spread of `repeats` timings of `count` calls, by CUDA events."""
    times = []
    for _ in range(repeats + 2):
        start, stop = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        start.record()
        for _ in range(count):
            call()
        stop.record()
        torch.cuda.synchronize()
        times.append(start.elapsed_time(stop) * 1000 / count)
    times = sorted(times[2:])
    return {"median": statistics.median(times), "p10": times[len(times) // 10], "p90": times[-1 - len(times) // 10], "count": repeats}


def graphed(call, count):
    """`count` calls as one graph."""
    side = torch.cuda.Stream()
    with torch.cuda.stream(side):
        call()
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        for _ in range(count):
            call()
    return graph.replay


def norm(x, weight, eps=1e-6):
    x32 = x.float()
    return weight * (x32 * torch.rsqrt(x32.pow(2).mean(-1, keepdim=True) + eps)).to(x.dtype)


def qkv():
    options = {"device": "cuda", "dtype": torch.bfloat16}
    weight = torch.randn(1024, **options)
    projections = [torch.randn(columns, 1024, **options) * 0.05 for columns in (2048, 1024, 1024)]
    for rows in (1, 4, 16, 64, 128, 512):
        x = torch.randn(rows, 1024, **options)

        def call():
            n = norm(x, weight)
            return [F.linear(n, w) for w in projections]

        replay = microseconds(graphed(call, 100), 1)
        yield {"part": "qkv_torch", "rows": rows, "eager_python_us": microseconds(call),
               "graph_us": {key: value if key == "count" else value / 100 for key, value in replay.items()}}


class Decoder:
    """Greedy decode steps as transformers' eager path computes them, at a fixed number of keys."""

    def __init__(self, folder, keys):
        from safetensors.torch import load_file
        self.config = json.loads((folder / "config.json").read_text())
        self.weights = {}
        for file in sorted(folder.glob("*.safetensors")):
            self.weights.update(load_file(file, device="cuda"))
        c = self.config
        self.heads, self.kv, self.dim = c["num_attention_heads"], c["num_key_value_heads"], c["head_dim"]
        cache = (c["num_hidden_layers"], self.kv, keys, self.dim)
        self.k, self.v = (torch.randn(cache, device="cuda", dtype=torch.bfloat16) for _ in range(2))
        self.cos, self.sin = (torch.rand(1, self.dim, device="cuda").to(torch.bfloat16) for _ in range(2))
        self.token = torch.zeros(1, dtype=torch.int64, device="cuda")

    def rotate(self, x):
        half = self.dim // 2
        return x * self.cos + torch.cat((-x[..., half:], x[..., :half]), -1) * self.sin

    def attend(self, layer, x):
        w = lambda name: self.weights[f"model.layers.{layer}.{name}.weight"]
        n = norm(x, w("input_layernorm"))
        q = self.rotate(norm(F.linear(n, w("self_attn.q_proj")).view(-1, self.dim), w("self_attn.q_norm")))
        k = self.rotate(norm(F.linear(n, w("self_attn.k_proj")).view(-1, self.dim), w("self_attn.k_norm")))
        self.k[layer, :, -1], self.v[layer, :, -1] = k, F.linear(n, w("self_attn.v_proj")).view(-1, self.dim)
        share = self.heads // self.kv
        keys, values = self.k[layer].repeat_interleave(share, 0), self.v[layer].repeat_interleave(share, 0)
        scores = torch.matmul(q.unsqueeze(1), keys.transpose(1, 2)) * self.dim ** -0.5
        probs = torch.softmax(scores, -1, dtype=torch.float32).to(x.dtype)
        return x + F.linear(torch.matmul(probs, values).reshape(1, -1), w("self_attn.o_proj"))

    def step(self):
        x = F.embedding(self.token, self.weights["model.embed_tokens.weight"])
        for layer in range(self.config["num_hidden_layers"]):
            x = self.attend(layer, x)
            w = lambda name: self.weights[f"model.layers.{layer}.{name}.weight"]
            n = norm(x, w("post_attention_layernorm"))
            x = x + F.linear(F.silu(F.linear(n, w("mlp.gate_proj"))) * F.linear(n, w("mlp.up_proj")), w("mlp.down_proj"))
        head = self.weights.get("lm_head.weight", self.weights["model.embed_tokens.weight"])
        self.token.copy_(F.linear(norm(x, self.weights["model.norm.weight"]), head).argmax(-1))


def generate(folder, count):
    from transformers import AutoModelForCausalLM
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.bfloat16, attn_implementation="eager").cuda()
    prompt = torch.arange(16, device="cuda").unsqueeze(0)
    rates = []
    for _ in range(4):
        torch.cuda.synchronize()
        start = time.perf_counter()
        model.generate(prompt, attention_mask=torch.ones_like(prompt), max_new_tokens=count, min_new_tokens=count, do_sample=False)
        torch.cuda.synchronize()
        rates.append(count / (time.perf_counter() - start))
    return statistics.median(rates[1:])


def decode(folder):
    for keys in (136, 520):
        decoder = Decoder(folder, keys)
        eager = microseconds(decoder.step, 5, 5)
        graph = microseconds(graphed(decoder.step, 1), 20, 5)
        yield {"part": "decode_torch", "keys": keys, "eager_python_us": eager, "eager_python_tokens_per_second": 1e6 / eager["median"],
               "graph_us": graph, "graph_tokens_per_second": 1e6 / graph["median"]}
    yield {"part": "decode_hf", "generate_tokens_per_second": generate(folder, 64)}


def main():
    if not torch.cuda.is_available():
        sys.exit("bench_torch: no GPU here")
    torch.backends.cuda.matmul.allow_bf16_reduced_precision_reduction = False
    if sys.argv[1:] == ["qkv"]:
        entries = qkv()
    elif len(sys.argv) == 3 and sys.argv[1] == "decode":
        entries = decode(pathlib.Path(sys.argv[2]))
    elif len(sys.argv) == 3 and sys.argv[1] == "generate":
        folder = pathlib.Path(sys.argv[2])
        entries = [{"part": "generate_shape", "model": folder.name, "generate_tokens_per_second": generate(folder, 64)}]
    else:
        print(__doc__, file=sys.stderr)
        return 2
    with torch.no_grad():
        for entry in entries:
            print(json.dumps(entry), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
