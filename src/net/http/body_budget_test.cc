#include "net/http/body_budget.h"

#include "net/http/request_bodies.h"

#include <cstdint>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace gapless::net {
namespace {

using std::chrono::seconds;

constexpr size_t kKiB = 1024;
constexpr size_t kMiB = 1024 * kKiB;

class BodyBudgetTest : public testing::Test {
 protected:
  std::shared_ptr<BudgetShare> NewShare() { return std::make_shared<BudgetShare>(budget_); }
  std::shared_ptr<BodyBudget> budget_ = std::make_shared<BodyBudget>(64 * kMiB);
};

TEST_F(BodyBudgetTest, OneConnectionGetsTwoThirdsAndManyLeaveRoom) {
  const auto first = NewShare();
  while (first->TryTake(kMiB)) {
  }
  EXPECT_EQ(first->used(), 42 * kMiB);
  const auto second = NewShare();
  while (second->TryTake(kMiB)) {
  }
  EXPECT_GT(second->used(), 10 * kMiB);
  EXPECT_LE(budget_->used(), 58 * kMiB);
  first->Give(first->used());
  second->Give(second->used());
  EXPECT_EQ(budget_->used(), 0u);
}

TEST_F(BodyBudgetTest, ATinyShareIsTakenWhateverOthersHold) {
  const auto other = NewShare();
  other->Take(100 * kMiB);
  const auto share = NewShare();
  EXPECT_TRUE(share->TryTake(32 * kKiB));
  EXPECT_FALSE(share->TryTake(1));
  EXPECT_TRUE(share->exhausted());
  EXPECT_FALSE(NewShare()->exhausted());
  EXPECT_TRUE(other->presses());
  EXPECT_FALSE(NewShare()->presses());
}

TEST_F(BodyBudgetTest, PromisesLeaveAQuarterAndTheFirstIsAlwaysGiven) {
  const auto share = NewShare();
  EXPECT_TRUE(share->TryPromise(200 * kMiB)) << "nothing else is being received";
  EXPECT_FALSE(NewShare()->TryPromise(1));
  share->Redeem(200 * kMiB);
  share->Give(200 * kMiB);
  size_t promised = 0;
  for (int i = 0; i < 20; ++i) {
    promised += NewShare()->TryPromise(4 * kMiB) ? 4 : 0;
  }
  EXPECT_GE(promised, 40u);
  EXPECT_LE(promised, 48u);
  EXPECT_EQ(budget_->used(), promised * kMiB);
}

TEST_F(BodyBudgetTest, WithoutAnyRoomNothingIsPromised) {
  const auto other = NewShare();
  other->Take(64 * kMiB);
  EXPECT_FALSE(NewShare()->TryPromise(1));
  other->Give(1);
  EXPECT_TRUE(NewShare()->TryPromise(4 * kMiB)) << "one body beyond the limit";
}

SocketAddress AddressOfClient(const char* host, uint16_t port = 1) {
  return *SocketAddress::FromNumeric(host, port);
}

TEST_F(BodyBudgetTest, AllConnectionsOfOneAddressGetWhatOneOfThemWouldGet) {
  ClientShares clients;
  const auto own = [&](const char* host) {
    return std::make_shared<BudgetShare>(budget_, clients.Of(AddressOfClient(host)));
  };
  std::vector<std::shared_ptr<BudgetShare>> shares;
  for (int i = 0; i < 400; ++i) {
    shares.push_back(own("127.0.0.2"));
    shares.back()->TryTake(200 * kKiB);
  }
  EXPECT_GT(budget_->used(), 40 * kMiB);
  EXPECT_LE(budget_->used(), 43 * kMiB);
  const auto neighbour = own("127.0.0.3");
  EXPECT_TRUE(neighbour->TryTake(5 * kMiB));
  EXPECT_TRUE(neighbour->TryTake(kMiB));
}

TEST_F(BodyBudgetTest, LargeBodiesOfOneAddressLeaveRoomForThoseOfOthers) {
  ClientShares clients;
  std::vector<std::shared_ptr<BudgetShare>> shares;
  for (int i = 0; i < 200; ++i) {
    shares.push_back(
        std::make_shared<BudgetShare>(budget_, clients.Of(AddressOfClient("127.0.0.2"))));
    shares.back()->TryPromise(kMiB);
  }
  EXPECT_GE(budget_->promised(), 30 * kMiB);
  EXPECT_LE(budget_->promised(), 33 * kMiB);
  BudgetShare other(budget_, clients.Of(AddressOfClient("127.0.0.3")));
  EXPECT_TRUE(other.TryPromise(6 * kMiB));
}

TEST(BodyBudgetOfAProcessTest, TheTinySharesOfOneAddressTakeNotAllOfTheMemory) {
  const auto memory = std::make_shared<MemoryLimit>(256 * kMiB);
  const auto budget = std::make_shared<BodyBudget>(512 * kMiB, memory);
  ClientShares clients;
  std::vector<std::shared_ptr<BudgetShare>> shares;
  const auto own = [&](const char* host) {
    return std::make_shared<BudgetShare>(budget, clients.Of(AddressOfClient(host)));
  };
  for (int i = 0; i < 12'000; ++i) {
    shares.push_back(own("127.0.0.2"));
    shares.back()->TryTake(20 * kKiB);
  }
  EXPECT_GE(memory->used(), 191 * kMiB) << "small requests pass whatever large ones hold";
  EXPECT_LE(memory->used(), 193 * kMiB);
  EXPECT_TRUE(own("127.0.0.3")->TryTake(20 * kKiB)) << "whatever others hold";
}

TEST(ClientSharesTest, AClientIsAnAddressWhateverItsPort) {
  ClientShares clients;
  const auto one = clients.Of(AddressOfClient("127.0.0.2", 1));
  EXPECT_EQ(one, clients.Of(AddressOfClient("127.0.0.2", 2)));
  EXPECT_EQ(one, clients.Of(AddressOfClient("::ffff:127.0.0.2", 3)));
  EXPECT_NE(one, clients.Of(AddressOfClient("127.0.0.3")));
  const auto network = clients.Of(AddressOfClient("2001:db8::1"));
  EXPECT_EQ(network, clients.Of(AddressOfClient("2001:db8::ffff:2"))) << "a network of 64 bits";
  EXPECT_NE(network, clients.Of(AddressOfClient("2001:db8:0:1::1")));
  EXPECT_EQ(clients.Of(*SocketAddress::FromUnixPath("/run/x.sock")), nullptr);
}

TEST(ClientSharesTest, ThoseThatHaveNoConnectionAnyMoreAreForgotten) {
  ClientShares clients;
  const auto kept = clients.Of(AddressOfClient("10.1.0.0"));
  for (int i = 0; i < 10'000; ++i) {
    const std::string host = "10.0." + std::to_string(i / 250) + "." + std::to_string(i % 250);
    clients.Of(AddressOfClient(host.c_str()));
  }
  EXPECT_LE(clients.size(), 200u);
  EXPECT_EQ(kept, clients.Of(AddressOfClient("10.1.0.0")));
}

TEST(BodyBudgetOfAProcessTest, ServersShareThePartForRequests) {
  const auto memory = std::make_shared<MemoryLimit>(64 * kMiB);  // 16 MiB for requests
  const auto one = std::make_shared<BodyBudget>(512 * kMiB, memory);
  const auto two = std::make_shared<BodyBudget>(512 * kMiB, memory);
  BudgetShare first(one);
  BudgetShare second(two);
  EXPECT_EQ(one->limit(), 16 * kMiB);
  EXPECT_TRUE(first.TryTake(10 * kMiB));
  EXPECT_FALSE(second.TryTake(5 * kMiB)) << "twice what it would leave for others";
  EXPECT_TRUE(second.TryTake(4 * kMiB));
  EXPECT_EQ(two->used(), 14 * kMiB);
  EXPECT_EQ(memory->used(MemoryUse::kRequests), 14 * kMiB);
  memory->SetLimit(32 * kMiB);
  EXPECT_TRUE(two->exhausted());
  first.Give(10 * kMiB);
  second.Give(4 * kMiB);
  EXPECT_EQ(memory->used(), 0u);
}

TEST(BodyBudgetOfAProcessTest, NothingIsLetInWhileTheProcessHoldsAllThatItMay) {
  const auto memory = std::make_shared<MemoryLimit>(64 * kMiB);
  const auto budget = std::make_shared<BodyBudget>(512 * kMiB, memory);
  memory->Take(MemoryUse::kJournals, 63 * kMiB);
  EXPECT_TRUE(BudgetShare(budget).TryTake(kKiB));
  memory->Take(MemoryUse::kJournals, kMiB);
  EXPECT_TRUE(budget->memory_full());
  EXPECT_FALSE(BudgetShare(budget).TryTake(kKiB)) << "not even a tiny share";
  EXPECT_FALSE(BudgetShare(budget).TryPromise(kMiB));
}

TEST_F(BodyBudgetTest, AChargeGivesBackWhatItTookAndWhatItWasPromised) {
  const auto share = NewShare();
  {
    BodyCharge charge;
    ASSERT_TRUE(charge.TryPromise(share, 100));
    EXPECT_EQ(charge.Redeem(60), 0u);
    EXPECT_EQ(charge.Redeem(60), 20u) << "that many were not promised";
    ASSERT_TRUE(charge.TryAdd(share, 20));
    BodyCharge moved = std::move(charge);
    EXPECT_EQ(budget_->used(), 120u);
    moved.Sub(10);
    EXPECT_EQ(share->used(), 110u);
  }
  BodyCharge unused;
  ASSERT_TRUE(unused.TryPromise(share, 100));
  unused.EndPromise();
  EXPECT_EQ(budget_->used(), 0u);
  EXPECT_EQ(budget_->promised(), 0u);
}

class RequestBodiesTest : public BodyBudgetTest {
 protected:
  RequestBodies Make(Duration stall = seconds(60)) {
    return RequestBodies(worker_, {.bodies = NewShare(), .heads = NewShare()}, 8 * kMiB, stall);
  }
  static Slice PieceOf(const SlabRef& slab, size_t offset, size_t size) {
    return Slice(slab, slab->data() + offset, size);
  }
  Worker worker_;
};

TEST_F(RequestBodiesTest, BytesThatComeOneByOneArePacked) {
  RequestBodies bodies = Make();
  RequestBody body = bodies.Begin();
  const SlabRef slab(Slab::New(256 * kKiB));
  std::fill_n(slab->data(), slab->capacity(), std::byte{'x'});
  for (size_t i = 0; i < 100'000; ++i) {
    ASSERT_EQ(bodies.Take(body, PieceOf(slab, i, 1)), RequestBodies::Took::kYes);
  }
  EXPECT_EQ(body.bytes.size(), 100'000u);
  EXPECT_LT(body.bytes.slices().size(), 20u);
  EXPECT_LT(body.bytes.held_bytes(), 200'000u);
  EXPECT_EQ(bodies.Complete(body).ToString(), std::string(100'000, 'x'));
}

TEST_F(RequestBodiesTest, ASmallPartOfASlabIsCopiedAndALargeOneIsChargedForAllOfIt) {
  RequestBodies bodies = Make();
  RequestBody body = bodies.Begin();
  const SlabRef small(Slab::New(256 * kKiB));
  bodies.Take(body, PieceOf(small, 0, 8 * kKiB));
  bodies.Settle(body);
  EXPECT_TRUE(small->unique());
  EXPECT_EQ(body.charge.bytes(), 8 * kKiB);
  const SlabRef large(Slab::New(256 * kKiB));
  bodies.Take(body, PieceOf(large, 0, 50 * kKiB));
  bodies.Take(body, PieceOf(large, 60 * kKiB, 50 * kKiB));
  bodies.Settle(body);
  EXPECT_FALSE(large->unique());
  EXPECT_EQ(body.charge.bytes(), 264 * kKiB);
  EXPECT_EQ(bodies.Complete(body).size(), 108 * kKiB);
}

TEST_F(RequestBodiesTest, WhatIsTooLargeOrHasNoRoomIsGivenBack) {
  RequestBodies bodies = Make();
  RequestBody body = bodies.Begin();
  body.max_bytes = 10'000;
  const SlabRef slab(Slab::New(64 * kKiB));
  EXPECT_EQ(bodies.Take(body, PieceOf(slab, 0, 9000)), RequestBodies::Took::kYes);
  EXPECT_EQ(bodies.Take(body, PieceOf(slab, 0, 1001)), RequestBodies::Took::kTooLarge);
  EXPECT_EQ(budget_->used(), 0u);
  const auto other = NewShare();
  other->Take(64 * kMiB);
  RequestBody next = bodies.Begin();
  EXPECT_EQ(bodies.Take(next, PieceOf(slab, 0, 32 * kKiB)), RequestBodies::Took::kYes);
  EXPECT_EQ(bodies.Take(next, PieceOf(slab, 0, 4 * kKiB)), RequestBodies::Took::kNoRoom);
  EXPECT_EQ(budget_->used(), 64 * kMiB);
}

TEST_F(RequestBodiesTest, OnlyLargeBodiesNeedAPromise) {
  RequestBodies bodies = Make();
  RequestBody body = bodies.Begin();
  EXPECT_FALSE(bodies.NeedsPromise(body)) << "nothing is known";
  body.size = 64 * kKiB;
  EXPECT_FALSE(bodies.NeedsPromise(body));
  body.size = 100 * kKiB;
  EXPECT_TRUE(bodies.NeedsPromise(body));
  EXPECT_TRUE(bodies.Promise(body));
  EXPECT_FALSE(bodies.NeedsPromise(body));
  EXPECT_EQ(budget_->used(), 100 * kKiB);
  const SlabRef slab(Slab::New(64 * kKiB));
  bodies.Take(body, PieceOf(slab, 0, 64 * kKiB));
  EXPECT_EQ(budget_->used(), 100 * kKiB);
  EXPECT_EQ(bodies.Complete(body).size(), 64 * kKiB);
  EXPECT_EQ(budget_->used(), 64 * kKiB);
}

TEST_F(RequestBodiesTest, ABodyThatComesTooSlowlyIsSeen) {
  RequestBodies bodies = Make(std::chrono::milliseconds(20));
  RequestBody body = bodies.Begin();
  EXPECT_EQ(bodies.Check(body), RequestBodies::Pace::kFine);
  worker_.RunUntil([] { return false; }, std::chrono::milliseconds(30));
  EXPECT_EQ(bodies.Check(body), RequestBodies::Pace::kStalled);
  const SlabRef slab(Slab::New(kKiB));
  bodies.Take(body, PieceOf(slab, 0, 10));
  EXPECT_EQ(bodies.Check(body), RequestBodies::Pace::kTooSlow);
  RequestBody quick = bodies.Begin();
  worker_.RunUntil([] { return false; }, std::chrono::milliseconds(30));
  bodies.Take(quick, PieceOf(SlabRef(Slab::New(2 * kKiB)), 0, 2 * kKiB));
  EXPECT_EQ(bodies.Check(quick), RequestBodies::Pace::kFine);
}

TEST_F(RequestBodiesTest, HeadersHaveABudgetOfTheirOwn) {
  RequestBodies bodies = Make();
  RequestBody body = bodies.Begin();
  EXPECT_TRUE(bodies.TakeHead(body, 1000));
  EXPECT_EQ(body.charge.bytes(), 0u);
  EXPECT_EQ(body.head.bytes(), 1000u);
}

}  // namespace
}  // namespace gapless::net
