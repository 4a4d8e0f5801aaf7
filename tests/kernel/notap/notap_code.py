#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Does a kernel without taps cost anything? Every kernel source is compiled to a cubin as it is, and again from a copy in
which each call of a tap's store is a macro of no text, so that the preprocessor removes it. The machine code of every
NoTap kernel must be the same bytes in both, with the same relocations, registers and shared memory.

Exit 0 only then, and only if something was compared: each source with a tap has NoTap and RecordTap kernels, and without
the calls the code of its RecordTap kernels differs (or else the calls were not removed). 1: a kernel differs; 2: nvcc is
missing or refuses a source. Needs no GPU.
"""
import argparse
import concurrent.futures
import os
import pathlib
import re
import shutil
import struct
import subprocess
import sys
import tempfile

TAP_CALL = re.compile(r"\b\w*[tT]ap\w*\.store\(")
ANY_STORE = re.compile(r"(\.|->)store\(")
REMOVED = "PLUMBLINE_TAP_CALL("
SHT_RELA, SHT_REL = 4, 9
EIATTR_REGCOUNT = 0x042F  # a record of .nv.info: its form and attribute, the size that follows, symbol, count


class Unusable(Exception):
    pass


def sources(root):
    return sorted(path.relative_to(root) for path in (root / "cuda").glob("*/*.cu") if path.parent.name not in ("twin", "common"))


def copy_without_calls(root, copy):
    """The kernels' folder with every tap call turned into a macro; the number of calls."""
    calls = 0
    for path in (root / "cuda").rglob("*"):
        if path.suffix not in (".cu", ".cuh", ".h"):
            continue
        text, count = TAP_CALL.subn(REMOVED, path.read_text(encoding="utf-8"))
        calls += count
        if ANY_STORE.search(text):
            raise Unusable(f"{path.relative_to(root)} stores by a call that is not tap.store(...): teach notap_code.py its form")
        target = copy / path.relative_to(root)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
    return calls


def compile_cubin(options, tree, source, output, defines):
    command = [options.nvcc, "-cubin", f"-arch={options.arch}", "-std=c++20", "-w", "-I", str(tree), "-I", str(options.root / "src"),
               *defines, *options.flags, str(tree / source), "-o", str(output)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        raise Unusable(f"nvcc refuses {tree / source}:\n{done.stderr}")


def text_at(data, offset):
    return data[offset:data.index(b"\0", offset)].decode()


class Cubin:
    """The sections of an ELF file (64 bits, little endian), by name."""

    def __init__(self, path):
        self.data = path.read_bytes()
        if self.data[:6] != b"\x7fELF\x02\x01":
            raise Unusable(f"{path} is no ELF file of 64 bits")
        offset, = struct.unpack_from("<Q", self.data, 0x28)
        size, count, names = struct.unpack_from("<HHH", self.data, 0x3A)
        headers = [struct.unpack_from("<IIQQQQIIQQ", self.data, offset + i * size) for i in range(count)]
        self.sections = {text_at(self.data, headers[names][4] + header[0]): header for header in headers}
        self.headers = headers

    def bytes_of(self, name):
        header = self.sections[name]
        return self.data[header[4]:header[4] + header[5]]

    def symbol(self, table, index):
        """Its name; of a section without one, the section's."""
        symbols, strings = self.headers[table], self.headers[self.headers[table][6]]
        name, _, _, section = struct.unpack_from("<IBBH", self.data, symbols[4] + index * 24)
        if name:
            return text_at(self.data, strings[4] + name)
        return next(key for key, header in self.sections.items() if header is self.headers[section])

    def relocations(self, section):
        found = []
        for kind, prefix in ((SHT_RELA, ".rela"), (SHT_REL, ".rel")):
            header = self.sections.get(prefix + section)
            if header is None or header[1] != kind:
                continue
            step = 24 if kind == SHT_RELA else 16
            for at in range(header[4], header[4] + header[5], step):
                offset, info = struct.unpack_from("<QQ", self.data, at)
                addend = struct.unpack_from("<q", self.data, at + 16)[0] if kind == SHT_RELA else 0
                found.append((offset, info & 0xFFFFFFFF, self.symbol(header[6], info >> 32), addend))
        return sorted(found)

    def registers(self):
        """kernel -> registers a thread, as .nv.info says."""
        data, found, at = self.bytes_of(".nv.info"), {}, 0
        table = next(i for i, header in enumerate(self.headers) if header is self.sections[".symtab"])
        while at < len(data):
            form, attribute, size = struct.unpack_from("<BBH", data, at)
            if form << 8 | attribute == EIATTR_REGCOUNT:
                index, count = struct.unpack_from("<II", data, at + 4)
                found[self.symbol(table, index)] = count
            at += 4 + (size if form == 4 else 0)  # the other forms hold their value in those four bytes
        return found

    def kernels(self):
        return [name[len(".text."):] for name in self.sections if name.startswith(".text.")]

    def code(self, kernel):
        """What the GPU runs of it: instructions, relocations, registers, static shared memory."""
        shared = self.sections.get(".nv.shared." + kernel)
        return (self.bytes_of(".text." + kernel), self.relocations(".text." + kernel), self.registers()[kernel], shared[5] if shared else 0)


def short(kernel):
    done = subprocess.run(["c++filt", kernel], capture_output=True, text=True) if shutil.which("c++filt") else None
    name = done.stdout.strip() if done else kernel
    return name.replace("plumbline::cuda::", "").split(">(")[0]


def compare(options, copy, folder, source):
    """[(kernel, bytes of code, same?)] of its NoTap kernels."""
    whole, bare = folder / (source.name + ".whole"), folder / (source.name + ".bare")
    compile_cubin(options, options.root, source, whole, [])
    compile_cubin(options, copy, source, bare, ["-DPLUMBLINE_TAP_CALL(...)=static_cast<void>(0)"])
    left, right = Cubin(whole), Cubin(bare)
    if set(left.kernels()) != set(right.kernels()):
        raise Unusable(f"{source}: without tap calls it has other kernels: {set(left.kernels()) ^ set(right.kernels())}")
    silent = [kernel for kernel in left.kernels() if "5NoTap" in kernel]
    recording = [kernel for kernel in left.kernels() if "RecordSlots" in kernel or "9RecordTap" in kernel]
    if bool(silent) != bool(recording):
        raise Unusable(f"{source}: {len(silent)} NoTap kernels and {len(recording)} RecordTap kernels")
    if recording and all(left.code(kernel) == right.code(kernel) for kernel in recording):
        raise Unusable(f"{source}: no RecordTap kernel changes when the tap calls are removed: they were not")
    return [(kernel, len(left.code(kernel)[0]), left.code(kernel) == right.code(kernel)) for kernel in silent]


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--root", type=pathlib.Path, default=pathlib.Path(__file__).resolve().parents[3])
    parser.add_argument("--nvcc", default=shutil.which("nvcc") or "/usr/local/cuda/bin/nvcc")
    parser.add_argument("--arch", default="sm_90")
    parser.add_argument("--jobs", type=int, default=min(os.cpu_count() or 1, 8))
    parser.add_argument("flags", nargs="*", help="after --: those of the build (default: scripts/cmake/strict.cmake's and -O2)")
    options = parser.parse_args()
    options.flags = options.flags or ["-O2", "-DNDEBUG", "--fmad=false", "-ftz=false", "-prec-div=true", "-prec-sqrt=true"]
    if shutil.which(options.nvcc) is None:
        raise Unusable(f"no nvcc ({options.nvcc}): --nvcc names it")
    return options


def main():
    options = arguments()
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        calls = copy_without_calls(options.root, folder / "copy")
        with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
            found = list(pool.map(lambda source: compare(options, folder / "copy", folder, source), sources(options.root)))
    kernels = differing = 0
    for source, compared in zip(sources(options.root), found):
        if not compared:
            continue
        bad = [kernel for kernel, _, same in compared if not same]
        print(f"{'FAILED' if bad else 'ok':7} {str(source):40} {len(compared):3} kernels, {sum(size for _, size, _ in compared):8} bytes of code")
        for kernel in bad:
            print(f"        differs: {short(kernel)}")
        kernels += len(compared)
        differing += len(bad)
    if kernels == 0:
        raise Unusable("no kernel with NoTap was found: nothing was compared")
    print(f"NoTap kernels: {kernels - differing} of {kernels} have the machine code ({options.arch}) of the same source without its {calls} tap calls")
    return 1 if differing else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Unusable as error:
        print(f"notap_code: {error}", file=sys.stderr)
        sys.exit(2)
