// QueueSet: the queues of a configuration: created, changed in place, retired, adopted again.
// Control worker.
//
//   active -> leaving -> retired -> closing -> gone
//
// A queue that leaves the configuration goes on until it is empty, with everything that it sends
// through; one of the same ID and journal that is not closing yet is adopted.
#pragma once

#include "base/lifetime.h"
#include "service/graph/journals.h"
#include "service/graph/queue_host.h"
#include "service/graph/senders.h"

#include <set>

namespace gapless::service {

class QueueSet {
 public:
  using HostPtr = std::shared_ptr<QueueHost>;
  enum class Where : uint8_t { kHere, kClosing, kNowhere };

  // All outlive it. `on_gone`: a queue that left has closed its journal.
  QueueSet(const GraphContext& context, const Processors& processors, const Senders& senders,
           std::function<void()> on_gone);
  QueueSet(const QueueSet&) = delete;
  QueueSet& operator=(const QueueSet&) = delete;

  // Whether the plan can be carried out by a queue that is here, or only once a journal is closed.
  Where WhereIs(const QueuePlan& plan, const std::string& place) const;
  // Queues whose journal is another one now, or that are not in the plan, are leaving.
  Status Bring(const Change& change);
  // A queue that goes as soon as it is empty, beside the one that is in the configuration.
  Status Empty(const QueuePlan& plan, Journals& journals);
  // Nothing leads to those that are leaving any more.
  void RetireLeaving();

  const std::map<QueueKey, HostPtr>& active() const { return active_; }
  // Active, leaving, retired, closing.
  std::vector<HostPtr> all() const;

  void StopBlocking() const;
  // `done` hears what was left in memory.
  void Shutdown(TimePoint deadline, std::move_only_function<void(journal::Amount left)> done);

 private:
  queue::SendingQueueOptions OptionsFor(const QueuePlan& plan) const;
  Result<HostPtr> Create(const QueuePlan& plan, Journals& journals);
  Result<bool> Add(const QueuePlan& plan, Journals& journals);
  void TakeOut(const QueueKey& key) { leaving_.push_back(active_.extract(key).mapped()); }
  void Retire(HostPtr host);
  void Close(QueueHost& host, TimePoint deadline);
  void OnClosed(const QueueHost& host, journal::Amount left);

  const GraphContext& context_;
  const Processors& processors_;
  const Senders& senders_;
  const std::function<void()> on_gone_;
  std::map<QueueKey, HostPtr> active_;
  std::vector<HostPtr> leaving_;
  std::vector<HostPtr> retired_;
  // Places of journals whose ledger has been published.
  std::set<std::string> opened_;
  size_t closing_ = 0;
  journal::Amount left_;
  std::move_only_function<void(journal::Amount)> on_shutdown_;
  Lifetime lifetime_;
};

}  // namespace gapless::service
