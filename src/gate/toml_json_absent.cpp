// SPDX-License-Identifier: Apache-2.0
// TOML in a build without the library: says so.
#include <plumbline/error.h>

#include "gate/map_file.h"

namespace plumbline {

std::string toml_as_json(std::string_view, const std::string& file) {
  throw InputError("this build of plumbline reads no TOML: it was made without toml++", {"given  " + file},
                   "write the map as JSON (FILE.json), or install libtomlplusplus-dev and build again");
}

}  // namespace plumbline
