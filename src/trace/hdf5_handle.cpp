// SPDX-License-Identifier: Apache-2.0
#include "trace/hdf5_handle.h"

#include <utility>

#include "core/printable.h"

namespace plumbline::trace {

Handle& Handle::operator=(Handle&& other) noexcept {
  if (this != &other) {
    reset();
    close_ = other.close_;
    id_ = other.abandon();
  }
  return *this;
}

bool Handle::reset() {
  const hid_t id = abandon();
  return id < 0 || close_(id) >= 0;
}

hid_t Handle::abandon() { return std::exchange(id_, H5I_INVALID_HID); }

std::mutex& hdf5_mutex() {
  static std::mutex mutex;
  return mutex;
}

void quiet_hdf5() {
  static const bool once = [] {
    H5dont_atexit();  // after a full disk the library's own clean-up retries for ever
    return true;
  }();
  (void)once;
  H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);
}

std::string hdf5_complaint() {
  std::string text;
  const auto keep_first = [](unsigned depth, const H5E_error2_t* error, void* out) -> herr_t {
    if (depth == 0 && error->desc) *static_cast<std::string*>(out) = error->desc;
    return 0;
  };
  H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, keep_first, &text);
  return printable_text(text);  // it quotes names out of the file
}

}  // namespace plumbline::trace
