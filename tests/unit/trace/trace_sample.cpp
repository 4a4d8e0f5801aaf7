// SPDX-License-Identifier: Apache-2.0
// The C++ half of h5py_check.py: writes the sample trace, or prints every tap of a file with its bytes in hex.
#include <cstdio>
#include <string_view>

#include <plumbline/error.h>

#include "unit/trace/sample.h"

using namespace plumbline;

namespace {

void list(const char* file) {
  const Trace trace = Trace::open(file);
  for (const TapEntry& entry : trace.taps()) {
    std::printf("%s\t%s\t%s\t", entry.path.c_str(), std::string(dtype_name(entry.dtype)).c_str(),
                to_string(entry.shape).c_str());
    const Tensor tensor = trace.read(entry);
    for (const std::byte byte : tensor.view().bytes()) std::printf("%02x", static_cast<unsigned>(byte));
    std::printf("\n");
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  try {
    if (argv[1] == std::string_view("write")) plumbline::test::write_sample(argv[2]);
    if (argv[1] == std::string_view("list")) list(argv[2]);
  } catch (const Error& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 2;
  }
  return 0;
}
