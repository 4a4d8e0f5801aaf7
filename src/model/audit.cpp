// SPDX-License-Identifier: Apache-2.0
#include "model/audit.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <map>
#include <memory>
#include <mutex>
#include <numeric>
#include <set>

#include <fmt/format.h>

#include "core/parallel.h"
#include "core/progress.h"
#include "model/audit_rules.h"
#include "model/config.h"
#include "model/family.h"

namespace plumbline {
namespace {

using KindKey = std::pair<std::string, DType>;

AuditedTensor listed(const std::string& name, const ListedTensor& stored, bool expected) {
  AuditedTensor tensor;
  tensor.name = name;
  tensor.file = stored.file;
  std::tie(tensor.layer, tensor.kind) = layer_and_kind(name);
  tensor.dtype = stored.tensor.dtype();
  tensor.shape = stored.tensor.shape();
  tensor.expected = expected;
  return tensor;
}

std::vector<AuditedTensor> inventory(const CheckpointListing& listing, const std::vector<ParameterSpec>& expected) {
  std::vector<AuditedTensor> tensors;
  std::set<std::string> names;
  for (const ParameterSpec& spec : expected) {
    names.insert(spec.name);
    const auto found = listing.tensors.find(spec.name);
    if (found != listing.tensors.end()) tensors.push_back(listed(spec.name, found->second, true));
  }
  for (const auto& [name, stored] : listing.tensors)
    if (!names.contains(name)) tensors.push_back(listed(name, stored, false));
  return tensors;
}

bool is_square(const AuditedTensor& tensor) {
  return tensor.expected && tensor.layer >= 0 && tensor.shape.size() == 2 && tensor.shape[0] == tensor.shape[1];
}

/// Everything that is measured, by several threads: one tensor each, the largest first.
class Measuring {
 public:
  Measuring(AuditReport& report, const CheckpointListing& listing)
      : report_(report), listing_(listing), squares_(report.tensors.size()), progress_("audit, weights", bytes()) {}

  std::vector<SquareMatrix> run(int threads) {
    std::vector<size_t> order;
    for (size_t i = 0; i < report_.tensors.size(); ++i)
      if (can_measure(report_.tensors[i].dtype) && stored(i).count() > 0) order.push_back(i);
    std::stable_sort(order.begin(), order.end(),
                     [&](size_t a, size_t b) { return stored(a).byte_size() > stored(b).byte_size(); });
    parallel_for(static_cast<int64_t>(order.size()), threads,
                 [&](int64_t i) { measure(order[static_cast<size_t>(i)]); });
    join_kinds();
    std::erase_if(squares_, [](const SquareMatrix& square) { return square.rows.empty() || square.columns.empty(); });
    return std::move(squares_);
  }

 private:
  const Tensor& stored(size_t i) const { return listing_.tensors.at(report_.tensors[i].name).tensor; }
  int64_t bytes() const {
    return std::accumulate(
        listing_.tensors.begin(), listing_.tensors.end(), int64_t{0},
        [](int64_t sum, const auto& one) { return sum + static_cast<int64_t>(one.second.tensor.byte_size()); });
  }

  void measure(size_t i) {
    AuditedTensor& tensor = report_.tensors[i];
    const ListedTensor& at = listing_.tensors.at(tensor.name);
    const MappedFile& mapping = listing_.files[at.mapping].mapping();
    std::optional<SquareProfile> profile;
    if (is_square(tensor)) profile.emplace(at.tensor.view());
    std::unique_ptr<TensorMeter> meter = take_meter();
    meter->start(tensor.dtype);
    const std::span<const std::byte> bytes = at.tensor.view().bytes();
    for (size_t begin = 0; begin < bytes.size(); begin += kPieceBytes) {
      const std::span<const std::byte> piece = bytes.subspan(begin, std::min(bytes.size() - begin, kPieceBytes));
      mapping.prefetch(piece);
      meter->add(piece);
      if (profile) profile->add(piece);
      // The piece before too: the system may map pages around those that are asked for.
      const size_t behind = begin - std::min(begin, kPieceBytes);
      mapping.release(bytes.subspan(behind, begin + piece.size() - behind));
      progress_.advance(static_cast<int64_t>(piece.size()));
    }
    tensor.statistics = meter->finish();
    tensor.pieces = meter->pieces();
    if (profile) squares_[i] = {tensor.name, tensor.kind, tensor.layer, profile->row_logs(), profile->column_logs()};
    keep(tensor, std::move(meter));
  }

  std::unique_ptr<TensorMeter> take_meter() {
    const std::lock_guard lock(mutex_);
    if (meters_.empty()) return std::make_unique<TensorMeter>();
    std::unique_ptr<TensorMeter> meter = std::move(meters_.back());
    meters_.pop_back();
    return meter;
  }

  /// Adds the tensor's counts to those of its kind. Only the config's kinds have a table: a file may name any number.
  void keep(const AuditedTensor& tensor, std::unique_ptr<TensorMeter> meter) {
    const std::lock_guard lock(mutex_);
    meters_.push_back(std::move(meter));
    if (!tensor.expected) return;
    std::vector<uint64_t>& all = counts_[{tensor.kind, tensor.dtype}];
    all.resize(kPatterns);
    for (const PatternCount& one : meters_.back()->counts()) all[one.pattern] += one.count;
  }

  /// In the order of the tensors, so that sums are the same whatever thread came first.
  void join_kinds() {
    std::map<KindKey, size_t> places;
    for (size_t i = 0; i < report_.tensors.size(); ++i) {
      const AuditedTensor& tensor = report_.tensors[i];
      if (!tensor.statistics || !tensor.expected) continue;
      const auto [place, is_new] = places.try_emplace({tensor.kind, tensor.dtype}, report_.kinds.size());
      if (is_new) report_.kinds.push_back({tensor.kind, tensor.dtype, {}, {}});
      AuditedKind& kind = report_.kinds[place->second];
      kind.tensors.push_back(i);
      join_statistics(kind.statistics, *tensor.statistics);
    }
    for (AuditedKind& kind : report_.kinds)
      complete_statistics(kind.statistics, kind.dtype,
                          ascending_counts(kind.dtype, counts_.at({kind.kind, kind.dtype})));
  }

  AuditReport& report_;
  const CheckpointListing& listing_;
  std::vector<SquareMatrix> squares_;
  std::mutex mutex_;
  std::map<KindKey, std::vector<uint64_t>> counts_;
  std::vector<std::unique_ptr<TensorMeter>> meters_;  // as many as threads measured at once
  Progress progress_;
};

std::map<int, const WeightStatistics*> statistics_by_layer(const AuditReport& report, std::string_view kind) {
  std::map<int, const WeightStatistics*> found;
  for (const AuditedTensor& tensor : report.tensors)
    if (tensor.expected && tensor.layer >= 0 && tensor.kind == kind && tensor.statistics)
      found[tensor.layer] = &*tensor.statistics;
  return found;
}

void apply_notes_checker(AuditReport& report) {
  std::vector<NotesLayer> layers;
  const auto k_norms = statistics_by_layer(report, "self_attn.k_norm.weight");
  const auto q_norms = statistics_by_layer(report, "self_attn.q_norm.weight");
  for (const auto& [layer, k] : k_norms) {
    if (layer >= report.config.layers || !q_norms.contains(layer)) continue;
    const WeightStatistics* const q = q_norms.at(layer);
    const bool finite = k->moments.count == k->count && q->moments.count == q->count;
    layers.push_back({layer, finite ? k->largest : std::nan(""), k->median.value, q->largest, q->median.value});
    if (!finite) continue;
    const double bound = largest_logit(report.config, *q, *k);
    if (report.logit_bound_layer < 0 || bound > report.logit_bound) {
      report.logit_bound = bound;
      report.logit_bound_layer = layer;
    }
  }
  report.notes_checker = notes_score(std::move(layers));
}

}  // namespace

int64_t AuditReport::count(AuditLevel level) const {
  return std::count_if(findings.begin(), findings.end(), [&](const AuditFinding& one) { return one.level == level; });
}

std::pair<int, std::string> layer_and_kind(const std::string& name) {
  const std::string_view model = "model.", layers = "model.layers.";
  if (name.starts_with(layers)) {
    int layer = 0;
    const char* const begin = name.data() + layers.size();
    const auto [end, error] = std::from_chars(begin, name.data() + name.size(), layer);
    if (error == std::errc() && end != name.data() + name.size() && *end == '.' && layer >= 0)
      return {layer, std::string(end + 1, name.data() + name.size())};
  }
  return {-1, name.starts_with(model) ? name.substr(model.size()) : name};
}

double largest_logit(const ModelConfig& config, const WeightStatistics& q, const WeightStatistics& k) {
  const Family* const family = find_family(config.architecture);
  const bool offsets = family != nullptr && family->norm_contract == "rmsnorm/gemma";
  const bool whole = family != nullptr && family->head_norms == HeadNorms::whole;
  const auto factor = [&](const WeightStatistics& weight) {
    return offsets ? std::max(std::fabs(1.0 + weight.least), std::fabs(1.0 + weight.largest)) : weight.magnitude();
  };
  const auto width = static_cast<double>(config.head_dim);
  const double scale = config.query_scalar != 0.0 ? width / std::sqrt(config.query_scalar) : std::sqrt(width);
  // A normed row of n channels is at most sqrt(n) long before its weight; one head may have all of it.
  const double rows = whole ? std::sqrt(static_cast<double>(config.heads * config.kv_heads)) : 1.0;
  return rows * scale * factor(k) * factor(q);
}

std::string form_of(const AuditedTensor& tensor) {
  return to_string(tensor.shape) + " " + std::string(dtype_name(tensor.dtype));
}

std::string values_of(const WeightStatistics& statistics) {
  if (statistics.moments.count == 0) return fmt::format("{} values, none of them finite", statistics.count);
  return fmt::format("{} values from {:.6g} to {:.6g}, median magnitude {:.4g}", statistics.count, statistics.least,
                     statistics.largest, statistics.median_magnitude.value);
}

namespace {

AuditReport audited(const std::filesystem::path& directory, int threads) {
  AuditReport report;
  report.directory = directory;
  report.config = load_config(directory);
  const std::vector<ParameterSpec> expected = expected_parameters(report.config);
  const CheckpointListing listing = list_checkpoint(directory);
  report.bytes = listing.bytes;
  report.tensors = inventory(listing, expected);
  const std::vector<SquareMatrix> squares = Measuring(report, listing).run(threads);
  check_presence(report, listing, expected);
  check_head(report);
  check_values(report);
  check_equal_tensors(report);
  check_squares(report, squares);
  check_family(report);
  report.has_qk_norm = std::any_of(expected.begin(), expected.end(), [](const ParameterSpec& spec) {
    return spec.name.ends_with(".self_attn.k_norm.weight");
  });
  apply_notes_checker(report);
  std::stable_sort(report.findings.begin(), report.findings.end(),
                   [](const AuditFinding& a, const AuditFinding& b) { return a.level < b.level; });
  return report;
}

}  // namespace

AuditReport audit_checkpoint(const std::filesystem::path& directory, int threads) {
  try {
    return audited(directory, threads);
  } catch (const std::filesystem::filesystem_error& error) {
    cannot_read_directory(directory, error);
  }
}

}  // namespace plumbline
