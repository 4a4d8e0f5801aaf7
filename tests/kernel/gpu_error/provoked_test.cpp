// SPDX-License-Identifier: Apache-2.0
// Errors of a real GPU, one process each: exit 2 and a message with kernel, grid, source line and the way out.
#include <cstdio>
#include <string>
#include <vector>

#include "kernel/gpu_error/provoke.h"
#include "support/catch.h"

using plumbline::test::provoke;
using plumbline::test::Said;

namespace {

struct Case {
  const char *what, *settings;
  std::vector<std::string> says;
};

}  // namespace

TEST_CASE("errors of CUDA carry kernel, grid and source line") {
  const Said here = provoke("fine");
  if (here.status != 0) {
    std::printf("no GPU here: %s", here.text.c_str());
    return;
  }
  const std::string wild = "'wild store', grid (3, 1, 1), block (64, 1, 1), dynamic shared memory 0 bytes, at ";
  const std::vector<Case> cases = {
      {"alone", "", {"waiting for the GPU at ", "(CUDA error 700)", "by " + wild, "provoke.cu:"}},
      {"among",
       "",
       {"one of the 3 launches since the last wait", wild, "'sound store', grid (1, 1, 1)", "CUDA_LAUNCH_BLOCKING=1"}},
      {"among",
       "CUDA_LAUNCH_BLOCKING=1",
       {"launch of 'wild store': ", "(CUDA error 700)", "grid (3, 1, 1)", "provoke.cu:", "--check races"}},
      {"graph", "", {"by 'replay of a graph', at ", wild, "'sound store', grid (1, 1, 1)", ", 20 times"}},
      {"copy", "", {"copying 'little': ", "by " + wild}},
      {"memory", "", {"out of GPU memory for 'too much'", "asked  1073741825 MiB", "free   ", "fewer tokens"}},
      {"block", "", {"launch of 'wide block': ", "block (2048, 1, 1)", "provoke.cu:"}},
      {"shared", "", {"launch of 'much shared': ", "dynamic shared memory 1048576 bytes", "provoke.cu:"}},
  };
  for (const Case& row : cases) {
    const Said said = provoke(row.what, row.settings);
    INFO(row.what << " " << row.settings << "\n" << said.text);
    CHECK(said.status == 2);
    for (const std::string& part : row.says) {
      INFO(part);
      CHECK(said.says(part));
    }
  }
}
