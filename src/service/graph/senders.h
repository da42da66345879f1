// Senders: one per exporter and signal, on its home worker, kept while nothing of it changes.
// Control worker.
#pragma once

#include "sending/exporter_sender.h"
#include "service/graph/components.h"

namespace gapless::service {

class Senders {
 public:
  // It outlives them.
  explicit Senders(const GraphContext& context) : context_(context) {}
  ~Senders();
  Senders(const Senders&) = delete;
  Senders& operator=(const Senders&) = delete;

  // The former ones of those that changed are known until ReleaseFormer. Queues that still use one
  // keep it, and its exporter.
  Status Start(const Plan& plan, const Exporters& exporters);
  void ReleaseFormer() { Release(former_); }
  // Whether all that the queue sends through is what it was before Start.
  bool Stayed(const QueuePlan& plan) const;
  const std::shared_ptr<sending::Sender>& at(const SenderKey& key) const {
    return running_.at(key).made.sender;
  }
  // Whoever else uses this exporter for the signal takes part in the drill. False: it is not here.
  bool BeginDrill(const SenderKey& key, sending::Outage outage, Duration duration) const;

 private:
  struct Running {
    std::shared_ptr<sending::Exporter> exporter;
    Duration suspect_after{};
    sending::ExporterSender made{};  // home worker
  };

  Result<Running> Make(const SenderKey& key, const Exporters::Part& exporter,
                       Duration suspect_after) const;
  void Release(std::map<SenderKey, Running>& senders) const;

  const GraphContext& context_;
  std::map<SenderKey, Running> running_;
  std::map<SenderKey, Running> former_;  // while a change goes on
};

}  // namespace gapless::service
