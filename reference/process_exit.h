// SPDX-License-Identifier: Apache-2.0
// How a program that links LibTorch ends.
#pragma once

namespace plumbline::torch_reference {

/// Makes the process end, with its exit status and its streams flushed, before LibTorch's static destructors. Called
/// once, while statics are made. False if the C library refuses the handler.
bool skip_library_destructors();

}  // namespace plumbline::torch_reference
