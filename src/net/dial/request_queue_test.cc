#include "net/dial/request_queue.h"

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace gapless::net {
namespace {

using State = RequestQueue::Request::State;

// A connection is only a name here.
ClientConnection& Connection(int& name) { return reinterpret_cast<ClientConnection&>(name); }

class RequestQueueTest : public testing::Test {
 protected:
  uint64_t Add(bool urgent = false) {
    return queue_.Add(
        std::make_shared<HttpRequest>(),
        [this](ExchangeResult result) { results_.push_back(std::move(result)); }, urgent);
  }
  static ExchangeResult Lost(Fate fate) { return {Unavailable("gone"), fate, {}}; }

  RequestQueue queue_;
  std::vector<ExchangeResult> results_;
  int first_ = 0;
  int second_ = 0;
};

TEST_F(RequestQueueTest, ARequestThatWasNotProcessedIsSentAgainAFewTimes) {
  Add();
  for (int attempt = 1; attempt < 5; ++attempt) {
    auto& request = queue_.Hand(Connection(first_), {});
    ASSERT_TRUE(queue_.TryAgain(request, Lost(Fate::kUnprocessed)));
  }
  auto& request = queue_.Hand(Connection(first_), {});
  EXPECT_FALSE(queue_.TryAgain(request, Lost(Fate::kUnprocessed)));
  EXPECT_EQ(queue_.resent_count(), 0u);
}

TEST_F(RequestQueueTest, ARequestOnAConnectionThatIsKilledIsSentAgainOnce) {
  Add();
  const uint64_t other = Add();
  auto& request = queue_.Hand(Connection(first_), {});
  queue_.Hand(Connection(second_), {});
  queue_.Rescue(Connection(first_));
  EXPECT_EQ(queue_.Find(other)->state, State::kSent);
  EXPECT_TRUE(queue_.TryAgain(request, Lost(Fate::kLost)));
  EXPECT_FALSE(queue_.TryAgain(*queue_.Find(other), Lost(Fate::kLost)));
  queue_.Hand(Connection(second_), {});
  queue_.Rescue(Connection(second_));
  EXPECT_FALSE(queue_.TryAgain(request, Lost(Fate::kLost)));
  queue_.Finish(request.id, Lost(Fate::kLost));
  EXPECT_TRUE(results_.at(0).resent);
}

TEST_F(RequestQueueTest, OnceTheHeadOfAnAnswerCameARequestIsNotSentAgain) {
  Add();
  ExchangeResult result = Lost(Fate::kUnprocessed);
  result.head = true;
  EXPECT_FALSE(queue_.TryAgain(queue_.Hand(Connection(first_), {}), result));
}

TEST_F(RequestQueueTest, ACallbackOfAFailedRequestMayCancelOneThatWaitsOn) {
  const uint64_t waits = Add();
  queue_.Add(
      std::make_shared<HttpRequest>(), [&](ExchangeResult) { (void)queue_.Remove(waits); }, true);
  queue_.FailWaiting(Unavailable("absent"), true);
  EXPECT_FALSE(queue_.waiting());
}

TEST_F(RequestQueueTest, ThoseThatWaitKeepTheirOrderWhenUrgentOnesFail) {
  const uint64_t first = Add();
  Add(true);
  const uint64_t last = Add();
  EXPECT_TRUE(queue_.urgent_waits());
  queue_.FailWaiting(Unavailable("absent"), true);
  EXPECT_FALSE(queue_.urgent_waits());
  EXPECT_EQ(results_.size(), 1u);
  EXPECT_EQ(queue_.Hand(Connection(first_), {}).id, first);
  EXPECT_EQ(queue_.Hand(Connection(first_), {}).id, last);
}

}  // namespace
}  // namespace gapless::net
