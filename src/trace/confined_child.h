// SPDX-License-Identifier: Apache-2.0
// Runs a piece of work in a forked child that cannot hurt us: bounded memory, time and file size, no core, no output,
// no plugins. HDF5 1.10 crashes and hangs on crafted files; here that costs a child, and becomes a TraceError.
// Invariant: the caller returns or throws within the wall time, whatever the child does, and leaves no process behind.
#pragma once
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>

namespace plumbline::trace {

struct ChildLimits {
  uint64_t cpu_seconds = 10;
  uint64_t wall_seconds = 60;
  uint64_t memory_bytes = uint64_t{1} << 30;  ///< beyond what the parent has mapped; not enforced under sanitizers
  uint64_t file_bytes = 0;                    ///< largest file (the decoded area) that it may make
};

/// Forks, runs `work` and returns its reply. Rethrows what `work` threw as TraceError; throws TraceError if the child
/// dies, hangs or talks nonsense. The child is a plain fork: `work` may use memory and HDF5, but no threads.
std::string run_confined(const std::function<std::string()>& work, const ChildLimits& limits,
                         const std::filesystem::path& file);

/// Called in the child once everything it needs is open: from here on no file can be opened (but under sanitizers).
void forbid_opening_files();

}  // namespace plumbline::trace
