# SPDX-License-Identifier: Apache-2.0
"""Trains a tiny model with torch and judges what was written as a user of transformers would meet it.

Invariant: the seed fixes initial weights and batches. It does not fix the summation order of a GPU's backward pass: a
second run gives a model as good, not the same bits, which is why the weights themselves are kept. The files are
tiny_format.py's, the text is tiny_corpus.py's.
"""

import math
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from transformers import AttentionInterface, AutoConfig, AutoModelForCausalLM, AutoTokenizer

from lib import tiny_corpus
from lib.tiny_format import END, SHAPES, save

PROMPTS = (
    "This program is free software",
    "Permission is hereby granted, free of charge, to any person obtaining a copy",
    "Redistribution and use in source and binary forms",
    "The licenses for most software are designed to take away your freedom",
    "RETURN VALUE\n\nOn success,",
    "NAME\n\nprintf",
)
PEAK_RATE, FINAL_SHARE, WARMUP_STEPS = 2e-3, 0.05, 200
CHECKPOINT_STEPS = 2000
REPORT_SECONDS = 4.0


@dataclass
class Options:
    """What the command line decides. `max_seconds` shortens a run whose `steps` would not fit."""

    shape: str  # a key of SHAPES
    corpus: Path
    output: Path
    steps: int
    seed: int
    batch: int  # windows a step
    length: int  # bytes a window
    new: int  # bytes of each continuation
    max_seconds: float
    compile: bool


def causal_only(module, query, key, value, attention_mask, dropout=0.0, scaling=None, **kwargs):
    """Attention for training. transformers builds no mask for a name it does not know: flash attention can serve."""
    del module, attention_mask, dropout, kwargs
    attend = torch.nn.functional.scaled_dot_product_attention
    return attend(query, key, value, is_causal=True, scale=scaling, enable_gqa=True).transpose(1, 2).contiguous(), None


def initial_model(shape: dict, seed: int, device: str) -> torch.nn.Module:
    """The shape in f32; what adds to the residual stream starts smaller by the root of the number of additions."""
    AttentionInterface.register("causal_only", causal_only)
    torch.manual_seed(seed)
    config = AutoConfig.for_model(**shape)
    model = AutoModelForCausalLM.from_config(config, dtype=torch.float32, attn_implementation="causal_only")
    with torch.no_grad():
        for layer in model.model.layers:
            layer.self_attn.o_proj.weight /= math.sqrt(2 * shape["num_hidden_layers"])
            layer.mlp.down_proj.weight /= math.sqrt(2 * shape["num_hidden_layers"])
    return model.to(device).train()


def split_documents(corpus: Path) -> tuple[list[bytes], list[bytes]]:
    """Training and held-out documents; only documents that occur once are held out, every 50th of those."""
    documents = tiny_corpus.documents(corpus)
    count = Counter(documents)
    held_out = set([d for d in documents if count[d] == 1][25::50])
    return [d for d in documents if d not in held_out], [d for d in documents if d in held_out]


def tokens_of(documents: list[bytes]) -> np.ndarray:
    """One stream of ids, END before every document and after the last."""
    end = np.array([END], dtype=np.int16)
    parts = [part for d in documents for part in (end, np.frombuffer(d, dtype=np.uint8).astype(np.int16))]
    return np.concatenate([*parts, end])


class Batches:
    """Windows of the stream: half begin anywhere, half where a document or a paragraph does, as prompts do."""

    def __init__(self, documents: list[bytes], options: Options, device: str):
        stream = tokens_of(documents)
        newline = stream == ord("\n")
        begins = np.flatnonzero((stream[:-1] == END) | (newline[:-1] & ~newline[1:])) + 1
        self.last_start = len(stream) - options.length - 1
        self.begins = torch.from_numpy(begins[begins <= self.last_start])
        self.stream = torch.from_numpy(stream).to(device)
        self.window = torch.arange(options.length + 1, device=device)
        self.batch = options.batch
        self.generator = torch.Generator().manual_seed(options.seed)

    def next(self) -> torch.Tensor:
        half = self.batch // 2
        anywhere = torch.randint(self.last_start + 1, (self.batch - half,), generator=self.generator)
        chosen = torch.randint(len(self.begins), (half,), generator=self.generator)
        starts = torch.cat([anywhere, self.begins[chosen]]).to(self.stream.device, non_blocking=True)
        return self.stream[starts[:, None] + self.window].long()


def learning_rate(step: int, steps: int) -> float:
    """Linear warm-up, then a cosine down to FINAL_SHARE of the peak."""
    if step < WARMUP_STEPS:
        return PEAK_RATE * (step + 1) / WARMUP_STEPS
    progress = min(1.0, (step - WARMUP_STEPS) / max(1, steps - WARMUP_STEPS))
    return PEAK_RATE * (FINAL_SHARE + (1 - FINAL_SHARE) * 0.5 * (1 + math.cos(math.pi * progress)))


class Trainer:
    """One step of AdamW at a time; on a GPU bf16 autocast over f32 weights; gradients clipped to norm 1."""

    def __init__(self, model: torch.nn.Module, device: str, compiled: bool):
        matrices = [p for p in model.parameters() if p.ndim >= 2]
        vectors = [p for p in model.parameters() if p.ndim < 2]
        groups = [{"params": matrices, "weight_decay": 0.1}, {"params": vectors, "weight_decay": 0.0}]
        self.model, self.device = model, device
        self.optimizer = torch.optim.AdamW(groups, lr=PEAK_RATE, betas=(0.9, 0.95), fused=device == "cuda")
        self.loss_of = torch.compile(self.plain_loss_of) if compiled else self.plain_loss_of

    def plain_loss_of(self, window: torch.Tensor) -> torch.Tensor:
        with torch.autocast(self.device, torch.bfloat16, enabled=self.device == "cuda"):
            logits = self.model(input_ids=window[:, :-1], use_cache=False).logits
        return torch.nn.functional.cross_entropy(logits.float().flatten(0, 1), window[:, 1:].flatten())

    def step(self, window: torch.Tensor, rate: float) -> torch.Tensor:
        """The loss before the step, still on the device."""
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        loss = self.loss_of(window)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        return loss.detach()


class Progress:
    """A line every REPORT_SECONDS, and how many steps fit into the time given."""

    def __init__(self, options: Options):
        self.options = options
        self.began = self.reported = time.monotonic()
        self.reported_step = 0

    def report(self, step: int, loss: torch.Tensor, last: bool) -> None:
        if step > 1 and not last and time.monotonic() - self.reported < REPORT_SECONDS:
            return
        value, now = loss.item(), time.monotonic()  # item() waits for the device, so the rate counts finished steps
        rate = (step - self.reported_step) * self.options.batch * self.options.length / (now - self.reported)
        print(f"step {step:6d}  loss {value:.4f}  {rate:9.0f} tokens/s  {now - self.began:6.1f} s", flush=True)
        self.reported, self.reported_step = now, step
        self.rate = rate

    def steps_that_fit(self, step: int) -> int:
        """Judged by the last reported rate; at most the steps asked for."""
        left = self.options.max_seconds - (time.monotonic() - self.began)
        fitting = step + left * self.rate / (self.options.batch * self.options.length)
        steps = int(min(self.options.steps, max(step + 1, fitting)))
        if steps < self.options.steps:
            print(f"only {steps} of {self.options.steps} steps fit into {self.options.max_seconds:.0f} s", flush=True)
        return steps


def train(options: Options) -> None:
    """Trains, writes the model every CHECKPOINT_STEPS and at the end, then prints what `evaluate` finds."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    torch.set_float32_matmul_precision("high")
    training, held_out = split_documents(options.corpus)
    model = initial_model(SHAPES[options.shape], options.seed, device)
    where = torch.cuda.get_device_name() if device == "cuda" else device
    print(f"torch {torch.__version__} on {where}, {sum(p.numel() for p in model.parameters())} parameters, "
          f"{len(training)} documents, {len(held_out)} held out", flush=True)  # fmt: skip
    batches = Batches(training, options, device)
    trainer = Trainer(model, device, options.compile and device == "cuda")
    progress, steps, step = Progress(options), options.steps, 0
    print("first step; compiling takes a minute or two without a line", flush=True)
    while step < steps:
        loss = trainer.step(batches.next(), learning_rate(step, steps))
        step += 1
        progress.report(step, loss, step == steps)
        if step == 2 * WARMUP_STEPS:  # past the compilation, before the schedule's length matters much
            progress.report(step, loss, True)
            steps = progress.steps_that_fit(step)
        if step % CHECKPOINT_STEPS == 0 or step == steps:
            save(model, SHAPES[options.shape], options.output)
    evaluate(options.output, held_out, options, device)


def held_out_loss(model: torch.nn.Module, documents: list[bytes], length: int) -> float:
    """Nats a byte over the whole windows of the held-out stream."""
    stream = torch.from_numpy(tokens_of(documents)).long()
    windows = stream.unfold(0, length + 1, length).to(model.device)
    total = 0.0
    for window in windows.split(32):
        logits = model(input_ids=window[:, :-1], use_cache=False).logits.float()
        total += torch.nn.functional.cross_entropy(
            logits.flatten(0, 1), window[:, 1:].flatten(), reduction="sum"
        ).item()
    return total / (windows.shape[0] * length)


def evaluate(directory: Path, held_out: list[bytes], options: Options, device: str) -> None:
    """Loads what was written in bf16 with eager attention: held-out loss and greedy continuations."""
    tokenizer = AutoTokenizer.from_pretrained(directory)
    model = AutoModelForCausalLM.from_pretrained(directory, dtype=torch.bfloat16, attn_implementation="eager")
    model = model.to(device).eval()
    with torch.inference_mode():
        if held_out:
            print(f"held-out loss {held_out_loss(model, held_out, options.length):.4f} nats a byte")
        k_norms = [weight for name, weight in model.named_parameters() if name.endswith("k_norm.weight")]
        if k_norms:
            values = torch.stack(k_norms).float()
            print(f"K-norm weights {values.min():.3f} to {values.max():.3f}, mean {values.mean():.3f}", flush=True)
        for prompt in PROMPTS:
            ids = tokenizer(prompt, return_tensors="pt").input_ids.to(device)
            if ids[0].tolist() != list(prompt.encode()):
                raise SystemExit(f"train_tiny: the tokenizer in {directory} does not map a text to its bytes")
            out = model.generate(
                ids, attention_mask=torch.ones_like(ids), max_new_tokens=options.new, do_sample=False
            )
            print(f"--- {prompt!r}\n{tokenizer.decode(out[0])}", flush=True)
