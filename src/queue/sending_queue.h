// SendingQueue: journal + router + levels = everything that upstream calls a sending queue, and
// failover with it.
//
// A plain exporter is a queue with one level; a failover connector has one level per priority. The
// queue stands in front of the decision: what a level has not settled is simply still pending, and
// the next level gets it.
//
//   Consume -> admission -> journal -> Dispatcher: backlog -> unit -> level -> senders
//                             ^ settlement                       | outcomes -> failover
//
// One per (exporter or connector, signal); everything on its home loop (pipeline/home_consumer.h
// hops there). It lives across configuration reloads: Reconfigure exchanges levels and settings and
// keeps journal and failover state.
#pragma once

#include "base/lifetime.h"
#include "base/loop.h"
#include "journal/journal.h"
#include "pipeline/consumer.h"
#include "queue/admission.h"
#include "queue/blocked_producers.h"
#include "queue/dispatcher.h"
#include "queue/pending_clients.h"
#include "queue/queue_context.h"
#include "queue/queue_status.h"
#include "telemetry/log.h"

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace gapless::queue {

class SendingQueue final : private Dispatcher::Owner {
 public:
  SendingQueue(Loop& home, std::unique_ptr<journal::Journal> journal, SendingQueueOptions options,
               telemetry::Logger log, std::unique_ptr<QueueStats> stats);
  SendingQueue(const SendingQueue&) = delete;
  SendingQueue& operator=(const SendingQueue&) = delete;

  // The completion answers as `ack` says: OK, or UNAVAILABLE with a delay at the limit.
  void Consume(otlp::Batch batch, pipeline::Completion completion);

  // New settings and levels. Units on levels that are gone are taken back; levels that stay keep
  // their state.
  void Reconfigure(SendingQueueOptions options);
  // The component left the configuration: takes nothing any more, goes on delivering, and calls
  // `drained` once the journal is empty and nothing is owed. It is for the owner to bring it back
  // by a Reconfigure, before or after, or to end it by Shutdown.
  void Retire(std::move_only_function<void()> drained);
  // Takes nothing any more, delivers until the journal is empty or `deadline` passed, then closes
  // the journal. `done` hears what was left in memory: counted as dropped{shutdown}. A durable
  // journal waits only for what is in flight.
  void Shutdown(TimePoint deadline, std::move_only_function<void(journal::Amount left)> done);

  // The process is about to end: those who wait for room, now or later, are refused with a delay.
  void StopBlocking();

  // The operator's override of a level.
  void SetOverride(size_t level, routing::Override word);
  // Asks the level's destinations now; `done` hears the worst answer, unless a Reconfigure comes
  // first. A good one ends the level's hold.
  void Probe(size_t level, sending::AttemptCallback done);

  // Sends what was delivered since then, to whatever level, and is still retained, to this level
  // (again): behind live data, as backfill. Returns what that is; retention may reach less far back
  // (JournalStats::retained_since).
  journal::Amount Replay(size_t level, WallTime since) {
    return dispatcher_.backfills().Replay(level, since);
  }

  QueueStatus status() const;
  bool empty() const { return journal_->stats().pending.requests == 0; }
  const SendingQueueOptions& options() const { return options_; }
  const journal::Journal& journal() const { return *journal_; }

 private:
  // What comes in.
  void Admit(BlockedProducers::Request request);
  void AdmitBlocked();
  void TurnAway(BlockedProducers::Request request);
  void Refuse(BlockedProducers::Request request, std::string_view why);
  void DropOldestFor(const otlp::Batch& batch);
  void Append(BlockedProducers::Request request);
  void OnAppended(Result<journal::Position> position, otlp::Batch batch,
                  pipeline::Completion completion, uint64_t recounts);
  void OnExpired(journal::Position position);
  // What is pending now takes its place in the queue.
  void Recount();
  void CountMore();

  // Dispatcher.
  void OnUnitEnded() override { AdmitBlocked(); }
  void OnTurnEnd() override { CheckDrained(); }
  QueueLife life() const override { return life_; }

  void OnReadable();
  void CheckDrained();
  void Close();
  void LoseWhatIsLeft(journal::Amount left);

  Loop& home_;
  std::unique_ptr<journal::Journal> journal_;
  SendingQueueOptions options_;
  telemetry::Logger log_;
  std::unique_ptr<QueueStats> stats_;
  const QueueContext context_;
  Admission admission_;
  PendingClients clients_;
  BlockedProducers blocked_;
  Dispatcher dispatcher_;

  QueueLife life_ = QueueLife::kServing;
  uint64_t recounts_ = 0;
  size_t appending_ = 0;  // appends that the journal has not answered
  std::move_only_function<void(journal::Amount)> on_end_;
  Timer count_;
  Timer publish_;
  Timer end_;
  Lifetime lifetime_;
};

}  // namespace gapless::queue
