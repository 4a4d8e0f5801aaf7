#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes the kept corpus beside itself: READER/FILE, each below 4 KiB. What once broke or nearly broke a reader here or
elsewhere. Files named sound-* must be read, all others refused. Needs h5py. Usage: python3 tests/corpus/make.py"""
import json
import os
import struct
import sys

import h5py
import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
CONFIG = {"architectures": ["Qwen3ForCausalLM"], "model_type": "qwen3", "hidden_size": 8, "num_hidden_layers": 1,
          "num_attention_heads": 2, "num_key_value_heads": 1, "head_dim": 4, "intermediate_size": 8, "vocab_size": 8,
          "max_position_embeddings": 4096, "rope_theta": 1e6, "rms_norm_eps": 1e-6, "hidden_act": "silu",
          "tie_word_embeddings": True, "attention_bias": False, "torch_dtype": "bfloat16"}
DEEP = 1500


def write(name, data):
    path = os.path.join(HERE, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        file.write(data if isinstance(data, bytes) else data.encode())
    return path


def config(name, **changes):
    write(f"config/{name}.json", json.dumps({**CONFIG, **changes}))


def configs():
    config("layers-huge", num_hidden_layers=2**62)
    config("layers-at-the-limit", num_hidden_layers=10000)
    config("layers-negative", num_hidden_layers=-1)
    config("layers-real", num_hidden_layers=1.5)
    config("hidden-zero", hidden_size=0)
    config("hidden-product-overflows", hidden_size=2**24, num_attention_heads=2**16, head_dim=2**16)
    config("heads-zero", num_attention_heads=0)
    config("kv-heads-zero", num_key_value_heads=0)
    config("vocab-huge", vocab_size=2**30)
    config("vocab-past-64-bits", vocab_size=2**64)
    config("eps-nan", rms_norm_eps=float("nan"))
    config("eps-infinite", rms_norm_eps=float("inf"))
    config("eps-zero", rms_norm_eps=0)
    config("theta-infinite-text", rope_theta="inf")
    config("architecture-with-escape", architectures=["\x1b]0;owned\x07\x1b[2J"])
    config("activation-with-newline", hidden_act="silu\nplumbline: parity\n")
    config("dtype-with-c1", torch_dtype="\x9b31mbfloat16")
    config("dtype-float8", torch_dtype="float8_e4m3fn")
    config("quantised", quantization_config={"bits": 4})
    config("key-names-with-escape", **{"\x1b[31m": 1, "rope_scaling": {"\x1b[31m": 1, "rope_type": "\x1b[0m"}})
    config("rope-scaling-a-list", rope_scaling=[[]])
    config("layer-types-of-numbers", layer_types=[1, 2])
    text = json.dumps(CONFIG)
    write("config/number-past-double.json", text.replace("1000000.0", "1e999"))
    write("config/duplicate-key.json", text[:-1] + ', "hidden_size": 9}')
    write("config/deep-lists.json", text[:-1] + ', "x": ' + "[" * DEEP + "]" * DEEP + "}")
    write("config/deep-objects-open.json", '{"x":' * 600)
    write("config/nothing.json", b"")
    write("config/null.json", "null")
    write("config/cut-in-key.json", text[:100])
    write("config/no-utf8.json", b'{"architectures": ["\xff\xfe\x80"]}')
    write("config/zero-bytes.json", b"\0" * 64)
    write("config/byte-order-mark-16.json", text.encode("utf-16")[:512])


def safetensors(name, header, data=b"", length=None):
    text = header if isinstance(header, bytes) else (header if isinstance(header, str) else json.dumps(header)).encode()
    write(f"safetensors/{name}.safetensors", struct.pack("<Q", len(text) if length is None else length) + text + data)


def entry(shape, begin, end, dtype="BF16"):
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


def weights():
    safetensors("length-past-end", "{}", length=2**63)
    safetensors("length-all-ones", "{}", length=2**64 - 1)
    safetensors("length-one-too-many", "{}", length=3)
    safetensors("length-zero", "{}", length=0)
    safetensors("length-at-the-limit", "{}", length=100_000_000)
    write("safetensors/seven-bytes.safetensors", b"\1" * 7)
    write("safetensors/nothing.safetensors", b"")
    safetensors("shape-overflows", {"a": entry([2**32, 2**32], 0, 0)})
    safetensors("shape-overflows-to-fit", {"a": entry([2**31, 2**32, 2], 0, 0)})
    safetensors("shape-negative", {"a": entry([-1, -2], 0, 4)}, b"\0" * 4)
    safetensors("shape-real", {"a": entry([2.0], 0, 4)}, b"\0" * 4)
    safetensors("shape-of-rank-1000", {"a": entry([1] * 1000, 0, 2)}, b"\0" * 2)
    safetensors("offsets-negative", {"a": entry([2], -4, 0)}, b"\0" * 4)
    safetensors("offsets-backwards", {"a": entry([2], 4, 0)}, b"\0" * 4)
    safetensors("offsets-past-end", {"a": entry([2**40], 0, 2**41)}, b"\0" * 4)
    safetensors("offsets-64-bits", {"a": entry([0], 2**64 - 1, 2**64 - 1)})
    safetensors("offsets-three", {"a": {"dtype": "BF16", "shape": [2], "data_offsets": [0, 4, 4]}}, b"\0" * 4)
    safetensors("tensors-overlap", {"a": entry([2], 0, 4), "b": entry([2], 2, 6)}, b"\0" * 6)
    safetensors("tensors-share-all", {"a": entry([2], 0, 4), "b": entry([2], 0, 4)}, b"\0" * 4)
    safetensors("hole", {"a": entry([2], 0, 4), "b": entry([2], 6, 10)}, b"\0" * 10)
    safetensors("tail", {"a": entry([2], 0, 4)}, b"\0" * 6)
    safetensors("tensor-named-twice", '{"a":' + json.dumps(entry([2], 0, 4)) + ',"a":' + json.dumps(entry([2], 0, 4)) + "}",
                b"\0" * 4)
    safetensors("name-with-escape", {"\x1b]0;owned\x07": entry([2], 0, 8)}, b"\0" * 8)
    safetensors("name-with-newline", {"a\nplumbline: parity": entry([2], 0, 8)}, b"\0" * 8)
    safetensors("name-not-expected-with-escape", {"\x1b[2J\x9b1m": entry([2], 0, 4)}, b"\0" * 4)
    safetensors("name-of-3000-bytes", {"n" * 3000: entry([2], 0, 8)}, b"\0" * 8)
    safetensors("dtype-with-escape", {"a": entry([2], 0, 4, "\x1b[31mBF16")}, b"\0" * 4)
    safetensors("dtype-a-list", {"a": {"dtype": [], "shape": [2], "data_offsets": [0, 4]}}, b"\0" * 4)
    safetensors("deep-metadata", '{"__metadata__":' + "[" * DEEP)
    safetensors("header-a-list", "[]")
    safetensors("header-no-utf8", b'{"\xff\xfe":{}}')
    safetensors("metadata-only", {"__metadata__": {"format": "pt"}})


def gguf(name, pairs=(), tensors=(), version=3, counts=None, tail=b"", magic=b"GGUF", order="<"):
    """Pairs are (key, bytes of type and value), tensors (name, extents, type, offset)."""
    def text(value):
        return struct.pack(order + "Q", len(value)) + value
    tensor_count, pair_count = counts or (len(tensors), len(pairs))
    data = magic + struct.pack(order + "IQQ", version, tensor_count, pair_count)
    data += b"".join(text(key) + value for key, value in pairs)
    for tensor, extents, kind, offset in tensors:
        data += text(tensor) + struct.pack(order + f"I{len(extents)}QIQ", len(extents), *extents, kind, offset)
    write(f"gguf/{name}.gguf", data + tail)


def ggufs():
    pad = b"\0" * 64
    gguf("empty-model")
    gguf("big-endian", order=">")
    gguf("version-1", version=1)
    gguf("other-magic", magic=b"ggjt")
    gguf("counts-all-ones", counts=(2**64 - 1, 2**64 - 1))
    gguf("pairs-without-end", counts=(0, 16384), tail=pad)
    gguf("key-length-wraps", counts=(0, 1), tail=struct.pack("<Q", 2**64 - 8) + pad)
    gguf("texts-without-end", [(b"t", struct.pack("<IIQ", 9, 8, 2**61))], tail=pad)
    gguf("numbers-wrap", [(b"t", struct.pack("<IIQ", 9, 12, 2**61 + 1))], tail=pad)
    gguf("empty-lists-in-lists", [(b"t", struct.pack("<IIQ", 9, 9, 300) + struct.pack("<IQ", 9, 0) * 300)])
    gguf("lists-a-hundred-deep", [(b"t", struct.pack("<I", 9) + struct.pack("<IQ", 9, 1) * 100)], tail=pad)
    gguf("key-with-escape", [(b"\x1b[31m", struct.pack("<I", 99))])
    gguf("alignment-huge", [(b"general.alignment", struct.pack("<II", 4, 2**31))], tail=pad)
    gguf("extents-wrap", tensors=[(b"t", (2**32, 2**32, 2**32), 0, 0)], tail=pad)
    gguf("offset-wraps", tensors=[(b"t", (8,), 0, 2**64 - 32)], tail=pad)
    gguf("same-data-twice", tensors=[(b"a", (8,), 0, 0), (b"b", (8,), 0, 0)], tail=pad)
    gguf("type-unknown", tensors=[(b"t", (8,), 2**32 - 1, 0)], tail=pad)
    gguf("block-half", tensors=[(b"t", (48,), 8, 0)], tail=pad)


def indexes():
    def index(name, value):
        write(f"index/{name}.json", value if isinstance(value, (str, bytes)) else json.dumps(value))
    index("climbs-out", {"weight_map": {"a": "../../../x.safetensors"}})
    index("absolute", {"weight_map": {"a": "/dev/zero.safetensors"}})
    index("zero-byte", {"weight_map": {"a": "model\0.safetensors"}})
    index("names-nothing", {"weight_map": {}})
    index("shard-absent-with-escape", {"weight_map": {"\x1b[2J": "\x1b]0;x\x07.safetensors"}})
    index("tensor-with-newline", {"weight_map": {"a\nb": 7}})
    index("is-itself", {"weight_map": {"a": "model.safetensors.index.json"}})
    index("map-a-list", {"weight_map": [["a", "b"]]})
    index("tensor-twice", '{"weight_map": {"a": "x.safetensors", "a": "y.safetensors"}}')
    index("deep", '{"weight_map":' * 250)
    index("nothing", b"")


def tokenizers():
    def tokenizer(name, value):
        write(f"tokenizer/{name}.json", value if isinstance(value, (str, bytes)) else json.dumps(value))
    level = {"type": "ByteLevel", "add_prefix_space": False}
    tokenizer("no-vocab", {"model": {"type": "BPE", "merges": []}, "pre_tokenizer": level})
    tokenizer("vocab-a-list", {"model": {"type": "BPE", "merges": [], "vocab": []}, "pre_tokenizer": level})
    tokenizer("id-negative", {"model": {"type": "BPE", "merges": [], "vocab": {"\u0100": -1}}, "pre_tokenizer": level})
    tokenizer("id-huge", {"model": {"type": "BPE", "merges": [], "vocab": {"\u0100": 2**63}}, "pre_tokenizer": level})
    tokenizer("model-null", {"model": None})
    tokenizer("top-a-list", [])
    tokenizer("normalises-with-escape", {"model": {"type": "\x1b[31m"}, "normalizer": "\x1b[2J"})
    tokenizer("vocab-key-twice", '{"model":{"type":"BPE","merges":[],"vocab":{"\\u001b[1m":1,"\\u001b[1m":2}}}')
    tokenizer("deep", "[" * DEEP)
    tokenizer("nothing", b"")


def policies():
    head = 'schema = "plumbline-policy/1"\n'
    waiver = ('[[waiver]]\nid = "W-1"\nmatch = "layer.*.attn.softmax"\ncode = "P0202"\nceiling = 8\nreason = "r"\n'
              'owner = "@kim"\nexpires = 2027-01-31\n')
    write("policy/sound-everything.toml", head + '[suite]\nname = "tiny"\npolicy = "not-worse"\nmin_coverage = 1\n'
          'required_taps = ["logits",\n  "layer.*.attn.q_rope"]\nallow_missing = ["*.x32"]\nnotice_days = 3\n[candidate]\n'
          'backend = ["cuda", "twin"]\nenvironment.kernel = ["qkv=*"]\n[limits]\nunequal = 0.5\ncontracts = []\n[[rule]]\n'
          'match = "layer.*.in_norm"\nown_share = 2.5\nwhy = "tree sum"\n' + waiver)
    for name, text in {
        "key-with-escape": head + '"\\u001b[31m" = 1\n',
        "key-with-newline": head + '"a\\nb" = 1\n',
        "name-of-section-with-escape": head + '["\\u001b]0;x\\u0007"]\na = 1\n',
        "match-with-escape": head + '[[rule]]\nmatch = "\\u001b[2J"\n',
        "glob-with-c1": head + '[suite]\nrequired_taps = ["\\u009b31m[x"]\n',
        "contract-with-escape": head + '[limits]\ncontracts = ["\\u001b[31m"]\nwhy = "x"\n',
        "policy-with-escape": head + '[suite]\npolicy = "\\u001b[31m"\n',
        "code-with-escape": head + waiver.replace("P0202", "\\u001b[31m"),
        "waiver-twice-with-escape": head + 2 * waiver.replace("W-1", "\\u001b[31m"),
        "schema-with-escape": 'schema = "\\u001b[31m"\n',
        "raw-escape": head + "\x1b[31m = 1\n",
        "coverage-nan": head + "[suite]\nmin_coverage = nan\n",
        "limit-nan": head + "[limits]\nmax_abs = nan\n",
        "ceiling-infinite-negative": head + waiver.replace("ceiling = 8", "ceiling = -inf"),
        "days-past-64-bits": head + "[suite]\nnotice_days = 9223372036854775808\n",
        "date-that-is-none": head + waiver.replace("2027-01-31", "2027-02-31"),
        "year-zero": head + waiver.replace("2027-01-31", "0000-00-00"),
        "rule-not-a-list": head + "[rule]\nmatch = 'x'\n",
        "deep-lists": head + "x = " + "[" * DEEP + "]" * DEEP + "\n",
        "deep-tables": head + "[" + "a." * DEEP + "a]\n",
        "deep-inline": head + "x = " + "{a=" * 600 + "\n",
        "key-twice": head + head,
        "nothing": "",
    }.items():
        write(f"policy/{name}.toml", text)
    write("policy/no-utf8.toml", head.encode() + b"# \xff\xfe\n[\x80]\n")


def tokens():
    for name, text in {"escape": "[1, \x1b[2J]", "c1": "1 \x9b31m", "past-64-bits": "[9223372036854775808]", "real": "[1.5]",
                       "nested": "[[1]]", "exponent": "1e3", "nothing": "", "blanks": " \n\t ", "brackets": "[]", "one-bracket": "[",
                       "commas": ",,,", "hex": "0x10", "plus": "+1", "deep": "[" * DEEP, "text": "[\"\u0007\"]"}.items():
        write(f"tokens/{name}.json", text)
    write("tokens/zero-byte.json", b"[1,\0]")
    write("tokens/no-utf8.json", b"[\xff\xfe]")


def foreign(name, fill, **options):
    path = write(f"trace-foreign/{name}.h5", b"")
    with h5py.File(path, "w", **options) as file:
        fill(file)


def damaged(name, data, sound, wrong):
    path = write(f"trace-foreign/{name}.h5", b"")
    with h5py.File(path, "w") as file:
        file["x"] = data
    with open(path, "rb") as file:
        whole = file.read()
    assert whole.count(sound) == 1
    write(f"trace-foreign/{name}.h5", whole.replace(sound, wrong))


def traces():
    def chunked(file):
        file.create_dataset("a", data=np.arange(12, dtype="<f4").reshape(3, 4), chunks=(2, 2), compression="gzip")
    foreign("sound-chunked", chunked, libver=("v108", "v108"))

    def self_group(file):
        file.create_group("g")
        file["g/again"] = file["/"]
    foreign("group-in-itself", self_group)

    def cycle(file):
        file.create_group("a")
        file.create_group("b")
        file["a/b"] = file["b"]
        file["b/a"] = file["a"]
    foreign("two-groups-in-each-other", cycle)
    foreign("external-link", lambda file: file.__setitem__("x", h5py.ExternalLink("/etc/passwd", "/")))
    foreign("external-link-to-itself", lambda file: file.__setitem__("x", h5py.ExternalLink("external-link-to-itself.h5", "/")))
    foreign("external-data", lambda file: file.create_dataset("x", (8,), "u1", external=[("/etc/passwd", 0, 8)]))

    def huge_chunk(file):  # one row is there, its chunk would take 2 GiB
        file.create_dataset("x", (1,), "u1", maxshape=(None,), chunks=(2**31,), compression="gzip")
    foreign("chunk-of-2-gib-unwritten", huge_chunk)

    def lying_chunk(file):
        space = h5py.h5s.create_simple((16,), (h5py.h5s.UNLIMITED,))
        properties = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        properties.set_chunk((2**31,))
        properties.set_deflate(9)
        data = h5py.h5d.create(file.id, b"x", h5py.h5t.STD_U8LE, space, properties)
        data.write_direct_chunk((0,), b"\x78\x9c\x63\x60\x00\x00\x00\x02\x00\x01")
    foreign("chunk-of-2-gib-of-few-bytes", lying_chunk)
    foreign("extent-of-4-tib-unwritten", lambda file: file.create_dataset("x", (2**42,), "u1", chunks=(2**20,)))
    foreign("extents-overflow", lambda file: file.create_dataset("x", (2**40, 2**20), "u1", chunks=(2**10, 1)))
    foreign("rank-32", lambda file: file.create_dataset("x", (1,) * 32, "u1"))

    def one_under_two_names(file):
        file["x"] = np.zeros(4, "<f4")
        file["y"] = file["x"]
    foreign("one-dataset-under-two-names", one_under_two_names)

    foreign("name-with-escape", lambda file: file.create_dataset("\x1b]0;owned\x07", (1,) * 32, "u1"))
    foreign("name-with-newline", lambda file: file.create_dataset("a\nplumbline: parity", (1,) * 32, "u1"))
    damaged("enum-of-4-gib-members", np.zeros(4, bool), b"\x18\x02\0\0\x01\0\0\0", b"\x18\x02\0\0\xff\xff\xff\xff")
    damaged("message-of-no-bytes", np.zeros(4, "<u2"), b"\x03\0\x10\0\x01\0\0\0\x10", b"\x03\0\0\0\x01\0\0\0\x10")
    foreign("sound-nothing-in-it", lambda file: None)
    write("trace-own/signature-only.h5", b"\x89HDF\r\n\x1a\n")
    write("trace-own/nothing.h5", b"")
    write("trace-own/signature-and-ones.h5", b"\x89HDF\r\n\x1a\n" + b"\xff" * 500)
    write("trace-own/superblock-2-of-zeros.h5", b"\x89HDF\r\n\x1a\n\x02\x08\x08\x00" + b"\0" * 500)
    for name, fill in {"index-that-is-a-group": lambda file: file.create_group("index"),
                       "index-absent": lambda file: None}.items():
        with h5py.File(write(f"trace-own/{name}.h5", b""), "w", libver=("v108", "v108")) as file:
            for key, value in {"format_version": np.uint32(1), "complete": np.uint8(1)}.items():
                file.attrs.create(key, value)
            file.attrs["format"] = "plumbline-trace"
            fill(file)
    with h5py.File(write("trace-own/version-huge.h5", b""), "w", libver=("v108", "v108")) as file:
        file.attrs["format"] = "plumbline-trace"
        file.attrs.create("format_version", np.uint32(2**32 - 1))


def journals():
    def record(kind, body):
        return struct.pack("<IIQ", 0x314A4C50, kind, len(body)) + body + b"\0" * 8
    write("journal/nothing.bin", b"")
    write("journal/magic-only.bin", struct.pack("<I", 0x314A4C50))
    write("journal/body-past-end.bin", struct.pack("<IIQ", 0x314A4C50, 1, 2**64 - 1) + b"\0" * 32)
    write("journal/body-wraps.bin", struct.pack("<IIQ", 0x314A4C50, 1, 2**64 - 24) + b"\0" * 32)
    write("journal/digest-wrong.bin", record(1, b"\0" * 64))
    write("part/sound-nothing-left.bin", b"")


if __name__ == "__main__":
    for part in (configs, weights, ggufs, indexes, tokenizers, policies, tokens, traces, journals):
        part()
    total = 0
    for folder, _, files in os.walk(HERE):
        for name in files:
            size = os.path.getsize(os.path.join(folder, name))
            total += size if name != "make.py" else 0
            if size >= 4096 and name != "make.py":
                sys.exit(f"{folder}/{name}: {size} bytes")
    print(total, "bytes")
