// Health: what extensions are told of the process, published for any thread.
#pragma once

#include "base/snapshot.h"
#include "pipeline/status.h"

#include <atomic>
#include <memory>

namespace gapless::service {

class Health final : public pipeline::StatusSource {
 public:
  Health() { SetStatus({}); }

  void SetReady(bool ready, WallTime now) {
    up_since_ = ready ? now.time_since_epoch().count() : up_since_.load();
    ready_ = ready;
  }
  void SetStatus(pipeline::ServiceStatus status) {
    status_.Set(std::make_shared<const pipeline::ServiceStatus>(std::move(status)));
  }

  bool ready() const override { return ready_; }
  WallTime up_since() const override { return WallTime(Duration(up_since_.load())); }
  std::shared_ptr<const pipeline::ServiceStatus> status() const override { return status_.Get(); }

 private:
  std::atomic<bool> ready_ = false;
  std::atomic<int64_t> up_since_ = 0;
  Snapshot<const pipeline::ServiceStatus> status_;
};

}  // namespace gapless::service
