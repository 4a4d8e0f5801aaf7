// SPDX-License-Identifier: Apache-2.0
// Replaces the calls by which this process changes files (also for HDF5, a shared library) by ones that can fail or
// kill the process at the n-th of them. Invariant: off until armed; forked children inherit the setting.
#pragma once

namespace plumbline::test {

enum class Crash {
  count,      ///< change nothing, count the calls
  kill,       ///< SIGKILL instead of the n-th call
  torn_kill,  ///< half of the n-th call's bytes are written, then SIGKILL
  no_space    ///< the n-th call and every later write fails with ENOSPC
};
void arm(Crash crash, int nth_call);
int calls_so_far();

/// What was got done, for a parent to see after the process has died.
struct Seen {
  int calls = 0;    ///< file-changing calls, the fatal one included
  int appends = 0;  ///< whole calls of write(2): records of the journal, which are what acknowledges a tap
};
/// Notes are kept in `seen` too, which lies in shared memory, from now on.
void keep_notes_in(Seen* seen);

}  // namespace plumbline::test
