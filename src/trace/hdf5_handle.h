// SPDX-License-Identifier: Apache-2.0
// HDF5 identifiers that close themselves, the library's last complaint as text, and the lock that keeps every call of
// this process one at a time (so that a fork never happens in the middle of one).
// Invariant: no HDF5 call prints; every id is closed once or, after abandon(), never.
#pragma once
#include <hdf5.h>

#include <functional>
#include <mutex>
#include <string>

namespace plumbline::trace {

class Handle {
 public:
  using Close = herr_t (*)(hid_t);
  Handle() = default;
  Handle(hid_t id, Close close) : id_(id), close_(close) {}
  Handle(Handle&& other) noexcept : id_(other.abandon()), close_(other.close_) {}
  Handle& operator=(Handle&& other) noexcept;
  ~Handle() { reset(); }
  hid_t get() const { return id_; }
  explicit operator bool() const { return id_ >= 0; }
  /// Closes now; false if the library reports an error (for a file: something could not be written).
  bool reset();
  /// Forgets the id without closing it: for a file whose disk is full, where closing would fail again and again.
  hid_t abandon();

 private:
  hid_t id_ = H5I_INVALID_HID;
  Close close_ = nullptr;
};

/// Held by whoever calls HDF5 or forks.
std::mutex& hdf5_mutex();

/// Stops the library from printing (in this thread) and from cleaning up at exit. Call first, under the mutex.
void quiet_hdf5();

/// The innermost message of the library's error stack, or "".
std::string hdf5_complaint();

}  // namespace plumbline::trace
