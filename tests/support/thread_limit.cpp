// SPDX-License-Identifier: Apache-2.0
#include "support/thread_limit.h"

#include <dlfcn.h>
#include <pthread.h>

#include <atomic>
#include <cerrno>
#include <climits>

namespace {

std::atomic<int> granted = INT_MAX, refusals = 0;

}  // namespace

extern "C" int pthread_create(pthread_t* thread, const pthread_attr_t* attributes, void* (*start)(void*),
                              void* argument) noexcept {
  using Create = int (*)(pthread_t*, const pthread_attr_t*, void* (*)(void*), void*);
  static const auto next = reinterpret_cast<Create>(::dlsym(RTLD_NEXT, "pthread_create"));
  if (granted.fetch_sub(1) <= 0) {
    ++granted;
    ++refusals;
    return EAGAIN;
  }
  return next(thread, attributes, start, argument);
}

namespace plumbline::test {

ThreadLimit::ThreadLimit(int threads) {
  refusals = 0;
  granted = threads;
}
ThreadLimit::~ThreadLimit() { granted = INT_MAX; }
int ThreadLimit::refused() const { return refusals; }

}  // namespace plumbline::test
