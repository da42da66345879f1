// QueueHost: one sending queue with its home worker, and the door to it from every other worker.
#pragma once

#include "base/lifetime.h"
#include "net/loop/run_on.h"
#include "pipeline/consumer.h"
#include "queue/sending_queue.h"
#include "service/plan/planner.h"

#include <functional>
#include <memory>

namespace gapless::service {

// Made, changed and destroyed on the control worker; the queue itself lives on `home`.
class QueueHost {
 public:
  // `place`: of its journal; queues of one place and key are one queue. `make` runs on the home
  // worker.
  QueueHost(net::Worker& home, QueuePlan plan, std::string place,
            std::move_only_function<std::unique_ptr<queue::SendingQueue>()> make);
  ~QueueHost();
  QueueHost(const QueueHost&) = delete;
  QueueHost& operator=(const QueueHost&) = delete;

  // Also brings a retired queue back. Not once it is closing.
  void Reconfigure(QueuePlan plan, queue::SendingQueueOptions options);
  // Takes nothing any more and calls `drained` on the control worker once its journal is empty,
  // unless a Reconfigure comes first.
  void Retire(net::Worker& control, std::move_only_function<void()> drained);
  // `done` hears on the control worker what was left in memory. Once.
  void Shutdown(net::Worker& control, TimePoint deadline,
                std::move_only_function<void(journal::Amount)> done);
  bool closing() const { return closing_; }

  // Thread-safe; hops to the home worker.
  const std::shared_ptr<pipeline::Consumer>& consumer() const { return consumer_; }
  const QueuePlan& plan() const { return plan_; }
  const std::string& place() const { return place_; }
  net::Worker& home() const { return home_; }
  // Runs `task` on the home worker and waits for it.
  void With(std::move_only_function<void(queue::SendingQueue&)> task) const;
  // Read on the home worker.
  queue::QueueStatus status() const;
  std::string tier() const;

 private:
  class Entry;

  net::Worker& home_;
  QueuePlan plan_;
  const std::string place_;
  std::shared_ptr<Entry> entry_;
  std::shared_ptr<pipeline::Consumer> consumer_;
  bool closing_ = false;
  Lifetime retirement_;
};

}  // namespace gapless::service
