// Snapshot: an immutable value that one thread publishes and any thread reads.
#pragma once

#include "base/mutex.h"

#include <memory>
#include <utility>

namespace gapless {

// A mutex around a shared_ptr: std::atomic<std::shared_ptr> of this toolchain is a data race to
// ThreadSanitizer, and a reader takes the lock once per batch.
template <typename T>
class Snapshot {
 public:
  void Set(std::shared_ptr<T> value) {
    MutexLock lock(mu_);
    value_.swap(value);
  }
  std::shared_ptr<T> Get() const {
    MutexLock lock(mu_);
    return value_;
  }

 private:
  mutable Mutex mu_;
  std::shared_ptr<T> value_ GAPLESS_GUARDED_BY(mu_);
};

}  // namespace gapless
