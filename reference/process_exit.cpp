// SPDX-License-Identifier: Apache-2.0
// Ends the process before LibTorch's static destructors run. Its CUDA build was seen to abort in them ("free(): invalid
// pointer" below ~TorchLibraryInit; torch 2.11+cu130 on Ubuntu 24.04) after main had returned with everything done.
// Invariant: every program that links this library, and so loads LibTorch, has it, also one that calls nothing of it
// (CMakeLists.txt names the symbol to the linker); every stream is flushed and the exit status is main's. Leaves
// nothing of ours undone: no static object of this project does work in its destructor.
#include <cstdio>
#include <cstdlib>
#include <iostream>

namespace {

void end_now(int status, void*) {
  std::cout.flush();
  std::cerr.flush();
  std::fflush(nullptr);
  std::_Exit(status);
}

}  // namespace

extern "C" {
// Handlers run last registered first, and shared libraries register theirs before the program's own statics are made.
extern const int plumbline_ends_before_libtorch;  // 0 unless the C library refuses the handler
const int plumbline_ends_before_libtorch = on_exit(end_now, nullptr);
}
