// SPDX-License-Identifier: Apache-2.0
// Independent pieces of work on several threads. What a piece computes must not depend on which thread runs it, so
// results are the same for any number of threads.
#pragma once
#include <cstdint>
#include <functional>

namespace plumbline {

/// Threads to use when the user gave none: the processors this process may run on.
int default_threads();

/// Most threads that an option may ask for: more than any machine we know has processors, and few enough to start.
constexpr int kMaxThreads = 1024;

/// Calls body(0..count-1), each once, on up to `threads` threads (0: default_threads()), or as many as the system
/// grants. The first exception is rethrown after all threads have stopped; pieces not yet begun are then skipped.
void parallel_for(int64_t count, int threads, const std::function<void(int64_t)>& body);

}  // namespace plumbline
