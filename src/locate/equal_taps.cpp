// SPDX-License-Identifier: Apache-2.0
#include "locate/equal_taps.h"

#include <cstring>
#include <iterator>
#include <map>

namespace plumbline {
namespace {

constexpr const char* kDoesNotApply = "-";

bool same_bytes(const Trace& reference, const TapEntry& left, const Trace& candidate, const TapEntry& right) {
  if (left.dtype != right.dtype || left.shape != right.shape) return false;
  const Tensor a = reference.read(left), b = candidate.read(right);
  return a.byte_size() == b.byte_size() && (a.byte_size() == 0 || std::memcmp(a.data(), b.data(), a.byte_size()) == 0);
}

/// What kind of run a trace is of; one that other software wrote is of none of these.
struct RunKind {
  bool torch = false, kernels = false, oracle = false, gpu = false;
};

RunKind kind_of(const TraceHeader& header) {
  const bool torch = header.backend == "torch" || header.backend == "transformers";
  const bool cuda = header.backend == "cuda";
  return {torch, cuda || header.backend == "twin", header.backend == "oracle",
          cuda || header.device.starts_with("cuda")};
}

std::string stated(const TraceHeader& header, const char* key) {
  const auto found = header.environment.find(key);
  return found == header.environment.end() ? "" : found->second;
}

/// As the environment says, else "-" where the run cannot have such a thing.
std::string stated(const TraceHeader& header, const char* key, bool cannot_apply) {
  const std::string text = stated(header, key);
  return text.empty() && cannot_apply ? kDoesNotApply : text;
}

std::map<std::string, std::string> facts_of(const TraceHeader& header) {
  const RunKind run = kind_of(header);
  const bool own = run.torch || run.kernels || run.oracle, no_gpu = own && !run.gpu;
  std::string libtorch = stated(header, "libtorch", run.kernels || run.oracle);
  if (libtorch.empty()) libtorch = stated(header, "torch");  // as captures call it
  return {{"run by", header.backend + (header.producer.empty() ? "" : ", " + header.producer) +
                         (header.producer_version.empty() ? "" : " " + header.producer_version)},
          {"device", header.device},
          {"settings", stated(header, "backend.description")},
          {"numerics", stated(header, "numerics", run.torch || run.oracle)},
          {"GPU", stated(header, "gpu", no_gpu)},
          {"GPU driver", stated(header, "gpu.driver", no_gpu)},
          {"CUDA", stated(header, "cuda.runtime", no_gpu)},
          {"cuBLAS", stated(header, "cublas", no_gpu || run.kernels)},
          {"LibTorch", libtorch},
          {"CPU", stated(header, "cpu", run.gpu)}};
}

std::vector<EqualityFact> facts_of(const TraceHeader& reference, const TraceHeader& candidate) {
  const auto left = facts_of(reference), right = facts_of(candidate);
  std::vector<EqualityFact> facts;
  for (const char* name :
       {"run by", "device", "settings", "numerics", "GPU", "GPU driver", "CUDA", "cuBLAS", "LibTorch", "CPU"}) {
    if (left.at(name) == kDoesNotApply && right.at(name) == kDoesNotApply) continue;
    facts.push_back({name, left.at(name), right.at(name)});
  }
  return facts;
}

/// What is not proved by this comparison, of all that could change without anybody noticing.
std::vector<std::string> voids(const TraceHeader& reference, const TraceHeader& candidate) {
  const RunKind left = kind_of(reference), right = kind_of(candidate);
  const bool torch = left.torch || right.torch;
  std::vector<std::string> all = {"another model, other tokens, or steps of other lengths than those compared"};
  if (left.gpu || right.gpu) {
    all.push_back(torch ? "another GPU, driver, or version of CUDA, cuBLAS or LibTorch"
                        : "another GPU, driver, or version of CUDA");
  }
  if ((left.torch && !left.gpu) || (right.torch && !right.gpu))
    all.push_back("another version of LibTorch, instruction set of the CPU, or number of its threads");
  if (torch) all.push_back("TF32 or sums of reduced precision in LibTorch");
  if (stated(reference, "numerics").starts_with("torch/") || stated(candidate, "numerics").starts_with("torch/"))
    all.push_back("shapes outside the tables of torch/sm90, which the kernels refuse");
  return all;
}

}  // namespace

std::optional<BitEquality> bit_equality(const Trace& reference, const Trace& candidate, const Alignment& alignment) {
  if (reference.taps().empty() || reference.taps().size() != candidate.taps().size()) return std::nullopt;
  std::map<int64_t, int64_t> partner;
  for (const StepPair& pair : alignment.pairs) partner[pair.reference_step] = pair.candidate_step;
  BitEquality equality;
  for (const TapEntry& left : reference.taps()) {
    const auto step = partner.find(left.step);
    const TapEntry* right = step == partner.end() ? nullptr : candidate.find(left.path, step->second);
    if (right == nullptr || !same_bytes(reference, left, candidate, *right)) return std::nullopt;
    ++equality.taps;
    equality.bytes += left.byte_size;
    equality.values += element_count(left.shape);
  }
  for (const Step& step : reference.steps()) equality.step_tokens.push_back(std::ssize(step.tokens));
  equality.facts = facts_of(reference.header(), candidate.header());
  equality.void_if = voids(reference.header(), candidate.header());
  return equality;
}

}  // namespace plumbline
