// SPDX-License-Identifier: Apache-2.0
// Traces that other software wrote, brought to the form that the op graph declares where that changes no number:
// values widened for writing (bf16 kept in f32) and axes of length 1 left out or added.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include <plumbline/op_graph.h>
#include <plumbline/trace.h>

namespace plumbline {

/// `trace` itself if it states an op graph; else (foreign, or captured from other software) the same file with its taps
/// in the graph's formats and ranks, with one line in `notes` for what was done. A tap with a value that the graph's
/// format cannot hold stays as it is and is judged so. Throws TraceError if a floating tap is stored as integers, or if
/// most widened taps cannot be held by the graph's format (the run computed in another one).
Trace fit_to_graph(const Trace& trace, const OpGraph& graph, int threads, std::vector<std::string>& notes);

/// The shape with as many extents as `axes` that differs from `shape` by extents of 1 only; nullopt if there is none or
/// several would do. "batch" and "stat" are 1 by definition.
std::optional<Shape> shape_for_axes(const Shape& shape, const std::vector<std::string>& axes);

}  // namespace plumbline
