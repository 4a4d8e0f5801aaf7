// SPDX-License-Identifier: Apache-2.0
#include "core/process_start.h"

#include <fcntl.h>
#include <plumbline/error.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <string>

namespace plumbline {

void start_process() {
  ::signal(SIGXFSZ, SIG_IGN);
  for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; ++fd) {
    if (::fcntl(fd, F_GETFD) != -1 || errno != EBADF) continue;
    // The lowest free number is taken, and all below fd are in use. No O_CLOEXEC: programs that we start need it too.
    if (::open("/dev/null", O_RDWR) != fd)
      throw InputError("cannot start: standard stream " + std::to_string(fd) + " is closed",
                       {std::string("/dev/null: ") + std::strerror(errno)}, "start with streams 0, 1 and 2 open");
  }
}

}  // namespace plumbline
