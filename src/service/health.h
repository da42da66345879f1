// Health: what the health extensions tell, published for any thread.
#pragma once

#include "base/snapshot.h"
#include "pipeline/factory.h"

#include <atomic>
#include <memory>
#include <string>
#include <vector>

namespace gapless::service {

class Health final : public pipeline::HealthSource {
 public:
  void SetReady(bool ready, WallTime now);
  void SetDegraded(std::vector<std::string> degraded);

  bool ready() const override { return ready_; }
  WallTime up_since() const override { return WallTime(Duration(up_since_.load())); }
  std::vector<std::string> degraded() const override;

 private:
  std::atomic<bool> ready_ = false;
  std::atomic<int64_t> up_since_ = 0;
  Snapshot<const std::vector<std::string>> degraded_;
};

}  // namespace gapless::service
