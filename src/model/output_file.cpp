// SPDX-License-Identifier: Apache-2.0
#include "model/output_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include <plumbline/error.h>

namespace plumbline {

void cannot_write(const std::string& verb, const std::filesystem::path& file, int reason) {
  throw Error(verb + ": cannot write", {"file    " + file.string(), std::string("reason  ") + std::strerror(reason)},
              "nothing is left behind; make room, or choose another place");
}

OutputFile::OutputFile(std::filesystem::path file, std::string verb)
    : file_(std::move(file)),
      verb_(std::move(verb)),
      handle_(::open(file_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644)) {
  if (handle_ < 0) cannot_write(verb_, file_, errno);
}

OutputFile::~OutputFile() {
  if (handle_ >= 0) ::close(handle_);
}

void OutputFile::write(const void* bytes, size_t count) {
  const char* from = static_cast<const char*>(bytes);
  while (count > 0) {
    const ssize_t done = ::write(handle_, from, count);
    if (done < 0 && errno == EINTR) continue;
    if (done < 0) cannot_write(verb_, file_, errno);
    from += done;
    count -= static_cast<size_t>(done);
  }
}

void OutputFile::finish() {
  if (::fsync(handle_) != 0 && errno != EINVAL) cannot_write(verb_, file_, errno);
  if (::close(std::exchange(handle_, -1)) != 0) cannot_write(verb_, file_, errno);
}

void write_text_file(const std::filesystem::path& file, std::string_view text, const std::string& verb) {
  OutputFile out(file, verb);
  out.write(text);
  out.finish();
}

}  // namespace plumbline
