// SPDX-License-Identifier: Apache-2.0
// What a program puts in order before it opens its first file. Invariant: afterwards no file that the program opens
// gets descriptor 0, 1 or 2, and a file that grows past a limit is an error of write, not the end of the program.
#pragma once

namespace plumbline {

/// Opens /dev/null where standard input, output or error is closed: else the next file opened would take that number,
/// and what is printed would end up in it. Ignores SIGXFSZ, so that a write past RLIMIT_FSIZE fails with EFBIG as one
/// to a full disk fails with ENOSPC. Throws InputError if a closed stream cannot be replaced. To be called first in
/// main.
void start_process();

}  // namespace plumbline
