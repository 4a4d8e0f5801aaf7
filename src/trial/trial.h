// SPDX-License-Identifier: Apache-2.0
// The oracle's bounds put to trial: random ops of every kind under every contract, computed by right implementations in
// every legal order and held against their bounds. Invariant: the same request gives the same rows, whatever the number
// of threads.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "oracle/declared_order.h"
#include "oracle/judge.h"
#include "trial/cases.h"

namespace plumbline::trial {

/// A kind of op under a contract, and the order of sums that is declared, if one is.
struct Subject {
  OpKind kind = OpKind::linear;
  std::string_view contract;
  std::optional<SumOrder> declared;
  std::vector<Order> orders;  ///< those that are legal
};
/// Every kind under every contract in any order, then the declared orders.
std::vector<Subject> subjects();

/// What the gates of distributions say of right results.
struct Alarms {
  int64_t results = 0;
  int64_t loud = 0, leaning = 0, gathered = 0;  ///< results beyond kLoud, kLeaning, or with an excess in one slice
  double loudest = 0.0, most_leaning = 0.0;
};

/// One subject over one class of data.
struct Row {
  Subject subject;
  Data data = Data::normal;
  int64_t ops = 0, elements = 0;
  bool exact = false;          ///< one right result: bits must be equal
  int64_t accused = 0;         ///< results of a right implementation that a gate failed: must be 0
  int64_t unequal = 0;         ///< elements unlike the rounding-matched oracle
  double expected = 0.0;       ///< of them by the mismatch law
  double worst = 0.0;          ///< largest |error| / bound before the output rounding: above 1 the bound is unsound
  std::vector<double> shares;  ///< per op the largest of them over elements and orders, ascending
  std::string accusation;      ///< the first one
  Gate accuser = Gate::none;   ///< the gate that failed it
  Alarms alarms;

  double median() const { return shares.empty() ? 0.0 : shares[shares.size() / 2]; }
  /// The inner bound did not hold, though the gates may have (they add the output's rounding).
  bool exceeded() const { return worst > 1.0 + 1e-6; }
  bool differs() const { return exact && unequal > 0; }
  bool sound() const { return accused == 0 && !exceeded() && !differs(); }
};

struct Request {
  int64_t ops = 20;  ///< of each subject, spread over the classes of data
  uint64_t seed = 1;
  DType model = DType::bf16;
  int threads = 1;
};

/// Rows in the order of `subjects`, and of kData within one. Classes that the format cannot hold are left out.
std::vector<Row> hold(const std::vector<Subject>& subjects, const Request& request);

}  // namespace plumbline::trial
