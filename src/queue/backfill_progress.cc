#include "queue/backfill_progress.h"

#include "telemetry/log.h"

namespace gapless::queue {

void BackfillProgress::Begin() {
  if (run_) {
    return;
  }
  run_ = Run{.began = loop_.Now()};
  const journal::Amount owed = journal_.stats().owed;
  log_.Info("backfill: started", {{"level", level_},
                                  {"destination", name_},
                                  {"owed_requests", owed.requests},
                                  {"owed_items", owed.items}});
}

void BackfillProgress::Delivered(uint64_t items) {
  delivered_items_ += items;
  stats_.Backfilled(level_, items);
  if (!run_) {
    return;
  }
  run_->items += items;
  if (loop_.Now() - run_->began >= std::chrono::seconds(30)) {
    progress_log_.Log(log_, telemetry::LogLevel::kInfo, loop_.Now(), "backfill: goes on",
                      {{"destination", name_},
                       {"delivered_items", run_->items},
                       {"owed_items", journal_.stats().owed.items},
                       {"for", loop_.Now() - run_->began}});
  }
}

void BackfillProgress::GivenUp(uint64_t items, std::string_view reason) {
  if (items == 0) {
    return;
  }
  stats_.BackfillGivenUp(reason, items);
  if (run_) {
    run_->given_up += items;
  }
}

void BackfillProgress::End() {
  if (!run_) {
    return;
  }
  log_.Info("backfill: complete", {{"level", level_},
                                   {"destination", name_},
                                   {"delivered_items", run_->items},
                                   {"given_up_items", run_->given_up},
                                   {"took", loop_.Now() - run_->began}});
  run_.reset();
}

void BackfillProgress::Failed(std::string_view outcome, const Status& cause) {
  failures_log_.Log(log_, telemetry::LogLevel::kInfo, loop_.Now(),
                    "backfill: an attempt failed and is made again",
                    {{"destination", name_}, {"class", outcome}, {"cause", cause.message()}});
}

void BackfillProgress::Skipped(uint64_t items, const Status& cause) {
  failures_log_.Log(log_, telemetry::LogLevel::kWarn, loop_.Now(),
                    "backfill: the level rejects what comes late, it is skipped",
                    {{"destination", name_}, {"skipped_items", items}, {"cause", cause.message()}});
}

}  // namespace gapless::queue
