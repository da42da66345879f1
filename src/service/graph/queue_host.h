// QueueHost: one sending queue with its home worker, and the door to it from every other worker.
#pragma once

#include "net/loop/worker.h"
#include "pipeline/consumer.h"
#include "queue/sending_queue.h"
#include "service/plan/planner.h"

#include <functional>
#include <memory>

namespace gapless::service {

// Runs `task` on `worker` and waits for it. Called on the control worker only: data workers never
// wait for it.
void RunOn(net::Worker& worker, std::move_only_function<void()> task);

// Made, changed and destroyed on the control worker; the queue itself lives on `home`.
class QueueHost {
 public:
  // `place`: of its journal; queues of one place and key are one queue.
  QueueHost(net::Worker& home, QueuePlan plan, std::string place);
  ~QueueHost();
  QueueHost(const QueueHost&) = delete;
  QueueHost& operator=(const QueueHost&) = delete;

  // `make` runs on the home worker.
  Status Create(std::move_only_function<Result<std::unique_ptr<queue::SendingQueue>>()> make);
  // Also brings a retired queue back; false if its journal is being closed already.
  bool Reconfigure(QueuePlan plan, queue::SendingQueueOptions options);
  // Takes nothing any more and calls `done` on the control worker once its journal is empty and
  // closed.
  void Retire(net::Worker& control, std::move_only_function<void()> done);
  // `done` hears on the control worker what was left in memory.
  void Shutdown(net::Worker& control, TimePoint deadline,
                std::move_only_function<void(journal::Amount)> done);

  // Thread-safe; hops to the home worker.
  const std::shared_ptr<pipeline::Consumer>& consumer() const { return consumer_; }
  const QueuePlan& plan() const { return plan_; }
  const std::string& place() const { return place_; }
  net::Worker& home() const { return home_; }
  // Runs `task` on the home worker and waits for it.
  void With(std::move_only_function<void(queue::SendingQueue&)> task) const;
  // Read on the home worker; without levels once the journal is being closed.
  queue::QueueStatus status() const;
  std::string tier() const;

 private:
  class Entry;

  net::Worker& home_;
  QueuePlan plan_;
  const std::string place_;
  std::shared_ptr<Entry> entry_;
  std::shared_ptr<pipeline::Consumer> consumer_;
};

}  // namespace gapless::service
