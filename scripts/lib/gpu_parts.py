# SPDX-License-Identifier: Apache-2.0
"""What scripts/gpu_all.sh checks and measures, part by part, as data.

Invariant: a check passes only if its last command ended with the status that it should, said what it must and nothing that
it must not; a test that found no GPU, and a sanitizer without its closing line, have shown nothing. Running them is left to
gpu_all.py.
"""

from dataclasses import dataclass, field
from pathlib import Path

TINY = ("qwen3-tiny", "llama-tiny")
SHAPES = ("tinyllama-1.1b", "ernie-4.5-0.3b")  # of other families, decoded in the kernels' own orders
ROWS = (1, 4, 16, 64, 128, 512)
MADE = ("qwen3-0.6b", *SHAPES)  # by plumbline make-model, on the spot
VARIANTS = ("hf", "exact", "unfused", "single", "f32", "minimal_f32", "tf32", "fp16_tiles")
# The first of each range is a prompt, so a multiple of 8 and at most 512 tokens.
KEYS = ((1, 128), (128, 256), (256, 384), (384, 512), (512, 1024))
CLEAN = {"memcheck": "ERROR SUMMARY: 0 errors", "initcheck": "ERROR SUMMARY: 0 errors", "synccheck": "ERROR SUMMARY: 0 errors",
         "racecheck": r"RACECHECK SUMMARY: 0 hazards displayed \(0 errors, 0 warnings\)"}  # fmt: skip
PROGRAMS = ("plumbline", "plumbline-run", "same_bits", "bench_gpu", "capture_speed", "litmus_gpu_equality_test",
            "litmus_special_unit_test", "gpu_error_without_gpu_test", "gpu_error_provoked_test", "kernel_repeat_gpu_test", "families_gpu_test")  # fmt: skip
PROMPT = "Permission is hereby gran"
NO_GPU = "no GPU here"


@dataclass
class Check:
    name: str
    commands: list  # of words; each must succeed, the last decides
    says: list = field(default_factory=list)  # patterns that its last command's output must hold
    never: str = NO_GPU  # and one that it may not
    figures: bool = False  # prints JSON that is kept
    keep: bool = False  # what the last command printed is kept, line by line
    environment: dict = field(default_factory=dict)
    after: str = ""  # another check of the part, whose files it reads


@dataclass
class Part:
    checks: list
    at_once: int = 1  # checks that run at the same time


@dataclass
class Places:
    root: Path
    build: Path
    out: Path
    python: str
    cores: int

    @property
    def programs(self) -> Path:
        return self.build / "bin"

    def tool(self, name: str) -> str:
        return str(self.programs / name)

    def test(self, name: str) -> str:
        return str(self.build / "tests" / name)

    def model(self, name: str) -> str:
        return str(self.out / name if name in MADE else self.root / "dumps/models" / name)


def same_bits(at: Places, name: str, model: str, left: str, right: str, *words, **more) -> Check:
    return Check(name, [[at.tool("same_bits"), at.model(model), left, right, *map(str, words)]], [r", 0 taps differ"], **more)


def big_model(at: Places) -> Check:
    """The Qwen3-0.6B shape with random weights and the notes' norms; the same weights whoever makes it."""
    return Check("checkpoint of the Qwen3-0.6B shape",
                 [[at.tool("plumbline"), "make-model", "qwen3-0.6b", "--k-norm-max", "notes", "-o", at.model("qwen3-0.6b"), "--force",
                   "--no-progress"]])  # fmt: skip


def shape_model(at: Places, name: str) -> Check:
    return Check(f"checkpoint of the {name} shape", [[at.tool("plumbline"), "make-model", name, "-o", at.model(name), "--force", "--no-progress"]])


def build(at: Places) -> Part:
    return Part([
        Check("configure", [["cmake", "--preset", "gpu", "-B", str(at.build)]]),
        Check("programs", [["cmake", "--build", str(at.build), "-j", str(at.cores), "--target", *PROGRAMS]], after="configure"),
    ])  # fmt: skip


def recorded(at: Places, model: str) -> list:
    """Runs of LibTorch and of our kernels, and what find says of them: equal bits, or which order is another."""
    plumbline, folder = at.tool("plumbline"), at.out / "traces"
    files = {name: str(folder / f"{model}.{name}.h5") for name in ("torch", "cuda", "portable")}
    run = [plumbline, "run", at.model(model), "--no-progress", "--force"]
    torch = [*run, "--backend", "torch", "--device", "cuda", "--prompt", PROMPT, "--new", "5", "-o", files["torch"]]
    fed = [*run, "--backend", "cuda", "--tokens", files["torch"]]
    name = f"{model} find"
    return [
        Check(f"{name}: LibTorch = torch/sm90, taps verified",
              [torch, [*fed, "--numerics", "torch/sm90", "--verify-taps", "-o", files["cuda"]],
               [plumbline, "find", files["torch"], files["cuda"], "--no-pager"]],
              [r"^PARITY", r"bit-identical, (\d+)\s+of\s+\1\s+taps", r"not shown for:"], keep=True),
        Check(f"{name}: LibTorch against portable numerics",
              [[*fed, "--numerics", "portable", "-o", files["portable"]],
               [plumbline, "find", files["torch"], files["portable"], "--no-pager"]],
              [r"^PARITY", r"bits part first at", r"adds its\s+squares\s+up:\s+32\s+lanes\s+of\s+4\s+columns,\s+then\s+halving\s+on\s+both"],
              never="bit-identical", keep=True, after=f"{name}: LibTorch = torch/sm90, taps verified"),
    ]  # fmt: skip


def other_order(at: Places) -> Check:
    """LibTorch's mean on the CPU has another order than on the GPU, whose order is also that of portable numerics."""
    plumbline, folder = at.tool("plumbline"), at.out / "traces"
    run = [plumbline, "run", at.model("qwen3-tiny"), "--no-progress", "--force"]
    torch, ours = str(folder / "order.torch.h5"), str(folder / "order.cuda.h5")
    words = "adds its squares up: .* in the reference, 32 lanes of 4 columns, then halving in the candidate"
    return Check("qwen3-tiny find: LibTorch on the CPU against our kernels: two orders, named",
                 [[*run, "--backend", "torch", "--prompt", PROMPT, "-o", torch], [*run, "--backend", "cuda", "--tokens", torch, "-o", ours],
                  [plumbline, "find", torch, ours, "--no-pager"]],
                 [r"^PARITY", words.replace(".*", r"[\w\s,]*").replace(" ", r"\s+")], never="bit-identical", keep=True)  # fmt: skip


def decoded(at: Places, model: str, first: int, last: int, **more) -> Check:
    """A prompt of `first` tokens, then one by one until `last` keys have been there."""
    return same_bits(at, f"{model} torch = cuda, each of {first} to {last} keys", model, "torch", "cuda", "--numerics", "torch/sm90",
                     "--tokens", first, "--new", last - first, **more)  # fmt: skip


def generated(at: Places, model: str) -> Check:
    """The choices of decode, with their distributions: LibTorch eager generates, our kernels are fed what it chose."""
    words = [at.tool("plumbline"), "generate", at.model(model), "--backend", "torch", "--device", "cuda", "--against", "cuda", "--numerics", "torch/sm90",
             "--prompt", PROMPT[:24], "--new", "96", "--no-progress"]  # fmt: skip
    return Check(f"{model} generate: LibTorch = torch/sm90 at every position", [words], keep=True)


def equal(at: Places) -> Part:
    big = big_model(at)
    checks = [big, Check("special functions over all inputs, tensor cores", [[at.test("litmus_gpu_equality_test")]]),
              Check("records in dumps/golden/sm90 = the twin",
                    [[str(at.root / "scripts/check_gpu_records.sh"), "--build", str(at.build), "--python", at.python]], [r"GPU records: (\d+) of \1 agree"])]  # fmt: skip
    sm90 = ("--numerics", "torch/sm90")
    for rows in reversed(ROWS):  # the longest first
        checks.append(same_bits(at, f"qwen3-0.6b torch = cuda, {rows} tokens", "qwen3-0.6b", "torch", "cuda", *sm90, "--tokens", rows, "--new", 1,
                                after=big.name))  # fmt: skip
    checks.append(same_bits(at, "qwen3-0.6b twin = cuda, 16 tokens", "qwen3-0.6b", "twin", "cuda", *sm90, "--tokens", 16, "--new", 1, after=big.name))
    checks += [decoded(at, "qwen3-0.6b", 1, 64, after=big.name), other_order(at)]
    checks.append(Check("every family, every tap: twin = cuda", [[at.test("families_gpu_test")]], [r"^\d+ families, [1-9]\d* taps on both sides"]))
    for model in TINY:
        checks += recorded(at, model)
        checks.append(generated(at, model))
        checks += [same_bits(at, f"{model} torch = cuda, {rows} tokens", model, "torch", "cuda", *sm90, "--tokens", rows, "--new", 4)
                   for rows in (*ROWS, 24)]  # fmt: skip
        checks += [decoded(at, model, 1, 128), same_bits(at, f"{model} twin = cuda", model, "twin", "cuda", *sm90, "--tokens", 24, "--new", 4)]
        checks += [same_bits(at, f"{model} twin = cuda, {variant}", model, "twin", "cuda", "--qkv", variant) for variant in VARIANTS]
    return Part(checks, at_once=max(1, at.cores // 3))


def speed(at: Places) -> Part:
    model, torch = at.model("qwen3-0.6b"), [at.python, str(at.root / "scripts/bench_torch.py")]
    taps = [at.tool("capture_speed"), model, "--numerics", "torch/sm90"]
    measured = [("norm and projections", [at.tool("bench_gpu"), "qkv"]), ("decode", [at.tool("bench_gpu"), "decode", model]),
                ("prefill", [at.tool("bench_gpu"), "prefill", model]), ("Python: norm and projections", [*torch, "qkv"]),
                ("Python: decode", [*torch, "decode", model]),
                ("taps", [*taps, "--tokens", "512", "--steps", "240", "--repeats", "5"]), ("taps, short prompt", [*taps, "--tokens", "128", "--steps", "240"])]
    for shape in SHAPES:
        measured += [(f"decode, {shape}", [at.tool("bench_gpu"), "portable", at.model(shape)]), (f"Python: generate, {shape}", [*torch, "generate", at.model(shape)])]
    made = [big_model(at), *(shape_model(at, shape) for shape in SHAPES)]
    return Part([*made, *(Check(name, [command], figures=True) for name, command in measured)])


def sanitized(at: Places, tool: str) -> list:
    """Every kernel over shapes around tile edges, with taps and without; whole passes of both models."""
    start = ["compute-sanitizer", "--tool", tool, "--error-exitcode", "1"]
    subjects = [("every kernel", [at.test("kernel_repeat_gpu_test")])]
    subjects += [(model, [at.tool("same_bits"), at.model(model), "cuda", "cuda", "--numerics", "torch/sm90", "--tokens", "17", "--new", "1"])
                 for model in TINY]  # fmt: skip
    return [Check(f"{tool}, {name}", [[*start, *words]], [CLEAN[tool]], environment={"PLUMBLINE_REPEAT_RUNS": "2"}) for name, words in subjects]


def safe(at: Places) -> Part:
    faults = [str(at.root / "scripts/fault_table.sh"), "--bin", str(at.programs), "--backend", "cuda", "--jobs", str(max(1, at.cores // 2))]
    located = [r"^located (\d+) of \1$"]
    checks = [Check(f"faults under {numerics}, each located at its op", [[*faults, "--numerics", numerics, "--reference", "torch", "--device", "cuda"]],
                    located) for numerics in ("portable", "torch/sm90")]  # fmt: skip
    for tool in CLEAN:
        checks += sanitized(at, tool)
    return Part([
        *checks,
        Check("kernels without taps have the machine code of a source without them", [[at.python, str(at.root / "tests/kernel/notap/notap_code.py")]]),
        Check("every kernel, poisoned, the same bits in 20 runs", [[at.test("kernel_repeat_gpu_test")]]),
        Check("errors of CUDA name kernel, grid and line", [[at.test("gpu_error_provoked_test")]]),
        Check("errors where no GPU can be seen", [[at.test("gpu_error_without_gpu_test")]], never="nothing compared"),
    ], at_once=max(1, at.cores // 4))  # fmt: skip


def long(at: Places) -> Part:
    big = big_model(at)
    checks = [decoded(at, model, first, last, after=big.name if model == "qwen3-0.6b" else "")
              for first, last in sorted(KEYS, key=lambda keys: keys[0] - keys[1]) for model in ("qwen3-0.6b", *TINY)]  # fmt: skip
    return Part([big, *checks], at_once=max(1, at.cores // 3))


PARTS = {"build": build, "equal": equal, "speed": speed, "safe": safe, "long": long}
