// SPDX-License-Identifier: Apache-2.0
// Runs one kernel under the thread sanitizer: "raw" and "war" have a planted race, "sound" has none.
#include <string>
#include <vector>

#include "tests/kernel/twin/test_kernels.h"

int main(int argc, char** argv) {
  using namespace plumbline::twin::testing;
  const std::string which = argc > 1 ? argv[1] : "";
  std::vector<float> in(4 * 128, 1.0f), out(4 * 128), sums(8), shuffled(6 * 64);
  if (which == "raw") {
    read_after_write_race(out.data(), 4);
  } else if (which == "war") {
    write_after_read_race(out.data(), 4);
  } else if (which == "sound") {
    for (int i = 0; i < 3; ++i) reverse_by_barrier(in.data(), out.data(), 4, 128);
    sum_and_max(in.data(), sums.data(), 2);
    shuffle_every_way(in.data(), shuffled.data());
  } else {
    return 2;
  }
  return 0;
}
