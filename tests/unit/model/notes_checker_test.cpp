// SPDX-License-Identifier: Apache-2.0
// The notes' formula at its corners. Expected scores are worked out by hand from the thresholds 15, 20, 0.3, 0.5,
// 20, 50.
#include "model/notes_checker.h"

#include <cmath>

#include "support/catch.h"

namespace plumbline::test {
namespace {

/// `extreme` of 10 layers have K weights up to `k`, the others up to 2; all medians are k / ratio or 1.
NotesScore score(int extreme, double k, double median) {
  std::vector<NotesLayer> layers;
  for (int i = 0; i < 10; ++i)
    layers.push_back(i < extreme ? NotesLayer{i, k, median, 4.0, 1.0} : NotesLayer{i, 2.0, 1.0, 2.0, 1.0});
  return notes_score(layers);
}

}  // namespace

TEST_CASE("the notes' score follows their thresholds") {
  struct Row {
    const char* what;
    int extreme;
    double k, median, a, b, c;
  };
  const Row rows[] = {
      {"nothing extreme", 0, 0.0, 1.0, 1.0, 1.0, 1.0},
      {"ratio 15, share 0.3", 3, 15.0, 1.0, 1.0, 1.0, 1.0},
      {"ratio 17.5: half of the way from 0.5 to 0", 3, 17.5, 1.0, 0.25, 1.0, 1.0},
      {"ratio 20", 3, 20.0, 1.0, 0.0, 1.0, 1.0},
      {"largest 35: half", 3, 35.0, 5.0, 1.0, 1.0, 0.5},
      {"largest 50", 3, 50.0, 5.0, 1.0, 1.0, 0.0},
      {"largest 96.5", 3, 96.5, 50.0, 1.0, 1.0, 0.0},
      {"share 0.4", 4, 11.0, 5.0, 1.0, 0.8, 1.0},
      {"share 0.5: 0.6 just before the jump", 5, 11.0, 5.0, 1.0, 0.6, 1.0},
      {"share 0.6: 0", 6, 11.0, 5.0, 1.0, 0.0, 1.0},
      {"all at once", 6, 96.5, 1.2, 0.0, 0.0, 0.0},
  };
  for (const Row& row : rows) {
    INFO(row.what);
    const NotesScore notes = score(row.extreme, row.k, row.median);
    CHECK(notes.a == Approx(row.a));
    CHECK(notes.b == Approx(row.b));
    CHECK(notes.c == Approx(row.c));
    CHECK(notes.score == Approx(0.4 * row.a + 0.3 * row.b + 0.3 * row.c).margin(1e-12));
    CHECK(notes.extreme_layers == row.extreme);
  }
  CHECK(score(6, 96.5, 1.2).verdict() == "INCOMPATIBLE");
  CHECK(score(3, 60.0, 30.0).verdict() == "WARNING");  // 0.4 + 0.3
  CHECK(score(0, 0.0, 1.0).verdict() == "COMPATIBLE");
}

TEST_CASE("a layer with NaN or infinity in a norm is left out, wherever it stands") {
  for (const size_t place : {0, 1, 2}) {
    std::vector<NotesLayer> layers = {{0, 96.5, 1.2, 4.0, 1.0}, {1, 2.0, 1.0, 2.0, 1.0}};
    layers.insert(layers.begin() + static_cast<std::ptrdiff_t>(place), NotesLayer{7, std::nan(""), 1.0, 2.0, 1.0});
    const NotesScore notes = notes_score(layers);
    CHECK(notes.left_out == 1);
    CHECK(notes.largest_k == 96.5);
    CHECK(notes.b == Approx(0.6));  // one of two
    CHECK(notes.verdict() == "INCOMPATIBLE");
  }
  const NotesScore nothing = notes_score({{0, std::nan(""), 1.0, 2.0, 1.0}});
  CHECK(nothing.left_out == 1);
  CHECK(nothing.extreme_layers == 0);
}

TEST_CASE("the notes' amplification is a product over extreme layers and does not enter the score") {
  const NotesScore notes = score(2, 96.5, 50.0);
  CHECK(notes.amplification == Approx((1.0 + 0.001 * 50.25) * (1.0 + 0.001 * 50.25)));
  CHECK(notes.largest_k == 96.5);
  CHECK(notes.largest_k_layer == 0);
  CHECK(notes.worst_ratio == Approx(2.0));
}

TEST_CASE("without q and k norm the notes' checker says 1.00 without looking") {
  const NotesScore notes = notes_score({});
  CHECK(notes.score == 1.0);
  CHECK(notes.verdict() == "COMPATIBLE");
  CHECK(notes.layers.empty());
}

}  // namespace plumbline::test
