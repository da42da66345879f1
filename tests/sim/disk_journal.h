// DiskJournal: a durable journal of the simulator: what it holds outlives the queue that uses it,
// appends are written in groups a little later, and reads come back after a while, not always in
// the order they were asked for.
#pragma once

#include "base/rng.h"
#include "journal/memory_journal.h"

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace gapless::sim {

class DiskJournal final : public journal::Journal {
 public:
  // `disk` is what survives; one journal at a time uses it.
  DiskJournal(std::shared_ptr<journal::MemoryJournal> disk, Loop& loop, uint64_t seed)
      : disk_(std::move(disk)), loop_(loop), rng_(seed) {}
  ~DiskJournal() override { disk_->SetListener({}); }
  DiskJournal(const DiskJournal&) = delete;
  DiskJournal& operator=(const DiskJournal&) = delete;

  void Append(otlp::Batch batch, AppendCallback done) override {
    batch.context = nullptr;
    waiting_.emplace_back(std::move(batch), std::move(done));
    if (!writing_.armed()) {
      writing_ = loop_.RunAfter(Delay(), [this] { Write(); });
    }
  }
  void SetListener(std::move_only_function<void()> on_readable) override {
    disk_->SetListener(std::move(on_readable));
  }
  std::optional<journal::RecordInfo> NextPending(journal::Position from) const override {
    return disk_->NextPending(from);
  }
  void Read(std::vector<journal::Position> positions, ReadCallback done) override {
    const uint64_t id = next_read_++;
    reads_[id] = loop_.RunAfter(
        Delay(), [this, id, positions = std::move(positions), done = std::move(done)]() mutable {
          const auto node = reads_.extract(id);
          disk_->Read(std::move(positions), std::move(done));
        });
  }
  void Settle(journal::Position position, const journal::Settlement& settlement,
              const std::vector<journal::ReaderId>& owed) override {
    disk_->Settle(position, settlement, owed);
  }
  journal::ReaderId RegisterReader(std::string_view name) override {
    return disk_->RegisterReader(name);
  }
  std::optional<journal::RecordInfo> NextOwed(journal::ReaderId reader,
                                              journal::Position from) const override {
    return disk_->NextOwed(reader, from);
  }
  void SettleDebt(journal::ReaderId reader, journal::Position position, bool delivered) override {
    disk_->SettleDebt(reader, position, delivered);
  }
  void SetBackfillMaxSize(uint64_t bytes) override { disk_->SetBackfillMaxSize(bytes); }
  void ForgetUnregisteredReaders() override { disk_->ForgetUnregisteredReaders(); }
  void SetRetention(const journal::RetentionLimits& limits) override {
    disk_->SetRetention(limits);
  }
  std::vector<journal::Position> Retained(const journal::RetainedQuery& query) const override {
    return disk_->Retained(query);
  }
  journal::Amount OweRetained(journal::ReaderId reader, journal::Position position) override {
    return disk_->OweRetained(reader, position);
  }
  journal::Position head() const override { return disk_->head(); }
  const journal::Ledger& ledger() const override { return disk_->ledger(); }
  journal::JournalStats stats() const override { return disk_->stats(); }
  std::string tier() const override { return "storage (simulated)"; }
  void SetUserState(std::string state) override { disk_->SetUserState(std::move(state)); }
  std::string user_state() const override { return disk_->user_state(); }
  void Close(std::move_only_function<void()> done) override {
    Write();
    done();
  }

 private:
  Duration Delay() { return std::chrono::microseconds(100 + rng_.Below(5000)); }

  void Write() {
    for (auto& [batch, done] : std::exchange(waiting_, {})) {
      disk_->Append(std::move(batch), std::move(done));
    }
  }

  std::shared_ptr<journal::MemoryJournal> disk_;
  Loop& loop_;
  Rng rng_;
  std::deque<std::pair<otlp::Batch, AppendCallback>> waiting_;
  Timer writing_;
  std::map<uint64_t, Timer> reads_;
  uint64_t next_read_ = 1;
};

}  // namespace gapless::sim
