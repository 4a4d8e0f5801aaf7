#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Our traces as h5py sees them, and h5py's files as we see them.

    h5py_check.py make FILE       write the foreign fixture (dumps/golden/h5py_foreign.h5 was made so)
    h5py_check.py check PROGRAM   PROGRAM is trace_sample; exit 77 (skipped) without h5py
"""
import os
import subprocess
import sys
import tempfile

try:
    import h5py
    import numpy as np
except ImportError as error:
    print(f"SKIPPED: {sys.executable} has no {error.name}; the exchange of files with h5py was NOT tested")
    sys.exit(77)


def bf16_type():
    """A real 16-bit float with 8 exponent bits, as plumbline stores bf16."""
    kind = h5py.h5t.IEEE_F32LE.copy()
    kind.set_fields(15, 7, 8, 0, 7)
    kind.set_precision(16)
    kind.set_size(2)
    kind.set_ebias(127)
    return kind


def foreign_taps():
    """Name in the file -> (tap path, dtype, shape, bytes). Fixed bytes, no random generator."""
    words = (np.arange(60, dtype=np.uint32) * 2654435761 >> 7).astype(np.uint16)
    floats = (np.arange(24, dtype=np.uint32) * 2654435761).view(np.float32)
    return {
        "model/embed": ("model.embed", "f32", [2, 3, 4], floats.tobytes()),
        "model/layers.0/chunked": ("model.layers.0.chunked", "f16", [6, 10], words.tobytes()),
        "model/layers.0/bf16": ("model.layers.0.bf16", "bf16", [60], words.tobytes()),
        "model/layers.0/bf16_as_u16": ("model.layers.0.bf16_as_u16", "bf16", [3, 20], words.tobytes()),
        "model/layers.0/bf16_opaque": ("model.layers.0.bf16_opaque", "bf16", [60], words.tobytes()),
        "flags": ("flags", "bool", [3], b"\x01\x00\x01"),
        "ids": ("ids", "i64", [2], np.array([-5, 1 << 60], dtype="<i8").tobytes()),
        "scalar": ("scalar", "f64", [], np.float64(-0.0).tobytes()),
        "empty": ("empty", "f32", [0, 4], b""),
    }


def make(path):
    taps = foreign_taps()
    raw = {name: np.frombuffer(data, np.uint8) for name, (_, _, _, data) in taps.items()}

    def array(name, kind):
        return raw[name].view(kind).reshape(taps[name][2])

    with h5py.File(path, "w") as file:
        file.attrs["made_by"] = "h5py"  # a variable-length string, as h5py writes by default
        file["model/embed"] = array("model/embed", "<f4")
        file.create_dataset("model/layers.0/chunked", data=array("model/layers.0/chunked", "<f2"), chunks=(4, 4),
                            compression="gzip", shuffle=True, fletcher32=True)
        space = h5py.h5s.create_simple((60,))
        low = h5py.h5d.create(file["model/layers.0"].id, b"bf16", bf16_type(), space)
        low.write(h5py.h5s.ALL, h5py.h5s.ALL, raw["model/layers.0/bf16"].view(np.uint16).copy(), mtype=bf16_type())
        file["model/layers.0/bf16_as_u16"] = array("model/layers.0/bf16_as_u16", "<u2")
        file["model/layers.0/bf16_as_u16"].attrs["dtype"] = "torch.bfloat16"
        file["model/layers.0/bf16_opaque"] = array("model/layers.0/bf16_opaque", "V2")
        file["model/layers.0/bf16_opaque"].attrs["dtype"] = np.bytes_("bfloat16")
        file["flags"] = np.array([True, False, True])
        file["ids"] = array("ids", "<i8")
        file["scalar"] = np.float64(-0.0)
        file["empty"] = np.zeros((0, 4), "<f4")
        file["prompt"] = "text is no tensor"


def check_foreign(program, directory):
    path = os.path.join(directory, "foreign.h5")
    make(path)
    lines = subprocess.run([program, "list", path], check=True, capture_output=True, text=True).stdout.splitlines()
    actual = {line.split("\t")[0]: line.split("\t")[1:] for line in lines}
    expected = {tap: [kind, str(shape), data.hex()] for tap, kind, shape, data in foreign_taps().values()}
    assert actual == expected, (actual, expected)


def check_own(program, directory):
    path = os.path.join(directory, "own.h5")
    subprocess.run([program, "write", path], check=True)
    lines = subprocess.run([program, "list", path], check=True, capture_output=True, text=True).stdout.splitlines()
    with h5py.File(path, "r") as file:
        assert file.attrs["format"] == b"plumbline-trace" and file.attrs["complete"] == 1
        assert file.attrs["n_tensors"] == len(lines)
        offsets = file["string_offsets"][:]
        blob = file["strings"][:].tobytes()
        text = [blob[a:b].decode() for a, b in zip(offsets[:-1], offsets[1:])]
        assert file["prompt"][:].tobytes() == b"a\0b\xff"
        assert list(file["tokens"][:3]) == [7, -1, 1 << 62]
        for row, line in zip(file["index"][:], lines, strict=True):
            path_, kind, shape, payload = line.split("\t")
            dataset = file[text[row["dataset"]]]
            assert text[row["path"]] == path_ and text[row["dtype"]] == kind
            assert dataset.attrs["dtype"].decode() == kind
            assert list(dataset.shape) == [int(n) for n in row["dims"][: row["rank"]]] and str(list(dataset.shape)) == shape
            if not payload:
                continue
            assert dataset.id.get_storage_size() == row["nbytes"] and dataset.id.get_offset() == row["offset"]
            if row["nbytes"] >= 4096:
                assert row["offset"] % 4096 == 0
            mapped = np.memmap(path, np.uint8, "r", offset=int(row["offset"]), shape=int(row["nbytes"]))
            assert mapped.tobytes().hex() == payload
            raw = np.empty(int(row["nbytes"]), np.uint8)  # the low-level read: memory type = file type, no conversion
            dataset.id.read(h5py.h5s.ALL, h5py.h5s.ALL, raw, mtype=dataset.id.get_type())
            assert raw.tobytes().hex() == payload
            if kind == "bf16":
                assert dataset.id.get_type() == bf16_type()
            if kind in ("f32", "f64", "f16", "i64", "i32", "i16", "i8", "u64", "u32", "u16", "u8"):
                assert dataset[()].tobytes().hex() == payload  # plain h5py


def main():
    if len(sys.argv) == 3 and sys.argv[1] == "make":
        make(sys.argv[2])
    elif len(sys.argv) == 3 and sys.argv[1] == "check":
        with tempfile.TemporaryDirectory() as directory:
            check_own(sys.argv[2], directory)
            check_foreign(sys.argv[2], directory)
        print(f"h5py {h5py.__version__} with HDF5 {h5py.version.hdf5_version}: files agree both ways")
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main()
