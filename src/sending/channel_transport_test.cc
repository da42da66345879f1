#include "sending/channel_transport.h"

#include "net/http/scripted_peer.h"

#include <gtest/gtest.h>

namespace gapless::sending {
namespace {

using std::chrono::seconds;

struct CountingProtocol final : ExportProtocol {
  bool HeadTells() const override { return true; }
  Transport::Form form() const override { return {}; }
  explicit CountingProtocol(int* count) : encoded(count) {}
  Result<Rope> Encode(const otlp::Batch& batch) override {
    ++*encoded;
    if (batch.items == 0) {
      return InvalidArgument("no items");
    }
    return Rope::CopyOf("encoded " + batch.body.ToString());
  }
  net::HttpRequest Frame(Rope body, Duration, bool) override {
    return {.method = "POST", .scheme = "http", .authority = "p", .target = "/", .body = body};
  }
  std::optional<net::HttpRequest> Redirected(const net::HttpRequest& request,
                                             const net::HttpResponse& response, WallTime) override {
    if (response.status != 308) {
      return std::nullopt;
    }
    net::HttpRequest again = request;
    again.target += "r";
    return again;
  }
  AttemptResult Read(const net::HttpResponse& response, WallTime) override {
    return response.status == 200 ? AttemptResult{}
                                  : ClassifyHttp(response.status, Unavailable("no"));
  }
  int* encoded;
};

class ChannelTransportTest : public testing::Test {
 protected:
  void SetUp() override {
    peer_.on_request = [this](net::PeerConnection& connection, int32_t id) {
      targets_.emplace_back(connection.requests[id].headers.Find(":path").value_or(""));
      const bool redirected = redirects_ > 0 && redirects_-- > 0;
      connection.Respond(id, {{":status", std::to_string(redirected ? 308 : status_)}}, "", {});
    };
    peer_.Listen();
    net::ClientChannelOptions options;
    options.target = {"127.0.0.1", peer_.port()};
    transport_ = std::make_unique<ChannelTransport>(
        worker_, options, std::make_unique<CountingProtocol>(&encoded_), memory_);
    transport_->Start();
  }
  otlp::Batch Batch(std::string_view text) {
    otlp::Batch batch;
    batch.items = 1;
    batch.body = Rope::CopyOf(text);
    return batch;
  }
  AttemptResult Send(const otlp::Batch& batch) {
    std::optional<AttemptResult> got;
    transport_->Attempt(batch, seconds(1), [&](AttemptResult result) { got = std::move(result); });
    EXPECT_FALSE(got) << "never inside the call";
    EXPECT_TRUE(worker_.RunUntil([&] { return got.has_value(); }, seconds(5)));
    return got.value_or(AttemptResult{});
  }

  net::Worker worker_;
  net::ScriptedPeer peer_{worker_};
  int status_ = 200;
  int redirects_ = 0;  // so many answers are one
  std::vector<std::string> targets_;
  int encoded_ = 0;
  const std::shared_ptr<MemoryLimit> memory_ = std::make_shared<MemoryLimit>(uint64_t{32} << 20);
  std::unique_ptr<ChannelTransport> transport_;
};

TEST_F(ChannelTransportTest, EncodesAUnitOnceHoweverOftenItIsTried) {
  const otlp::Batch batch = Batch("unit");
  status_ = 503;
  EXPECT_EQ(Send(batch).outcome, OutcomeClass::kTransport);
  EXPECT_EQ(Send(batch).outcome, OutcomeClass::kTransport);
  transport_->Cancel(transport_->Attempt(batch, seconds(1), [](AttemptResult) { FAIL(); }));
  status_ = 200;
  EXPECT_EQ(Send(batch).outcome, OutcomeClass::kOk);
  EXPECT_EQ(encoded_, 1);
  EXPECT_EQ(Send(batch).outcome, OutcomeClass::kOk);
  EXPECT_EQ(encoded_, 2) << "a delivered payload is not kept";
}

TEST_F(ChannelTransportTest, RedirectsAreFollowedToAnEnd) {
  redirects_ = 2;
  EXPECT_EQ(Send(Batch("unit")).outcome, OutcomeClass::kOk);
  EXPECT_EQ(targets_, (std::vector<std::string>{"/", "/r", "/rr"}));
  EXPECT_EQ(encoded_, 1);
  redirects_ = 1000;
  targets_.clear();
  EXPECT_NE(Send(Batch("unit")).outcome, OutcomeClass::kOk);
  EXPECT_EQ(targets_.size(), 11u);
  redirects_ = 1;
  std::optional<AttemptResult> probed;
  transport_->Probe(seconds(5), [&](AttemptResult result) { probed = std::move(result); });
  ASSERT_TRUE(worker_.RunUntil([&] { return probed.has_value(); }, seconds(5)));
  EXPECT_EQ(probed->outcome, OutcomeClass::kOk);
}

TEST_F(ChannelTransportTest, AnAttemptThatIsCancelledIsNotFollowed) {
  redirects_ = 1000;
  const AttemptId id =
      transport_->Attempt(Batch("unit"), seconds(1), [](AttemptResult) { FAIL(); });
  ASSERT_TRUE(worker_.RunUntil([&] { return targets_.size() >= 2; }, seconds(5)));
  transport_->Cancel(id);
  const size_t before = targets_.size();
  (void)worker_.RunUntil([] { return false; }, std::chrono::milliseconds(50));
  EXPECT_LE(targets_.size(), before + 1);
}

TEST_F(ChannelTransportTest, WhatWasEncodedCountsAndIsNotKeptWhereUnitsHaveNoMemoryLeft) {
  const otlp::Batch batch = Batch("unit");
  status_ = 503;
  Send(batch);
  EXPECT_GT(memory_->used(MemoryUse::kUnits), 0U) << "kept for the next attempt";
  Send(Batch("unit 2"));
  const uint64_t kept = memory_->used(MemoryUse::kUnits);
  memory_->Take(MemoryUse::kUnits, memory_->PartOf(MemoryUse::kUnits));
  Send(Batch("unit 3"));
  EXPECT_EQ(memory_->used(MemoryUse::kUnits), memory_->PartOf(MemoryUse::kUnits) + kept);
  status_ = 200;
  Send(batch);
  EXPECT_EQ(encoded_, 3);
  transport_.reset();
  EXPECT_EQ(memory_->used(MemoryUse::kUnits), memory_->PartOf(MemoryUse::kUnits));
}

TEST_F(ChannelTransportTest, EqualBytesInOtherMemoryAreAnotherUnit) {
  status_ = 503;
  (void)Send(Batch("same"));
  (void)Send(Batch("same"));
  EXPECT_EQ(encoded_, 2);
}

TEST_F(ChannelTransportTest, KeepsABoundedNumberOfPayloads) {
  status_ = 503;
  std::vector<otlp::Batch> batches;
  for (size_t i = 0; i <= ChannelTransport::kKeptPayloads; ++i) {
    batches.push_back(Batch("unit"));
    (void)Send(batches.back());
  }
  encoded_ = 0;
  (void)Send(batches.back());
  EXPECT_EQ(encoded_, 0);
  (void)Send(batches.front());
  EXPECT_EQ(encoded_, 1);
}

TEST_F(ChannelTransportTest, ABatchThatCannotBeEncodedIsRejectedOnALaterTurn) {
  otlp::Batch batch = Batch("x");
  batch.items = 0;
  EXPECT_EQ(Send(batch).outcome, OutcomeClass::kRejected);
}

}  // namespace
}  // namespace gapless::sending
