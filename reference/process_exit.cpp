// SPDX-License-Identifier: Apache-2.0
// Ends the process before LibTorch's static destructors run. Its CUDA build was seen to abort in them ("free(): invalid
// pointer" below ~TorchLibraryInit; torch 2.11+cu130 on Ubuntu 24.04) after main had returned with everything done.
// Invariant: every stream is flushed and the exit status is main's. Leaves nothing of ours undone: no static object of
// this project does work in its destructor.
#include "reference/process_exit.h"

#include <cstdio>
#include <cstdlib>
#include <iostream>

namespace plumbline::torch_reference {
namespace {

void end_now(int status, void*) {
  std::cout.flush();
  std::cerr.flush();
  std::fflush(nullptr);
  std::_Exit(status);
}

}  // namespace

bool skip_library_destructors() {
  // Handlers run last registered first, and shared libraries register theirs before the program's own statics are made.
  return on_exit(end_now, nullptr) == 0;
}

}  // namespace plumbline::torch_reference
