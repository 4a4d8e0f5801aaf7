// SPDX-License-Identifier: Apache-2.0
// `find --model` on files that other software wrote: what numpy cannot store as bf16, and axes of length 1 that an
// engine leaves out, neither hide a fault nor invent one.
#include <filesystem>

#include "cli/foreign_copy.h"
#include "cli/program.h"
#include "support/catch.h"

using namespace plumbline::test;

namespace {

std::string reference() { return record("ref.h5", {"oracle", {}, "", 16}); }
std::string healthy() { return record("healthy.h5", {"twin", {}, "", 16}); }
std::string faulty() { return record("faulty.h5", {"twin", {"--fault", "rope.theta=1e4@layer.3"}, "", 16}); }

Said find(const std::string& a, const std::string& b) { return call({"find", a, b, "--model", model_directory()}); }

}  // namespace

TEST_CASE("a foreign copy is judged as its original, in every form that keeps the numbers") {
  struct Row {
    std::string name;
    ForeignForm form;
    std::string note;  // "" for none
  };
  const Row rows[] = {
      {"bits", {}, ""},
      {"widened", {true, true, BatchAxis::kept, {}}, "wider"},
      {"no_batch", {false, true, BatchAxis::left_out, {}}, "length"},
      {"two_batches", {false, true, BatchAxis::doubled, {}}, "length"},
      {"widened_no_batch", {true, true, BatchAxis::left_out, {}}, "length"},
  };
  for (const Row& row : rows) {
    INFO(row.name);
    const std::string good = foreign_copy(healthy(), row.name + "_good.h5", row.form);
    const std::string bad = foreign_copy(faulty(), row.name + "_bad.h5", row.form);
    const std::string base = foreign_copy(reference(), row.name + "_ref.h5", row.form);
    for (const std::string& left : {reference(), base}) {
      INFO(left);
      const Said same = find(left, good);
      INFO(same.out << same.err);
      CHECK(same.status == 0);
      CHECK(same.says("PARITY"));
      CHECK(same.says("(100.0%)"));
      if (!row.note.empty()) CHECK(same.says(row.note));
      const Said differs = find(left, bad);
      INFO(differs.out << differs.err);
      CHECK(differs.status == 1);
      CHECK(differs.says("FIRST DIVERGENCE: layer.3.attn.q_rope (origin)"));
    }
    CHECK(call({"doctor", reference(), good, "--model", model_directory()}).status == 0);
  }
}

TEST_CASE("neither the order of the datasets in a file nor the number of threads changes a word of the report") {
  const std::string pair =
      record("two_defects.h5",
             {"twin",
              {"--fault", "kernel.scaled@layer.1.attn.v_proj", "--fault", "weight.clamped@layer.2.mlp.up_proj"},
              "",
              16});
  const std::string file = foreign_copy(pair, "two_defects_copy.h5", {});
  const auto report = [&](const std::string& threads) {
    return call({"find", reference(), file, "--model", model_directory(), "--json", "-j", threads}).out;
  };
  const std::string one = report("1"), many = report("3");
  for (const char* op : {"\"layer.1.attn.v_proj\"", "\"layer.2.mlp.up_proj\""})
    CHECK(one.find(op) != std::string::npos);
  CHECK(one == many);
  std::filesystem::remove(file);
  REQUIRE(foreign_copy(pair, "two_defects_copy.h5", {.shuffle = 7}) == file);
  CHECK(report("2") == one);
}

TEST_CASE("single tokens of decode steps without a batch axis meet a prefill") {
  const std::string steps = record("steps.h5", {"twin", {"--prefill", "13"}, "", 16});
  for (const BatchAxis batch : {BatchAxis::left_out, BatchAxis::doubled}) {
    const Said said = find(reference(), foreign_copy(steps, "steps_copy.h5", {true, true, batch, {}}));
    INFO(said.out << said.err);
    CHECK(said.status == 0);
    CHECK(said.says("16 positions"));
  }
}

TEST_CASE("one tap that bf16 cannot hold is a finding at its op; a whole run of them is one error") {
  const auto nudge = [](float value) { return value * (1.0F + 0x1p-14F); };  // a quarter of half a bf16 step
  const std::string one =
      foreign_copy(healthy(), "one_f32.h5", {true, true, BatchAxis::kept, [&](const auto& path, float v) {
                                               return path == "layer.1.attn.q_proj" ? nudge(v) : v;
                                             }});
  const Said found = find(reference(), one);
  INFO(found.out << found.err);
  CHECK(found.status == 1);
  CHECK(found.says("FIRST DIVERGENCE: layer.1.attn.q_proj"));
  CHECK(found.says("P0204"));
  const std::string all = foreign_copy(healthy(), "all_f32.h5",
                                       {true, true, BatchAxis::kept, [&](const auto&, float v) { return nudge(v); }});
  const Said refused = find(reference(), all);
  INFO(refused.out << refused.err);
  CHECK(refused.status == 2);
  CHECK(refused.complains("was not computed in bf16"));
  CHECK(refused.complains("all_f32.h5"));
}

TEST_CASE("taps under other names pair with nothing and are named; a whole layer that is missing is no pass") {
  const auto renamed = [](const std::string& path) {
    return path.ends_with(".attn.q_proj") ? path.substr(0, path.size() - 6) + "query" : path;
  };
  const std::string names = foreign_copy(healthy(), "names.h5", {.rename = renamed});
  const Said gate = call({"gate", reference(), names, "--model", model_directory()});
  INFO(gate.out << gate.err);
  CHECK(gate.status == 3);
  CHECK(gate.tells("layer.0.attn.q_proj is only in the reference"));
  CHECK(find(reference(), names).tells("layer.3.attn.query"));
  const std::string hole = foreign_copy(healthy(), "hole.h5", {.rename = [](const std::string& path) {
                                          return path.starts_with("layer.2.") ? std::string() : path;
                                        }});
  const Said lacking = call({"gate", reference(), hole, "--model", model_directory(), "-n", "0"});
  INFO(lacking.out);
  CHECK(lacking.status == 3);
  CHECK(lacking.tells("layer.2.in_norm.out (only in the reference)"));
}

TEST_CASE("bits of bf16 in u16 without the attribute are refused with what to set") {
  const Said said = find(reference(), foreign_copy(healthy(), "u16.h5", {false, false, BatchAxis::kept, {}}));
  INFO(said.out << said.err);
  CHECK(said.status == 2);
  for (const char* text : {"u16.h5", "is stored as u16", "attrs[\"dtype\"] = \"bf16\""}) CHECK(said.complains(text));
}
