// SPDX-License-Identifier: Apache-2.0
// src/model/text/codec.py as part of the program: it is found wherever the binary is.
#pragma once

namespace plumbline {

const char* codec_script();

}  // namespace plumbline
