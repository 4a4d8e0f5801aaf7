// SPDX-License-Identifier: Apache-2.0
// The report of audit, as approved: a trained model without a finding, and a small one with several defects.
#include "report/audit.h"

#include <cmath>
#include <cstring>
#include <nlohmann/json.hpp>
#include <set>

#include "locate/codes.h"
#include "support/catch.h"
#include "support/tiny_model.h"
#include "unit/report/approved.h"

namespace plumbline::test {
namespace {

AuditReport sound() {
  AuditReport report = audit_checkpoint(std::filesystem::path(PLUMBLINE_SOURCE_DIR) / "dumps/models/qwen3-tiny", 2);
  report.directory = "dumps/models/qwen3-tiny";
  return report;
}

void put(RawTensor& tensor, uint16_t pattern) {
  for (size_t i = 0; i < tensor.bytes.size(); i += 6) std::memcpy(tensor.bytes.data() + i, &pattern, sizeof pattern);
}

/// K norms as in the notes, NaN, a bias from raw memory with a name that would colour the terminal, no head.
AuditReport damaged() {
  TinyModelOptions options;
  options.layers = 3;
  options.tied = false;
  options.edit_tensors = [](std::vector<RawTensor>& tensors) {
    std::erase_if(tensors, [](const RawTensor& tensor) { return tensor.name == "lm_head.weight"; });
    for (RawTensor& tensor : tensors) {
      if (tensor.name == "model.layers.0.self_attn.k_norm.weight") {
        const uint16_t extreme = 0x42C1;  // 96.5
        std::memcpy(tensor.bytes.data(), &extreme, sizeof extreme);
      }
      if (tensor.name == "model.layers.2.mlp.up_proj.weight") put(tensor, 0x7FC0);
    }
    RawTensor bias{"model.layers.1.self_attn.q_proj.bias", "BF16", {128}, std::string(256, '\0')};
    put(bias, 0x7145);
    tensors.push_back(bias);
    bias.name = "model.layers.1.\x1b[31mred";
    bias.bytes[1] = 1;
    tensors.push_back(bias);
  };
  AuditReport report = audit_checkpoint(write_tiny_model(options).path(), 2);
  report.directory = "damaged";
  return report;
}

/// A run that breaks in layer 1, with and without noise.
MeasuredAudit broken(bool noise) {
  MeasuredAudit measured;
  measured.file = "run.h5";
  measured.backend = "torch";
  const double none = std::nan("");
  measured.stages.stages = {{"embed", -1, 1024, 0, 0.11, 0.5, none, StageState::ok},
                            {"layer.0.resid2", 0, 1024, 0, 1.5, 9.0, 13.6, StageState::ok},
                            {"layer.1.resid2", 1, 1024, 0, 1e33, 3e33, 6.7e32, StageState::fail},
                            {"final_norm.out", -1, 1024, 0, 0.0, 0.0, none, StageState::fail},
                            {"logits", -1, 2560, 12, 1.0, 2.0, none, StageState::inf}};
  measured.stages.missing = 1;
  measured.stages.breaks = 2;
  measured.stages.begins = Eruption{"layer.1.attn.v_proj", 6e33, 2.4};
  measured.logits = {{0, 44.0, 13.0, noise ? 0.07 : none}, {1, none, 20.0, none}};
  if (!noise) {
    measured.without_noise = "the trace holds statistics alone: record values";
    return measured;
  }
  NoiseFloor& floor = measured.noise.emplace();
  floor.runs = 8;
  floor.logits = 0.025;
  floor.kl_mean = 3e-4;
  floor.kl_max = 0.007;
  floor.growth = 0.085;
  return measured;
}

}  // namespace

TEST_CASE("what happened in a run reads as approved") {
  const MeasuredAudit with = broken(true), without = broken(false);
  check_approved("audit/measured.txt", audit_text(damaged(), &with, {}, true));
  check_approved("audit/not_measured.txt", audit_text(damaged(), &without, {}, false));
  check_approved("audit/measured.json", audit_json(damaged(), &with));
}

TEST_CASE("the report of audit reads as approved") {
  check_approved("audit/sound.txt", audit_text(sound(), nullptr, {}, false));
  TextOptions all;
  all.rows = 0;
  check_approved("audit/damaged.txt", audit_text(damaged(), nullptr, all, true));
  check_approved("audit/damaged.json", audit_json(damaged(), nullptr));
  check_approved("audit/damaged.svg", audit_svg(damaged()));
}

TEST_CASE("no name out of a checkpoint reaches the terminal or the drawing unescaped") {
  const AuditReport report = damaged();
  for (const std::string& text :
       {audit_text(report, nullptr, {}, true), audit_json(report, nullptr), audit_svg(report)})
    CHECK(text.find('\x1b') == std::string::npos);
}

TEST_CASE("findings beyond the rows are counted, and every rule has a page of its own") {
  TextOptions one;
  one.rows = 1;
  const std::string text = audit_text(damaged(), nullptr, one, false);
  CHECK(text.find("more findings: --rows 0 shows all") != std::string::npos);
  std::set<std::string_view> codes;
  for (int rule = 0; rule <= static_cast<int>(AuditRule::small_embedding); ++rule) {
    const std::string_view code = audit_code(static_cast<AuditRule>(rule));
    CHECK(find_code_page(code) != nullptr);
    codes.insert(code);
  }
  CHECK(codes.size() == audit_pages().size());
}

}  // namespace plumbline::test
