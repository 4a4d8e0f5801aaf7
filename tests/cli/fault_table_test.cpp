// SPDX-License-Identifier: Apache-2.0
// scripts/fault_table.sh on a small model: a slice of the table, and that it does not believe a tool that finds
// nothing.
#include "cli/program.h"
#include "support/catch.h"

using namespace plumbline::test;

namespace {

Said table(const std::vector<std::string>& faults, const std::string& programs = PLUMBLINE_BINARY_DIR "/bin") {
  std::vector<std::string> arguments = {PLUMBLINE_SOURCE_DIR "/scripts/fault_table.sh", "--model", model_directory(),
                                        "--bin", programs};
  for (const std::string& fault : faults) {
    arguments.push_back("--fault");
    arguments.push_back(fault);
  }
  return run_program("/bin/bash", arguments);
}

// The thread sanitizer stops a run with a missing barrier, as it should.
#if defined(__SANITIZE_THREAD__)
constexpr const char* kKernelFault = "kernel.stale_tile";
#else
constexpr const char* kKernelFault = "kernel.missing_barrier";
#endif

}  // namespace

TEST_CASE("a slice of the fault table: graph, weights, kernels, decode; what does not apply is not counted") {
  const Said said = table({"norm.single_rounding@layer.2.in_norm", "weight.clamped@layer.1.attn.o_proj",
                           "rope.scaling_ignored", kKernelFault, "kernel.cache_stale@layer.0.attn.k_cache"});
  INFO(said.out << said.err);
  CHECK(said.status == 0);
  CHECK(said.says("contract rmsnorm/olmo P0203"));
  CHECK(said.says("weight.clamped@layer.1.attn.o_proj (digests ignored)"));
  CHECK(said.says("not applicable: the model has no rope scaling"));
  CHECK(said.out.ends_with("\nlocated 5 of 5\n"));
}

TEST_CASE("under torch/sm90 faults of graph and weights are located, defects of kernels are left out and counted") {
  const Said said = run_program("/bin/bash", {PLUMBLINE_SOURCE_DIR "/scripts/fault_table.sh", "--model",
                                              PLUMBLINE_SOURCE_DIR "/dumps/models/llama-tiny", "--bin",
                                              PLUMBLINE_BINARY_DIR "/bin", "--numerics", "torch/sm90", "--reference",
                                              "twin", "--fault", "norm.f32@layer.2.in_norm", "--fault", kKernelFault});
  INFO(said.out << said.err);
  CHECK(said.status == 0);
  CHECK(said.says("not applicable: a kernel with a defect has portable numerics only"));
  CHECK(said.says(", 1 not applicable\n"));
  CHECK(said.out.ends_with("\nlocated 1 of 1\n"));
}

TEST_CASE("the fault table fails where find sees nothing, or names another op") {
  const std::string blind = programs_with_find("blind", "exec \"$real\" find \"$2\" \"$2\" --json");
  const Said missed = table({"weight.transposed@layer.1.attn.o_proj"}, blind);
  INFO(missed.out << missed.err);
  CHECK(missed.status == 1);
  CHECK(missed.out.ends_with("\nlocated 0 of 2\n"));
  const std::string wrong =
      programs_with_find("wrong", "\"$real\" \"$@\" | sed 's/layer[.]1[.]attn[.]o_proj/layer.2.attn.o_proj/'; exit 1");
  const Said elsewhere = table({"kernel.k_tail_lost@layer.1.attn.o_proj"}, wrong);
  INFO(elsewhere.out << elsewhere.err);
  CHECK(elsewhere.status == 1);
  CHECK(elsewhere.says("at layer.2.attn.o_proj, not layer.1.attn.o_proj"));
  CHECK(elsewhere.out.ends_with("\nlocated 0 of 1\n"));
  const Said nothing = table({"rope.scaling_ignored"});
  CHECK(nothing.status == 1);
  CHECK(nothing.out.ends_with("\nlocated 0 of 0\n"));
}
