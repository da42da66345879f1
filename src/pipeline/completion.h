// Completion: the answer to a Consume call, given exactly once.
#pragma once

#include "base/status.h"

#include <functional>
#include <utility>

namespace gapless::pipeline {

// Fires exactly once, on the worker that called Consume; it may fire inside the call, so a caller
// finishes its own state change before calling. OK means: stored or settled (see the journal's
// `ack`). A Completion that is destroyed unfired answers UNAVAILABLE, which an OTLP client retries:
// losing the token is itself an answer.
class Completion {
 public:
  using Callback = std::move_only_function<void(Status)>;

  Completion() = default;
  explicit Completion(Callback callback) : callback_(std::move(callback)) {}
  Completion(Completion&& other) noexcept : callback_(std::exchange(other.callback_, Callback())) {}
  Completion& operator=(Completion&& other) noexcept {
    Drop();
    callback_ = std::exchange(other.callback_, Callback());
    return *this;
  }
  ~Completion() { Drop(); }

  void operator()(Status status) {
    if (callback_) {
      std::exchange(callback_, Callback())(std::move(status));
    }
  }
  explicit operator bool() const { return static_cast<bool>(callback_); }

 private:
  void Drop() { (*this)(Unavailable("the request was dropped before it was stored")); }

  Callback callback_;
};

}  // namespace gapless::pipeline
