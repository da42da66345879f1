// What the tests of every journal share: an implementation behind a harness, and batches to put in.
#pragma once

#include "base/rng.h"
#include "base/sim_loop.h"
#include "journal/journal.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace gapless::journal {

inline otlp::Batch MakeBatch(std::string_view body, uint32_t items = 1,
                             otlp::Metadata metadata = {}) {
  otlp::Batch batch;
  batch.items = items;
  batch.body = Rope::CopyOf(body);
  batch.raw_size = body.size();
  if (!metadata.empty()) {
    batch.metadata = std::make_shared<const otlp::Metadata>(std::move(metadata));
  }
  return batch;
}

inline std::string RandomBody(Rng& rng, size_t max_size) {
  std::string body(rng.Below(max_size + 1), '\0');
  for (char& c : body) {
    c = static_cast<char>(rng.Next());
  }
  return body;
}

inline Settlement Delivered(uint32_t items) { return {.delivered = items}; }

class JournalHarness {
 public:
  virtual ~JournalHarness() = default;
  virtual Journal& journal() = 0;
  // Closes or kills the journal and opens it again; false if this kind keeps nothing.
  virtual bool Reopen(bool crash) = 0;

  SimLoop& loop() { return loop_; }

  Result<Position> Append(otlp::Batch batch) {
    Result<Position> result = Internal("no answer");
    journal().Append(std::move(batch), [&](Result<Position>&& r) { result = std::move(r); });
    loop_.RunPosted();
    return result;
  }
  Result<otlp::Batch> Read(Position position) {
    Result<otlp::Batch> result = Internal("no answer");
    journal().Read({position}, [&](std::vector<Result<otlp::Batch>> batches) {
      result = std::move(batches.front());
    });
    loop_.RunPosted();
    return result;
  }
  std::vector<Position> Pending() {
    std::vector<Position> positions;
    for (auto info = journal().NextPending(0); info;
         info = journal().NextPending(info->position + 1)) {
      positions.push_back(info->position);
    }
    return positions;
  }
  // Everything that is retained and that nobody else needs.
  std::vector<Position> Retained() { return journal().Retained({.since = {}}); }
  std::vector<Position> Owed(ReaderId reader) {
    std::vector<Position> positions;
    for (auto info = journal().NextOwed(reader, 0); info;
         info = journal().NextOwed(reader, info->position + 1)) {
      positions.push_back(info->position);
    }
    return positions;
  }

 protected:
  SimLoop loop_;
};

}  // namespace gapless::journal
