// Together: one callback for many who end at their own time.
#pragma once

#include "base/loop.h"

#include <functional>
#include <memory>
#include <utility>

namespace gapless {

// To give to each of them. `last` is called when the last one has called, or dropped, its own. One
// thread.
inline std::function<void()> Together(Task last) {
  std::shared_ptr<void> share(nullptr, [last = std::move(last)](void*) mutable { last(); });
  return [share = std::move(share)]() mutable { share.reset(); };
}

}  // namespace gapless
