// SPDX-License-Identifier: Apache-2.0
// Damage to a fence is found on the device, with the side and the nearest byte, and told after the buffer has gone.
#include <vector>

#include <plumbline/error.h>

#include "cuda/pipeline/fence_watch.h"
#include "support/catch.h"
#include "support/error_text.h"

using namespace plumbline;
using namespace plumbline::twin;
using plumbline::test::error_text;

namespace {

/// What a watch says of a buffer of 10 bytes, and others around it, after a write at `place` beside it.
std::string said_of(int64_t place, size_t others = 0) {
  FenceWatch watch;
  watch.begin();
  {
    std::vector<DeviceBuffer> buffers;
    for (size_t i = 0; i < others; ++i) buffers.emplace_back(1 + i % 3, "sound");
    buffers.emplace_back(10, "damaged").as<std::byte>()[place] = std::byte{1};
    for (const DeviceBuffer& buffer : buffers) watch.add(buffer, {});
    watch.look({});
  }
  return error_text<BackendError>([&] { watch.require_intact({}); });
}

}  // namespace

TEST_CASE("whole fences are no error, whatever lies between them") {
  FenceWatch watch;
  for (int pass = 0; pass < 2; ++pass) {
    watch.begin();
    std::vector<DeviceBuffer> buffers;
    for (const size_t bytes : {0, 1, 2, 4096}) {
      buffers.emplace_back(bytes, "sound").poison(kPoisonB);
      watch.add(buffers.back(), {});
    }
    watch.look({});
    CHECK_NOTHROW(watch.require_intact({}));
  }
}

TEST_CASE("the buffer, the side and the nearest damaged byte are named, also of a buffer that has gone") {
  struct Row {
    int64_t place;
    const char* says;
  };
  for (const Row& row : {Row{10, "0 bytes past its end"}, Row{11, "1 bytes past its end"},
                         Row{10 + 4095, "4095 bytes past its end"}, Row{-1, "1 bytes before its start"},
                         Row{-130, "130 bytes before its start"}, Row{-4096, "4096 bytes before its start"}}) {
    const std::string said = said_of(row.place);
    INFO(said);
    CHECK(said.find("a kernel wrote outside buffer 'damaged'") != std::string::npos);
    CHECK(said.find(row.says) != std::string::npos);
    CHECK(said.find("it holds 10 bytes") != std::string::npos);
  }
}

TEST_CASE("one damaged buffer is found among thousands, in any launch and report") {
  for (const size_t others : {63, 64, 130, 1023, 2200}) {
    INFO(others);
    CHECK(said_of(12, others).find("'damaged'") != std::string::npos);
  }
}

TEST_CASE("an abandoned pass leaves nothing behind") {
  FenceWatch watch;
  watch.begin();
  DeviceBuffer buffer(4, "damaged");
  buffer.as<std::byte>()[4] = std::byte{1};
  watch.add(buffer, {});
  watch.begin();
  watch.look({});
  CHECK_NOTHROW(watch.require_intact({}));
}
