// SPDX-License-Identifier: Apache-2.0
// A build without the TOML library says so instead of passing over the policy.
#include <plumbline/error.h>

#include "gate/policy_file.h"
#include "support/catch.h"
#include "support/error_text.h"

using namespace plumbline;

TEST_CASE("without toml++ a policy is refused with the way out") {
  const std::string text = test::error_text<InputError>([] { read_policy("plumbline.toml"); });
  CHECK(text.find("without toml++") != std::string::npos);
  CHECK(text.find("libtomlplusplus-dev") != std::string::npos);
}
