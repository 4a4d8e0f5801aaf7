// SPDX-License-Identifier: Apache-2.0
// Uses the installed library as another project would: writes a trace, reads it back, compares two of its taps. Every
// public header is included, and something of every installed library is called.
#include <plumbline/backend.h>
#include <plumbline/compare.h>
#include <plumbline/contract.h>
#include <plumbline/dtype.h>
#include <plumbline/error.h>
#include <plumbline/find.h>
#include <plumbline/model.h>
#include <plumbline/op_graph.h>
#include <plumbline/tap.h>
#include <plumbline/tensor.h>
#include <plumbline/trace.h>

#include <array>
#include <cstdio>
#include <stdexcept>

namespace {

void require(bool holds, const char* what) {
  if (!holds) throw std::runtime_error(what);
}

void write(const char* file) {
  plumbline::TraceHeader header;
  header.producer = "consumer";
  header.graph_json = plumbline::to_json(plumbline::OpGraph{});
  plumbline::TraceWriter writer(file, header);
  writer.begin_step({0, 0, {65}});
  const std::array expected{1.0, 2.0, 3.0, 4.0}, actual{1.0, 2.0, 3.5, 4.0};  // all of them bf16 numbers
  writer.record({"a", plumbline::DType::bf16, {"channel"}},
                plumbline::Tensor::from_values(plumbline::DType::bf16, {4}, expected).view());
  writer.record({"b", plumbline::DType::f32, {"channel"}},
                plumbline::Tensor::from_values(plumbline::DType::f32, {4}, actual).view());
  writer.finish();
}

void read(const char* file) {
  const plumbline::Trace trace = plumbline::Trace::open(file);
  plumbline::require_sound(trace);
  const plumbline::Tensor a = trace.read(*trace.find("a", 0)), b = trace.read(*trace.find("b", 0));
  const plumbline::Metrics metrics = plumbline::compare(a.view(), b.view());
  std::printf("%zu taps, %lld of %lld elements equal, largest difference %g\n", trace.taps().size(),
              static_cast<long long>(metrics.count - metrics.mismatches), static_cast<long long>(metrics.count),
              metrics.max_abs);
}

}  // namespace

int main(int argc, char** argv) try {
  require(argc == 2, "one argument: the file to write");
  require(!plumbline::fault_catalogue().empty(), "no fault is known");
  require(plumbline::find_contract("rmsnorm/llama").covers(plumbline::OpKind::rmsnorm), "a contract is amiss");
  require(plumbline::outcome_name(plumbline::Outcome::parity) == "parity", "an outcome is amiss");
  write(argv[1]);
  read(argv[1]);
  return 0;
} catch (const std::exception& error) {
  std::fprintf(stderr, "consumer: %s\n", error.what());
  return 1;
}
