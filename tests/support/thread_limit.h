// SPDX-License-Identifier: Apache-2.0
// Makes the system refuse threads, as it does at a limit on processes or memory. Compiled into the test program itself:
// its pthread_create stands in front of the C library's.
#pragma once

namespace plumbline::test {

/// While it lives, only `threads` more threads can be started; pthread_create then fails with EAGAIN.
class ThreadLimit {
 public:
  explicit ThreadLimit(int threads);
  ~ThreadLimit();
  int refused() const;  ///< threads asked for in vain so far
};

}  // namespace plumbline::test
