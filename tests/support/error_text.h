// SPDX-License-Identifier: Apache-2.0
// The message of an expected exception, for tests that check what a user is told.
#pragma once
#include <initializer_list>
#include <string>
#include <string_view>

#include "support/catch.h"

namespace plumbline::test {

/// what() of the E that `action` throws; fails the test if it throws nothing or something else.
template <class E, class Action>
std::string error_text(Action&& action) {
  try {
    action();
  } catch (const E& error) {
    return error.what();
  } catch (const std::exception& error) {
    FAIL("threw another exception: " << error.what());
  }
  FAIL("threw nothing");
  return {};
}

/// Checks that `message` holds every part.
inline void require_parts(const std::string& message, std::initializer_list<std::string_view> parts) {
  for (const std::string_view part : parts) {
    INFO("message: " << message << "\nlacks: " << part);
    CHECK(message.find(part) != std::string::npos);
  }
}

}  // namespace plumbline::test
