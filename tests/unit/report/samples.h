// SPDX-License-Identifier: Apache-2.0
// Hand-made reports for the tests of the writers; no trace and no model behind them.
#pragma once
#include <plumbline/find.h>

namespace plumbline::test {

/// Eight layers, four ops each; an origin in layer 3, a contract finding in layer 5, an amplifier, taps on one side.
FindReport diverging_report();
FindReport parity_report();
/// Parity to the last bit: LibTorch on a GPU, of which its trace says little, and the twin.
FindReport identical_report();
/// The same ops as diverging_report, both findings accepted by a policy: parity.
FindReport waived_report();
FindReport inconclusive_report();
/// What is left of diverging_report with --select 'layer.0.*' --exclude '*.attn.*': parity, two findings outside.
FindReport selected_report();
/// One f32 norm in layer 0, key norms with large weights, and what became of the difference.
FindReport amplified_report();

}  // namespace plumbline::test
