// SPDX-License-Identifier: Apache-2.0
// The reader of policies in a build without the TOML library: says so.
#include <plumbline/error.h>

#include "gate/policy_file.h"

namespace plumbline {

Policy read_policy(const std::filesystem::path& file) {
  throw InputError("this build of plumbline reads no policy files: it was made without toml++",
                   {"given  " + file.string()},
                   "install libtomlplusplus-dev and build again, or pass --policy none and use the options of gate");
}

}  // namespace plumbline
