// SPDX-License-Identifier: Apache-2.0
// The tables of torch/sm90: places where an answer changes, and shapes that nobody asked about.
#include "cuda/pipeline/torch_orders.h"

#include "cuda/pipeline/rope_table.h"
#include "support/catch.h"

#include <plumbline/error.h>

namespace plumbline {
namespace {

const TorchOrders kH200(HopperGpu::h200), kH100(HopperGpu::h100);

LaneOrder scores(int64_t heads, int64_t head_dim, int64_t keys) { return kH200.scores({heads, head_dim, 1, keys}); }
LaneOrder context(int64_t heads, int64_t keys) { return kH200.context({heads, 128, 1, keys}); }

const LaneOrder kChain = {};

}  // namespace

TEST_CASE("torch orders: a mean takes more lanes for fewer rows") {
  CHECK(kH200.mean_lanes(1024, 1) == 256);
  CHECK(kH200.mean_lanes(1024, 3) == 256);
  CHECK(kH200.mean_lanes(1024, 4) == 128);
  CHECK(kH200.mean_lanes(1024, 8) == 64);
  CHECK(kH200.mean_lanes(1024, 16) == 32);
  CHECK(kH200.mean_lanes(1024, 512) == 32);
  CHECK(kH200.mean_lanes(128, 1) == 32);
  CHECK_THROWS_AS(kH200.mean_lanes(64, 4), BackendError);
  CHECK_THROWS_AS(kH200.mean_lanes(896, 1), BackendError);
  CHECK(kH200.mean_lanes(896, 16) == 32);
}

TEST_CASE("torch orders: which product is split depends on the GPU") {
  CHECK(kH200.part_depth(1024, 3072, 128) == 1536);
  CHECK(kH100.part_depth(1024, 3072, 128) == 3072);
  CHECK(kH100.part_depth(1024, 3072, 100) == 1536);
  CHECK(kH200.part_depth(1024, 3072, 512) == 3072);
  CHECK(kH200.part_depth(2048, 1024, 1) == 1024);
  CHECK_THROWS_AS(kH100.part_depth(1024, 3072, 101), BackendError);
  CHECK_THROWS_AS(kH200.part_depth(1024, 3072, 255), BackendError);
  CHECK_THROWS_AS(kH200.part_depth(2048, 1024, 513), BackendError);
  CHECK_THROWS_AS(kH200.part_depth(1000, 1024, 1), BackendError);
}

TEST_CASE("torch orders: one query against 1 to 1024 keys") {
  for (const int64_t keys : {8, 16, 640, 1024}) {
    CHECK(scores(16, 128, keys) == kChain);
    CHECK(context(16, keys) == kChain);
  }
  CHECK(scores(16, 128, 31) == LaneOrder{16, 8});
  CHECK(scores(16, 128, 33) == LaneOrder{32, 4});
  CHECK(scores(16, 128, 255) == LaneOrder{16, 1});
  CHECK(scores(16, 128, 257) == LaneOrder{16, 1, true});
  CHECK(scores(16, 128, 639) == LaneOrder{16, 1, true});
  CHECK(scores(16, 128, 641) == LaneOrder{8, 1});
  CHECK(scores(16, 128, 642) == kChain);
  CHECK(scores(4, 64, 161) == LaneOrder{4, 16});
  CHECK(context(16, 425) == LaneOrder{32, 4});
  CHECK(context(16, 426) == LaneOrder{32, 1});
  CHECK(context(4, 426) == LaneOrder{32, 14});
  CHECK(context(4, 906) == LaneOrder{32, 29});
  CHECK(context(4, 907) == LaneOrder{32, 1});
  CHECK_THROWS_AS(scores(16, 128, 1025), BackendError);
  CHECK_THROWS_AS(scores(8, 128, 9), BackendError);
}

TEST_CASE("torch orders: a prompt is a chain where it was seen to be") {
  CHECK(kH200.context({4, 128, 24, 24}) == kChain);
  CHECK(kH200.context({4, 128, 31, 31}) == kChain);
  CHECK(kH200.scores({4, 128, 512, 512}) == kChain);
  CHECK_THROWS_AS(kH200.context({4, 128, 33, 33}), BackendError);
  CHECK_THROWS_AS(kH200.context({4, 128, 8, 16}), BackendError);
}

TEST_CASE("torch orders: the table of rotations needs whole vectors") {
  CHECK_NOTHROW(make_rope_table(1e6, 128, 0, 2, {}, RopeFunctions::torch_sm90));
  CHECK_THROWS_AS(make_rope_table(1e6, 96, 0, 2, {}, RopeFunctions::torch_sm90), BackendError);
}

}  // namespace plumbline
