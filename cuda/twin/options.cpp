// SPDX-License-Identifier: Apache-2.0
#include "cuda/twin/options.h"

#include <algorithm>
#include <mutex>
#include <string>
#include <thread>

#include <plumbline/error.h>

namespace plumbline::twin {
namespace {

std::mutex mutex;
TwinOptions current;

}  // namespace

TwinOptions twin_options() {
  const std::lock_guard lock(mutex);
  return current;
}

void set_twin_options(const TwinOptions& options) {
  if (options.threads < 0 || options.seeded_orders < 0) {
    throw BackendError(
        "twin: an option is negative",
        {"threads " + std::to_string(options.threads) + ", seeded orders " + std::to_string(options.seeded_orders)},
        "use 0 threads for as many as the machine has");
  }
  const std::lock_guard lock(mutex);
  current = options;
}

void set_twin_threads(int threads) {
  TwinOptions options = twin_options();
  options.threads = threads;
  set_twin_options(options);
}

int twin_threads() {
  const int asked = twin_options().threads;
  const int wanted = asked > 0 ? asked : std::max(1, int(std::thread::hardware_concurrency()));
#if defined(PLUMBLINE_TWIN_TSAN)
  return std::min(wanted, 4);  // the sanitizer knows 8,128 fibers, a block has up to 1,024
#else
  return wanted;
#endif
}

}  // namespace plumbline::twin
