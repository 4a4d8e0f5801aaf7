// SPDX-License-Identifier: Apache-2.0
// Which backends this build has, and how to make one. Invariant: a backend that is listed as available can be made.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "run/options.h"

#include <plumbline/backend.h>
#include <plumbline/model.h>

namespace plumbline::run {

struct BackendStatus {
  std::string name;
  bool available = false;
  std::string detail;  ///< what it is, or why it is missing and how to get it
};

/// In the order torch, twin, cuda, oracle.
std::vector<BackendStatus> backend_statuses();

/// Throws BackendError with the reason if this build or machine lacks the backend, or the device that it is to use.
void require_backend(const RunOptions& options);

/// `model` must outlive the backend. Throws as require_backend does, and
/// UsageError for kernel faults with a backend that runs no kernels.
std::unique_ptr<Backend> make_backend(const RunOptions& options, const Model& model);

}  // namespace plumbline::run
