// SPDX-License-Identifier: Apache-2.0
#include "trace/codec.h"

namespace plumbline::trace {
namespace {

constexpr uint64_t kTextBytes = 8;  // the least a text takes: its length
constexpr auto kTexts = {&TraceHeader::run_id,          &TraceHeader::producer,     &TraceHeader::producer_version,
                         &TraceHeader::created_utc,     &TraceHeader::backend,      &TraceHeader::device,
                         &TraceHeader::model_directory, &TraceHeader::architecture, &TraceHeader::config_json,
                         &TraceHeader::graph_json,      &TraceHeader::prompt};
constexpr auto kMaps = {&TraceHeader::files, &TraceHeader::parameters, &TraceHeader::environment};

}  // namespace

void encode(ByteWriter& out, const TraceHeader& header) {
  for (const auto member : kTexts) out.text(header.*member);
  for (const auto member : kMaps) {
    out.u64((header.*member).size());
    for (const auto& [key, value] : header.*member) {
      out.text(key);
      out.text(value);
    }
  }
  out.u64(header.faults.size());
  for (const std::string& fault : header.faults) out.text(fault);
  out.u8(header.complete ? 1 : 0);
  out.u8(header.recovered ? 1 : 0);
}

TraceHeader decode_header(ByteReader& in) {
  TraceHeader header;
  for (const auto member : kTexts) header.*member = in.text();
  for (const auto member : kMaps) {
    for (uint64_t left = in.count(2 * kTextBytes); left > 0; --left) {
      std::string key = in.text();
      (header.*member)[std::move(key)] = in.text();
    }
  }
  for (uint64_t left = in.count(kTextBytes); left > 0; --left) header.faults.push_back(in.text());
  header.complete = in.u8() != 0;
  header.recovered = in.u8() != 0;
  return header;
}

void encode(ByteWriter& out, const Step& step) {
  out.i64(step.index);
  out.i64(step.first_position);
  out.u64(step.tokens.size());
  for (const int64_t token : step.tokens) out.i64(token);
}

Step decode_step(ByteReader& in) {
  Step step;
  step.index = in.i64();
  step.first_position = in.i64();
  for (uint64_t left = in.count(sizeof(int64_t)); left > 0; --left) step.tokens.push_back(in.i64());
  return step;
}

void encode(ByteWriter& out, const TapEntry& entry) {
  out.text(entry.path);
  out.i64(entry.step);
  out.i64(entry.layer);
  out.text(dtype_name(entry.dtype));
  out.u64(entry.shape.size());
  for (const int64_t extent : entry.shape) out.i64(extent);
  out.u64(entry.axes.size());
  for (const std::string& axis : entry.axes) out.text(axis);
  out.i64(entry.file_offset);
  out.i64(entry.byte_size);
  out.text(entry.xxh3);
}

TapEntry decode_entry(ByteReader& in) {
  TapEntry entry;
  entry.path = in.text();
  entry.step = in.i64();
  entry.layer = static_cast<int>(in.i64());
  const std::string name = in.text();
  const std::optional<DType> dtype = parse_dtype(name);
  if (!dtype) throw ByteError("unknown dtype '" + name + "'");
  entry.dtype = *dtype;
  for (uint64_t left = in.count(sizeof(int64_t)); left > 0; --left) entry.shape.push_back(in.i64());
  for (uint64_t left = in.count(kTextBytes); left > 0; --left) entry.axes.push_back(in.text());
  entry.file_offset = in.i64();
  entry.byte_size = in.i64();
  entry.xxh3 = in.text();
  return entry;
}

void encode(ByteWriter& out, const FlatTable& table) {
  encode(out, table.header);
  out.u64(table.steps.size());
  for (const Step& step : table.steps) encode(out, step);
  out.u64(table.taps.size());
  for (const TapEntry& entry : table.taps) encode(out, entry);
  out.u8(table.foreign ? 1 : 0);
}

FlatTable decode_table(ByteReader& in) {
  FlatTable table;
  table.header = decode_header(in);
  for (uint64_t left = in.count(3 * sizeof(int64_t)); left > 0; --left) table.steps.push_back(decode_step(in));
  for (uint64_t left = in.count(9 * sizeof(int64_t)); left > 0; --left) table.taps.push_back(decode_entry(in));
  table.foreign = in.u8() != 0;
  if (!in.done()) throw ByteError("bytes left over after the table");
  return table;
}

}  // namespace plumbline::trace
