// SPDX-License-Identifier: Apache-2.0
// A race shows as output bits that depend on the order of threads; without the check a planted race is repeatable.
#include <span>
#include <string>
#include <vector>

#include <plumbline/error.h>

#include "cuda/common/memory.h"
#include "cuda/twin/options.h"
#include "support/catch.h"
#include "tests/kernel/twin/test_kernels.h"

using namespace plumbline::twin;
using namespace plumbline::twin::testing;

namespace {

using Launch = void (*)(float*, int);

struct CheckRaces {
  CheckRaces() {
    TwinOptions options;
    options.check_races = true;
    set_twin_options(options);
  }
  ~CheckRaces() { set_twin_options({}); }
};

std::vector<float> run(Launch launch_kernel, int blocks) {
  DeviceBuffer out(size_t(blocks) * 128 * sizeof(float), "out");
  launch_kernel(out.as<float>(), blocks);
  std::vector<float> values(size_t(blocks) * 128);
  out.copy_to_host(std::as_writable_bytes(std::span(values)));
  return values;
}

}  // namespace

// The thread sanitizer reports these races itself: thread_sanitizer_test.cpp runs them in a program of its own.
#if !defined(__SANITIZE_THREAD__)

namespace {

std::string message_of(Launch launch_kernel) {
  try {
    run(launch_kernel, 3);
  } catch (const plumbline::BackendError& error) {
    return error.what();
  }
  return "";
}

}  // namespace

TEST_CASE("both kinds of planted race are found by running in several orders") {
  const CheckRaces checked;
  const auto [launch_kernel, name] = GENERATE(table<Launch, std::string>({
      {read_after_write_race, "read after write"},
      {write_after_read_race, "write after read"},
  }));
  const std::string message = message_of(launch_kernel);
  INFO(message);
  CHECK(message.find("kernel '" + name + "' has a race") != std::string::npos);
  CHECK(message.find("buffer 'out'") != std::string::npos);
  CHECK(message.find("forward order") != std::string::npos);
}

TEST_CASE("without the check a planted race runs, with the same bits each time") {
  const Launch launch_kernel = GENERATE(Launch{read_after_write_race}, Launch{write_after_read_race});
  const auto first = run(launch_kernel, 7);
  set_twin_threads(1);
  const auto second = run(launch_kernel, 7);
  set_twin_threads(3);
  const auto third = run(launch_kernel, 7);
  set_twin_options({});
  CHECK(std::as_bytes(std::span(first)).size() == 7 * 128 * 4);
  CHECK(std::memcmp(first.data(), second.data(), first.size() * 4) == 0);
  CHECK(std::memcmp(first.data(), third.data(), first.size() * 4) == 0);
}

#endif

TEST_CASE("a sound kernel passes the check and leaves its output") {
  const CheckRaces checked;
  DeviceBuffer in(256 * sizeof(float), "in"), out(256 * sizeof(float), "out");
  std::vector<float> values(256);
  for (size_t i = 0; i < values.size(); ++i) values[i] = float(i);
  in.copy_from_host(std::as_bytes(std::span(values)));
  reverse_by_barrier(in.as<float>(), out.as<float>(), 2, 128);
  std::vector<float> result(256);
  out.copy_to_host(std::as_writable_bytes(std::span(result)));
  CHECK(result[0] == 127.0f);
  CHECK(result[255] == 128.0f);
}

TEST_CASE("output outside any DeviceBuffer cannot be checked, and that is said") {
  const CheckRaces checked;
  std::vector<float> in(32), out(32);
  CHECK_THROWS_WITH(reverse_by_barrier(in.data(), out.data(), 1, 32), Catch::Contains("no DeviceBuffer owns"));
}
