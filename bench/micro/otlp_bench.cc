// The byte path: what each step costs per byte of a request of 512 items, in slices as a socket
// delivers them.
#include "otlp/json_decode.h"
#include "otlp/json_encode.h"
#include "otlp/scan.h"
#include "otlp/split.h"
#include "tests/support/otlp_builder.h"
#include "wire/checksum.h"
#include "wire/compression.h"

#include <algorithm>
#include <string>

#include <benchmark/benchmark.h>

namespace gapless::otlp {
namespace {

constexpr size_t kPiece = 16384;
constexpr size_t kLimit = size_t{64} << 20;

Rope Request(Signal signal) {
  const std::string text = gapless::testing::BuildRequest(signal, {.items = 512, .attributes = 10});
  Rope rope;
  for (size_t at = 0; at < text.size(); at += kPiece) {
    rope.Append(Slice::CopyOf(std::string_view(text).substr(at, kPiece)));
  }
  return rope;
}

void CountBytes(benchmark::State& state, size_t bytes) {
  state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(bytes));
}

void BM_Scan(benchmark::State& state) {
  const auto signal = static_cast<Signal>(state.range(0));
  const Rope request = Request(signal);
  for (auto _ : state) {
    benchmark::DoNotOptimize(Scan(request, signal));
  }
  CountBytes(state, request.size());
}
BENCHMARK(BM_Scan)->DenseRange(0, 2);

void BM_CountItems(benchmark::State& state) {
  const auto signal = static_cast<Signal>(state.range(0));
  const Rope request = Request(signal);
  for (auto _ : state) {
    benchmark::DoNotOptimize(CountItems(request, signal));
  }
  CountBytes(state, request.size());
}
BENCHMARK(BM_CountItems)->DenseRange(0, 2);

void BM_Split(benchmark::State& state) {
  const Rope request = Request(Signal::kTraces);
  for (auto _ : state) {
    benchmark::DoNotOptimize(Split(request, Signal::kTraces, {.max_items = 100}));
  }
  CountBytes(state, request.size());
}
BENCHMARK(BM_Split);

void BM_EncodeJson(benchmark::State& state) {
  const Rope request = Request(Signal::kTraces);
  std::string json;
  for (auto _ : state) {
    json.clear();
    benchmark::DoNotOptimize(EncodeJson(request, Signal::kTraces, &json).ok());
  }
  CountBytes(state, json.size());
}
BENCHMARK(BM_EncodeJson);

void BM_DecodeJson(benchmark::State& state) {
  std::string json;
  benchmark::DoNotOptimize(EncodeJson(Request(Signal::kTraces), Signal::kTraces, &json).ok());
  const Rope text = Rope::CopyOf(json);
  for (auto _ : state) {
    benchmark::DoNotOptimize(DecodeJson(text, Signal::kTraces));
  }
  CountBytes(state, text.size());
}
BENCHMARK(BM_DecodeJson);

void BM_Compress(benchmark::State& state) {
  const auto codec = static_cast<wire::Codec>(state.range(0));
  const Rope request = Request(Signal::kTraces);
  for (auto _ : state) {
    benchmark::DoNotOptimize(wire::Compress(codec, wire::kDefaultLevel, request));
  }
  state.SetLabel(std::string(wire::CodecName(codec)));
  CountBytes(state, request.size());
}
BENCHMARK(BM_Compress)->DenseRange(1, 6);

void BM_Decompress(benchmark::State& state) {
  const auto codec = static_cast<wire::Codec>(state.range(0));
  const Rope request = Request(Signal::kTraces);
  const Result<Rope> packed = wire::Compress(codec, wire::kDefaultLevel, request);
  for (auto _ : state) {
    benchmark::DoNotOptimize(wire::Decompress(codec, *packed, kLimit));
  }
  state.SetLabel(std::string(wire::CodecName(codec)));
  CountBytes(state, request.size());
}
BENCHMARK(BM_Decompress)->DenseRange(1, 6);

void BM_Crc32c(benchmark::State& state) {
  const Rope request = Request(Signal::kTraces);
  for (auto _ : state) {
    benchmark::DoNotOptimize(wire::Crc32c(request));
  }
  CountBytes(state, request.size());
}
BENCHMARK(BM_Crc32c);

}  // namespace
}  // namespace gapless::otlp
