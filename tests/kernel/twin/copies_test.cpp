// SPDX-License-Identifier: Apache-2.0
// Copies are there after the wait, not before; what a GPU would wait for in vain is an error.
#include <vector>

#include <plumbline/error.h>

#include "cuda/common/memory.h"
#include "support/catch.h"
#include "tests/kernel/twin/test_kernels.h"

using namespace plumbline::twin;
using namespace plumbline::twin::testing;

namespace {

std::vector<uint32_t> copied(BulkFault fault) {
  alignas(16) uint32_t in[64];
  for (uint32_t i = 0; i < 64; ++i) in[i] = i * 3 + 1;
  std::vector<uint32_t> out(64);
  copy_in_bulk(in, out.data(), fault);
  return out;
}

/// The words that did not come, by stage.
std::vector<int> missing(StagedFault fault) {
  alignas(16) uint32_t in[256];
  for (uint32_t i = 0; i < 256; ++i) in[i] = i * 3 + 1;
  std::vector<uint32_t> out(256);
  copy_in_stages(in, out.data(), fault);
  std::vector<int> late(4);
  for (uint32_t i = 0; i < 256; ++i) {
    const uint32_t place = i % 64, source = (place + 4) % 64;
    late[i / 64] += out[i] != (source < 48 ? in[i / 64 * 64 + source] : 0);
  }
  return late;
}

std::string message_of(BulkFault fault) {
  try {
    copied(fault);
  } catch (const plumbline::BackendError& error) {
    return error.what();
  }
  return "";
}

}  // namespace

TEST_CASE("bulk copies are there for every thread that has waited for them") {
  for (int launch = 0; launch < 2; ++launch) {
    const std::vector<uint32_t> out = copied(BulkFault::none);
    for (uint32_t i = 0; i < 64; ++i) CHECK(out[i] == i * 3 + 1);
  }
}

TEST_CASE("without a wait a bulk copy has not come: the place holds what it held") {
  for (const uint32_t word : copied(BulkFault::no_wait)) CHECK((word & 0x7F807F80u) == 0x7F807F80u);  // two bf16 NaN
}

TEST_CASE("a wait for copies that do not add up is an error that names kernel and line") {
  for (const BulkFault fault : {BulkFault::bytes_missing, BulkFault::thread_missing}) {
    const std::string message = message_of(fault);
    INFO(message);
    CHECK(message.find("kernel 'copies'") != std::string::npos);
    CHECK(message.find("do not add up") != std::string::npos);
    CHECK(message.find("copy_kernels.cu:") != std::string::npos);
  }
}

TEST_CASE("pieces are there for the block once every thread has waited for its own, zeros where nothing is copied") {
  CHECK(missing(StagedFault::none) == std::vector<int>(4, 0));
}

TEST_CASE("a piece that nobody waited for has not come, and groups come in the order they were closed") {
  CHECK(missing(StagedFault::no_wait) == std::vector<int>(4, 64));
  CHECK(missing(StagedFault::early) == std::vector<int>{0, 0, 0, 64});
}

#if !defined(__SANITIZE_THREAD__)  // which calls it the race that it is
TEST_CASE("without a barrier the pieces of other threads have not come") {
  for (const int late : missing(StagedFault::no_barrier)) CHECK(late > 0);
}
#endif
