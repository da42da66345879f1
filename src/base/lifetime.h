// Lifetime: callbacks into an object that may be gone when they are called.
//
// A member of the object, declared last, so that it ends first. Guard wraps a callback that refers
// to the object: it does nothing once the object is destroyed, and a callback that gives a value
// then gives a default one. One thread: the object is destroyed where its callbacks are called.
#pragma once

#include <memory>
#include <type_traits>
#include <utility>

namespace gapless {

class Lifetime {
 public:
  Lifetime() : token_(std::make_shared<char>()) {}
  Lifetime(const Lifetime&) = delete;
  Lifetime& operator=(const Lifetime&) = delete;

  template <typename Callback>
  auto Guard(Callback callback) const {
    return [token = std::weak_ptr<char>(token_),
            callback = std::move(callback)]<typename... Args>(Args&&... args) mutable {
      using Value = std::invoke_result_t<Callback&, Args...>;
      if (token.expired()) {
        return Value();
      }
      return callback(std::forward<Args>(args)...);
    };
  }

  // Callbacks that were guarded before do nothing from now on.
  void Renew() { token_ = std::make_shared<char>(); }

 private:
  std::shared_ptr<char> token_;
};

}  // namespace gapless
