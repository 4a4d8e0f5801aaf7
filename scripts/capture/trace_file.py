# SPDX-License-Identifier: Apache-2.0
"""Writes what a run of foreign software computed: as a trace of schema version 1 (dumps/schema/README.md), or as plain HDF5.

Invariant: bytes go in as they lie in memory, no number is converted; a file appears under its own name only when it is
whole. What the tensors mean is the caller's.
"""

import json
import os
import re
import secrets
import time
from pathlib import Path

import h5py
import numpy as np
import torch
import xxhash
from h5py import h5a, h5d, h5f, h5p, h5s, h5t

from target import CaptureError, check_target

MAX_RANK, MAX_PATH_BYTES, ALIGNMENT = 8, 1000, 4096
DISK_RESERVE = 16 << 20  # for what HDF5 writes besides the payloads: it must never meet a full disk, it crashes there
END_OF_FILE = slice(28, 36)  # where a superblock of version 2 or 3 says how long the file is

INDEX_ROW = np.dtype([("seq", "<u8"), ("step", "<i8"), ("dims", "<u8", MAX_RANK), ("offset", "<u8"), ("nbytes", "<u8"),
                      ("xxh3", "<u8"), ("axes", "<u4", MAX_RANK), ("n_axes", "<u4"), ("layer", "<i4"), ("order", "<u4"),
                      ("flags", "<u4"), ("path", "<u4"), ("dataset", "<u4"), ("dtype", "<u4"), ("rank", "<u4")])
STEP_ROW = np.dtype([("step", "<i8"), ("first_position", "<i8"), ("first_token", "<u8"), ("n_tokens", "<u8")])
# The order in which index_xxh3 takes them.
INDEX_PARTS = ("index", "string_offsets", "strings", "steps", "tokens", "config", "graph", "files", "parameters",
               "environment", "faults", "prompt")


def bf16_type():
    """A real 16-bit float with 8 exponent bits; numpy knows none."""
    kind = h5t.IEEE_F32LE.copy()
    kind.set_fields(15, 7, 8, 0, 7)
    kind.set_precision(16)
    kind.set_size(2)
    kind.set_ebias(127)
    return kind


# torch dtype -> name in the trace, type in the file (8-bit floats and bool as u8, so that no tool misreads their codes)
FORMATS = {
    torch.float64: ("f64", h5t.IEEE_F64LE), torch.float32: ("f32", h5t.IEEE_F32LE), torch.float16: ("f16", h5t.IEEE_F16LE),
    torch.bfloat16: ("bf16", bf16_type()), torch.int64: ("i64", h5t.STD_I64LE), torch.int32: ("i32", h5t.STD_I32LE),
    torch.int16: ("i16", h5t.STD_I16LE), torch.int8: ("i8", h5t.STD_I8LE), torch.uint64: ("u64", h5t.STD_U64LE),
    torch.uint32: ("u32", h5t.STD_U32LE), torch.uint16: ("u16", h5t.STD_U16LE), torch.uint8: ("u8", h5t.STD_U8LE),
    torch.bool: ("bool", h5t.STD_U8LE), torch.float8_e4m3fn: ("f8_e4m3fn", h5t.STD_U8LE),
    torch.float8_e5m2: ("f8_e5m2", h5t.STD_U8LE),
}


def dtype_name(dtype):
    """The spelling of a torch dtype in traces; torch's own for those that a trace cannot hold."""
    return FORMATS[dtype][0] if dtype in FORMATS else str(dtype).removeprefix("torch.")


def raw_bytes(tensor):
    """The tensor's elements in row-major order, as bytes."""
    flat = tensor.detach().resolve_conj().resolve_neg().cpu().contiguous().reshape(-1)
    return flat.view(torch.uint8).numpy()


def file_digest(path):
    """ "XXH3-128 bytes", as plumbline states a checkpoint's files."""
    digest = xxhash.xxh3_128()
    with open(path, "rb") as file:
        while block := file.read(1 << 24):
            digest.update(block)
    return f"{digest.hexdigest()} {os.path.getsize(path)}"


def tensor_digest(tensor):
    """Digest of dtype, shape and bytes, as plumbline states a parameter as used."""
    shape = "[" + ", ".join(str(extent) for extent in tensor.shape) + "]"
    payload = xxhash.xxh3_128_hexdigest(memoryview(raw_bytes(tensor)))
    return xxhash.xxh3_128_hexdigest(f"{dtype_name(tensor.dtype)} {shape} {payload}".encode())


def fixed_text(size):
    kind = h5t.C_S1.copy()
    kind.set_size(max(size, 1))
    kind.set_strpad(h5t.STR_NULLPAD)
    kind.set_cset(h5t.CSET_UTF8)
    return kind


def add_attribute(place, name, value):
    """Texts at fixed length (nothing in a trace is of variable length), numpy scalars as they are."""
    if isinstance(value, str):
        value = value.encode()
        kind, array = fixed_text(len(value)), np.array(value, dtype=f"S{max(len(value), 1)}")
    else:
        array = np.asarray(value)
        kind = h5t.py_create(array.dtype)
    h5a.create(place, name.encode(), kind, h5s.create(h5s.SCALAR)).write(array, mtype=kind)


class Texts:
    """/strings and /string_offsets."""

    def __init__(self):
        self.ids, self.blob, self.offsets = {}, bytearray(), [0]

    def id(self, text):
        if text not in self.ids:
            self.ids[text] = len(self.ids)
            self.blob += text.encode()
            self.offsets.append(len(self.blob))
        return self.ids[text]


class TraceFile:
    """One run. `header` has the attributes of the schema's table and config, files, parameters, environment, prompt."""

    def __init__(self, path, header, plain=False, force=False, one_step=False):
        """`plain` leaves out the schema; with `one_step` every module is then a group, else every step is one."""
        self.path, self.part, self.header, self.plain = Path(path), Path(f"{path}.part"), header, plain
        self.by_module = plain and one_step
        check_target(self.path, force)
        self.texts, self.rows, self.steps, self.tokens, self.orders = Texts(), [], [], [], {}
        self.seen, self.passed_over, self.calls, self.payload_bytes = set(), [], None, 0
        self.creation = h5p.create(h5p.DATASET_CREATE)
        self.creation.set_layout(h5d.CONTIGUOUS)
        self.creation.set_alloc_time(h5d.ALLOC_TIME_EARLY)
        self.creation.set_fill_time(h5d.FILL_TIME_NEVER)
        self.creation.set_obj_track_times(False)
        self.parents = h5p.create(h5p.LINK_CREATE)
        self.parents.set_create_intermediate_group(True)
        self.file, self.end, self.reserved = self._create(), 0, 0
        self.room = os.open(self.part, os.O_RDWR)

    def _create(self):
        access, creation = h5p.create(h5p.FILE_ACCESS), h5p.create(h5p.FILE_CREATE)
        access.set_libver_bounds(h5f.LIBVER_V110, h5f.LIBVER_V110)
        access.set_alignment(ALIGNMENT, ALIGNMENT)
        creation.set_attr_phase_change(32, 0)
        return h5f.create(os.fsencode(self.part), h5f.ACC_TRUNC, creation, access)

    def texts_of(self, row):
        """The path of a row."""
        begin, end = self.texts.offsets[row["path"]:row["path"] + 2]
        return self.texts.blob[begin:end].decode()

    def begin_step(self, first_position, tokens):
        """What follows is of the next forward pass, which is fed these ids."""
        self.steps.append((len(self.steps), first_position, len(self.tokens), len(tokens)))
        self.tokens += tokens
        self.seen.clear()

    def record(self, module, leaf, tensor):
        """Stores a tensor of this step as MODULE.LEAF; what no trace can hold is listed as passed over. Gives the path."""
        module, leaf = (re.sub(r"[\x00-\x1f\x7f/]", "_", name) for name in (module, leaf))
        join = lambda name: f"{module}.{name}" if module else name
        if join(leaf) in self.seen:  # two keys that differ only in what a path cannot spell
            leaf = next(name for n in range(2, len(self.seen) + 3) if join(name := f"{leaf}~{n}") not in self.seen)
        path = join(leaf)
        if tensor.dtype not in FORMATS or tensor.dim() > MAX_RANK or len(path.encode()) > MAX_PATH_BYTES \
                or tensor.layout != torch.strided or tensor.is_meta:
            self.passed_over.append(f"{path} ({dtype_name(tensor.dtype)}, rank {tensor.dim()})")
            return None
        self.seen.add(path)
        step = self.steps[-1][0]
        order = self.orders[step] = self.orders.get(step, -1) + 1
        place = f"/{module}/{leaf}" if self.by_module else f"/t/s{step:06}/Lpre/{order:04}_{path}"
        self._write(path, place.replace("//", "/"), (step, order), tensor)
        return path

    def _write(self, path, dataset, place, tensor):
        raw = raw_bytes(tensor)
        self._reserve(raw.size)
        name, kind = dtype_name(tensor.dtype), FORMATS[tensor.dtype][1]
        shape = tuple(tensor.shape)
        space = h5s.create_simple(shape) if shape else h5s.create(h5s.SCALAR)
        stored = h5d.create(self.file, dataset.encode(), kind, space, self.creation, self.parents)
        add_attribute(stored, "dtype", name)
        if raw.size:
            stored.write(h5s.ALL, h5s.ALL, raw, mtype=kind)  # memory type = file type: nothing is converted
        self.payload_bytes += raw.size
        self.end = max(self.end, stored.get_offset() + raw.size) if raw.size else self.end
        row = np.zeros((), INDEX_ROW)
        row["seq"], row["layer"], row["rank"] = len(self.rows), -1, len(shape)
        row["step"], row["order"] = place
        row["dims"][:len(shape)] = shape
        row["offset"] = stored.get_offset() if raw.size else 0
        row["nbytes"], row["xxh3"] = raw.size, xxhash.xxh3_64_intdigest(memoryview(raw))
        row["path"], row["dataset"], row["dtype"] = self.texts.id(path), self.texts.id(dataset), self.texts.id(name)
        self.rows.append(row)

    def _reserve(self, needed):
        """Allocates the disk that the next `needed` bytes take, before HDF5 is asked to write them."""
        wanted = self.end + needed + DISK_RESERVE + 256 * len(self.rows)
        if wanted <= self.reserved:
            return
        self.reserved = wanted + DISK_RESERVE
        try:
            os.posix_fallocate(self.room, 0, self.reserved)
        except OSError as error:
            raise CaptureError(f"not enough disk for {self.path}: {error.strerror}, after {self.payload_bytes} bytes\n"
                               "record fewer tokens, or write to another disk") from error

    def _trim(self):
        """Gives back what was reserved and not needed."""
        with open(self.part, "rb") as file:
            length = int.from_bytes(file.read(END_OF_FILE.stop)[END_OF_FILE], "little")
        os.ftruncate(self.room, length)

    def _add_array(self, name, array):
        self._reserve(array.nbytes)
        space, kind = h5s.create_simple(array.shape), h5t.py_create(array.dtype)
        stored = h5d.create(self.file, name.encode(), kind, space, self.creation)
        if array.size:
            stored.write(h5s.ALL, h5s.ALL, array, mtype=kind)

    def _add_text(self, name, text):
        """A text that readers of tensors pass over."""
        self._reserve(len(text))
        kind = fixed_text(len(text))
        stored = h5d.create(self.file, name.encode(), kind, h5s.create(h5s.SCALAR))
        stored.write(h5s.ALL, h5s.ALL, np.array(text, dtype=f"S{max(len(text), 1)}"), mtype=kind)

    def _index(self):
        as_bytes = lambda text: np.frombuffer(text if isinstance(text, bytes) else text.encode(), np.uint8)
        as_json = lambda value: as_bytes(json.dumps(value, indent=1, ensure_ascii=False, sort_keys=True))
        header = self.header
        return {
            "index": np.array(self.rows, INDEX_ROW), "string_offsets": np.array(self.texts.offsets, "<u8"),
            "strings": np.frombuffer(bytes(self.texts.blob), np.uint8), "steps": np.array(self.steps, STEP_ROW),
            "tokens": np.array(self.tokens, "<i8"), "config": as_bytes(header.get("config", "")), "graph": as_bytes(""),
            "files": as_json(header.get("files", {})), "parameters": as_json(header.get("parameters", {})),
            "environment": as_json(header["environment"]), "faults": as_json([]),
            "prompt": as_bytes(header.get("prompt", "")),
        }

    def _finish_own(self):
        parts = self._index()
        for name in INDEX_PARTS:
            self._add_array(name, parts[name])
        digests = [xxhash.xxh3_64_intdigest(memoryview(parts[name].tobytes())) for name in INDEX_PARTS]
        for name in ("run_id", "producer", "producer_version", "created_utc", "backend", "device", "model", "architecture"):
            add_attribute(self.file, name, self.header.get(name, ""))
        add_attribute(self.file, "format", "plumbline-trace")
        add_attribute(self.file, "format_version", np.uint32(1))
        add_attribute(self.file, "recovered", np.uint8(0))
        add_attribute(self.file, "n_tensors", np.uint64(len(self.rows)))
        add_attribute(self.file, "index_xxh3", np.uint64(xxhash.xxh3_64_intdigest(np.array(digests, "<u8").tobytes())))
        add_attribute(self.file, "complete", np.uint8(1))

    def finish(self):
        """Writes index and header and gives the file its name."""
        environment = self.header["environment"]
        if self.passed_over:
            environment["passed over"] = ", ".join(self.passed_over)
        calls = None if self.calls is None else json.dumps(self.calls).encode()
        if calls is not None and not self.plain:
            environment["calls_xxh3"] = xxhash.xxh3_64_hexdigest(calls)
            self._add_array("calls", np.frombuffer(calls, np.uint8))
        if self.plain:
            add_attribute(self.file, "producer", self.header["producer"])
            self._add_text("environment", json.dumps(environment).encode())
            if calls is not None:
                self._add_text("calls", calls)
        else:
            self._finish_own()
        self.file.close()
        self._trim()
        os.fsync(self.room)
        os.close(self.room)
        os.replace(self.part, self.path)

    def abandon(self):
        """Leaves nothing behind."""
        self.file.close()
        self.part.unlink(missing_ok=True)


def run_identity():
    """128 random bits and the time: what tells two runs of one command apart."""
    return {"run_id": secrets.token_hex(16), "created_utc": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())}
