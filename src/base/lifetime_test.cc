#include "base/lifetime.h"

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include <gtest/gtest.h>

namespace gapless {
namespace {

struct Counter {
  explicit Counter(int* count) : calls(count) {}
  std::function<int(int)> Callback() {
    return lifetime.Guard([this](int value) {
      ++*calls;
      return value + 1;
    });
  }
  int* calls;
  Lifetime lifetime;
};

TEST(LifetimeTest, ACallbackIntoALivingObjectIsCalled) {
  int calls = 0;
  Counter counter(&calls);
  EXPECT_EQ(counter.Callback()(1), 2);
  EXPECT_EQ(calls, 1);
}

TEST(LifetimeTest, ACallbackIntoAnObjectThatIsGoneDoesNothing) {
  int calls = 0;
  auto counter = std::make_unique<Counter>(&calls);
  const auto callback = counter->Callback();
  counter.reset();
  EXPECT_EQ(callback(1), 0);
  EXPECT_EQ(calls, 0);
}

TEST(LifetimeTest, ACallbackOfAFormerLifeDoesNothing) {
  int calls = 0;
  Counter counter(&calls);
  const auto former = counter.Callback();
  counter.lifetime.Renew();
  former(1);
  EXPECT_EQ(calls, 0);
  counter.Callback()(1);
  EXPECT_EQ(calls, 1);
}

TEST(LifetimeTest, WhatACallbackHoldsMayBeMovedOnly) {
  Lifetime lifetime;
  std::string seen;
  std::move_only_function<void(std::unique_ptr<std::string>)> callback =
      lifetime.Guard([&seen, prefix = std::make_unique<std::string>("a")](
                         std::unique_ptr<std::string> text) { seen = *prefix + *text; });
  callback(std::make_unique<std::string>("b"));
  EXPECT_EQ(seen, "ab");
}

}  // namespace
}  // namespace gapless
