// SPDX-License-Identifier: Apache-2.0
#include "cuda/twin/divergence.h"

#include <string>
#include <vector>

#include <plumbline/error.h>

#include "cuda/twin/text.h"

namespace plumbline::twin {
namespace {

std::string mask_text(uint32_t mask) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string text = "0x";
  for (int shift = 28; shift >= 0; shift -= 4) text += kDigits[mask >> shift & 15u];
  return text;
}

std::string state_text(const Thread& thread) {
  const std::string who = "thread " + index_text(thread.index) + " ";
  switch (thread.wait) {
    case Wait::left: return who + "has left the kernel";
    case Wait::barrier: return who + "waits at __syncthreads, " + place_text(thread.where);
    case Wait::warp:
      return who + "waits at " + thread.operation->name + " with mask " + mask_text(thread.mask) + ", " +
             place_text(thread.where);
    case Wait::none: return who + "is at " + place_text(thread.where);
  }
  return who;
}

// The first thread that waits, and the first of those it waits for that will not come.
Verdict find_pair(const Block& block) {
  for (int first = 0; first < block.thread_count(); ++first) {
    const Thread& waiting = block.thread(first);
    if (waiting.wait == Wait::barrier) {
      for (int other = 0; other < block.thread_count(); ++other) {
        if (block.thread(other).wait != Wait::barrier) return {Fault::stuck, first, other};
      }
    } else if (waiting.wait == Wait::warp) {
      for (int lane = 0; lane < 32; ++lane) {
        const int other = first - waiting.lane + lane;
        if ((waiting.mask >> lane & 1u) == 0 || other >= block.thread_count()) continue;
        if (block.thread(other).wait != Wait::warp) return {Fault::stuck, first, other};
      }
    }
  }
  return {Fault::stuck, 0, 0};
}

struct Words {
  const char* summary;
  const char* way_out;
};

Words words(Fault fault) {
  constexpr const char* kReach =
      "every thread of the block must reach the same __syncthreads, every lane of a mask the same warp operation";
  switch (fault) {
    case Fault::different_barriers:
      return {"threads of one block meet at two different barriers",
              "move the barrier out of the branch, so that one line serves all threads"};
    case Fault::different_operations: return {"lanes of one mask are at different warp operations", kReach};
    case Fault::not_in_mask:
      return {"a lane calls a warp operation whose mask leaves it out", "set the calling lane's bit in the mask"};
    case Fault::bad_source:
      return {"a shuffle reads a lane outside its mask",
              "name every lane that is read in the mask; its value is undefined on a GPU"};
    case Fault::bad_width:
      return {"the width of a shuffle is not a power of two from 1 to 32", "use 32, or the size of the segments meant"};
    case Fault::partial_warp:
      return {"a tensor-core step is called in a warp of fewer than 32 threads", "launch whole warps"};
    case Fault::copies:
      return {"a thread waits for bulk copies whose threads or bytes do not add up",
              "announce the bytes of every copy, each thread before its own, and put a barrier before the wait: a GPU "
              "would wait for ever, or not long enough"};
    case Fault::many_copies:
      return {
          "a block asks for more copies or copy barriers than the twin keeps",
          "wait earlier, copy longer rows at once, or raise the limits in cuda/twin/async_copy.cpp, staged_copy.cpp"};
    case Fault::stuck:
    case Fault::none: break;
  }
  return {"threads wait for others that will never come", kReach};
}

}  // namespace

void throw_divergence(const GridCall& call, uint3 block_index, const Block& block, Verdict verdict) {
  const Words text = words(verdict.fault);
  if (verdict.fault == Fault::stuck) verdict = find_pair(block);
  std::vector<std::string> details{"block " + index_text(block_index) + ", launched at " + place_text(call.where),
                                   state_text(block.thread(verdict.first))};
  if (verdict.second != verdict.first) details.push_back(state_text(block.thread(verdict.second)));
  throw BackendError(std::string("twin: kernel '") + call.op + "': " + text.summary, details, text.way_out);
}

}  // namespace plumbline::twin
