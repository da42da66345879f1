// Inbox: work that piles up for one consumer, who takes all of it at once. What arrives while the
// consumer works goes out together the next time: group commit without a timer.
#pragma once

#include "base/mutex.h"

#include <utility>
#include <vector>

namespace gapless::io {

template <typename T>
class Inbox {
 public:
  // Thread-safe. True if the consumer must be woken; later pushes need no further call until it has
  // taken.
  bool Push(T item) {
    const MutexLock lock(mu_);
    items_.push_back(std::move(item));
    return items_.size() == 1;
  }

  std::vector<T> TakeAll() {
    const MutexLock lock(mu_);
    return std::exchange(items_, {});
  }

 private:
  Mutex mu_;
  std::vector<T> items_ GAPLESS_GUARDED_BY(mu_);
};

}  // namespace gapless::io
