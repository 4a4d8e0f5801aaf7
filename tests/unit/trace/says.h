// SPDX-License-Identifier: Apache-2.0
// Checks of error messages that read the same under Catch2 versions 2 and 3.
#pragma once
#include <initializer_list>
#include <string>
#include <string_view>

#include <plumbline/error.h>

#include "support/catch.h"

namespace plumbline::test {

/// The message of the Error that `work` throws, or "no error".
template <class Work>
std::string message_of(Work&& work) {
  try {
    work();
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

/// True if every text stands in the message; a failing check prints the message.
inline bool says(const std::string& message, std::initializer_list<std::string_view> texts) {
  UNSCOPED_INFO("message: " << message);
  for (const std::string_view text : texts) {
    if (message.find(text) == std::string::npos) return false;
  }
  return true;
}

}  // namespace plumbline::test
