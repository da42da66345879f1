#include "queue/dead_letter.h"

#include "otlp/any_value.h"
#include "tests/support/queue_bench.h"
#include "wire/proto.h"

#include <gtest/gtest.h>

namespace gapless::queue {
namespace {

using journal::DropReason;
using sim::BenchSettings;
using sim::QueueBench;
using std::chrono::minutes;
using std::chrono::seconds;

// A queue that takes batches, or answers what it is told.
class RefusingQueue final : public pipeline::Consumer {
 public:
  void Consume(otlp::Batch batch, pipeline::Completion completion) override {
    ++asked;
    if (answer.ok()) {
      taken.push_back(std::move(batch));
    }
    completion(answer);
  }
  std::vector<uint64_t> numbers() const {
    std::vector<uint64_t> all;
    for (const otlp::Batch& batch : taken) {
      for (const uint64_t number : sim::NumbersIn(batch.body.ToString())) {
        all.push_back(number);
      }
    }
    return all;
  }

  Status answer;
  int asked = 0;
  std::vector<otlp::Batch> taken;
};

std::string Attribute(const otlp::Batch& batch, std::string_view key) {
  const std::string bytes = batch.body.ToString();
  wire::FieldReader request(AsBytes(bytes));
  wire::Field field;
  while (request.Next(&field)) {
    wire::FieldReader resource_logs(field.bytes);
    for (wire::Field part; resource_logs.Next(&part);) {
      wire::FieldReader resource(part.number == 1 ? part.bytes : ByteSpan());
      for (wire::Field attribute; resource.Next(&attribute);) {
        const otlp::KeyValue pair = otlp::ReadKeyValue(attribute.bytes);
        if (pair.key == key) {
          return otlp::ValueText(pair.value);
        }
      }
    }
  }
  return {};
}

class DeadLetterTest : public ::testing::Test {
 protected:
  DeadLetterTest() {
    bench_.peers[0]->poison = {7};
    bench_.peers[1]->poison = {7};
    SetTarget();
  }
  void SetTarget() {
    SendingQueueOptions options = bench_.Options();
    options.dead_letter = {.name = "file/rejected", .consumer = target_};
    bench_.queue->Reconfigure(std::move(options));
  }
  QueueBench bench_;
  std::shared_ptr<RefusingQueue> target_ = std::make_shared<RefusingQueue>();
};

TEST_F(DeadLetterTest, WhatEveryLevelRejectsGoesThereWithTheReason) {
  bench_.Load(10, std::chrono::milliseconds(10));
  bench_.Run(seconds(2));
  EXPECT_EQ(target_->numbers(), std::vector<uint64_t>{7});
  ASSERT_EQ(target_->taken.size(), 1U);
  EXPECT_EQ(Attribute(target_->taken[0], kDeadLetterReason), "rejected");
  EXPECT_NE(Attribute(target_->taken[0], kDeadLetterError).find("poison"), std::string::npos);
  EXPECT_EQ(Attribute(target_->taken[0], kDeadLetterSource), "failover/logs");
  EXPECT_EQ(bench_.Dropped(DropReason::kRejected), 1U);
  EXPECT_EQ(bench_.ledger().delivered.items, 9U);
  EXPECT_TRUE(bench_.ledger().Balanced());
}

TEST_F(DeadLetterTest, AFullTargetIsAskedAgainUntilItTakesTheBatch) {
  target_->answer = Unavailable("sending queue is full").WithRetryAfter(seconds(1));
  bench_.Load(10, std::chrono::milliseconds(10));
  bench_.Run(seconds(5));
  EXPECT_EQ(bench_.ledger().pending.items, 1U);
  EXPECT_EQ(bench_.Dropped(DropReason::kRejected), 0U);
  target_->answer = OkStatus();
  bench_.Run(seconds(2));
  EXPECT_EQ(target_->numbers(), std::vector<uint64_t>{7});
  EXPECT_EQ(bench_.ledger().pending.items, 0U);
  EXPECT_EQ(bench_.Dropped(DropReason::kRejected), 1U);
}

TEST_F(DeadLetterTest, WhatWaitsForAFullTargetTakesATenthOfTheQueueAtMost) {
  SendingQueueOptions options = bench_.Options();
  options.queue.queue_size = 50;
  options.dead_letter = {.name = "file/rejected", .consumer = target_};
  bench_.queue->Reconfigure(std::move(options));
  target_->answer = Unavailable("full");
  bench_.Load(1, std::chrono::milliseconds(10));  // the primary takes data, as a rule
  for (uint64_t number = 1; number <= 20; ++number) {
    bench_.peers[0]->poison.insert(number);
    bench_.peers[1]->poison.insert(number);
  }
  bench_.Load(20, std::chrono::milliseconds(10));
  bench_.Run(seconds(10));
  EXPECT_EQ(bench_.ledger().pending.items, 5U);
  EXPECT_EQ(bench_.Dropped(DropReason::kRejected), 15U);
}

TEST_F(DeadLetterTest, TheEndOfTheQueueGivesItOneMoreTry) {
  target_->answer = Unavailable("full");
  bench_.Load(10, std::chrono::milliseconds(10));
  bench_.Run(seconds(5));
  ASSERT_EQ(bench_.ledger().pending.items, 1U);
  bool ended = false;
  bench_.queue->Shutdown(bench_.loop.Now() + minutes(1), [&](journal::Amount left) {
    ended = true;
    EXPECT_EQ(left.items, 0U);
  });
  bench_.Run(seconds(1));
  EXPECT_TRUE(ended);
  EXPECT_EQ(bench_.Dropped(DropReason::kRejected), 1U);
}

TEST_F(DeadLetterTest, WithoutATargetItIsDroppedAsEver) {
  bench_.queue->Reconfigure(bench_.Options());
  bench_.Load(10, std::chrono::milliseconds(10));
  bench_.Run(seconds(2));
  EXPECT_EQ(bench_.Dropped(DropReason::kRejected), 1U);
  EXPECT_EQ(target_->asked, 0);
}

TEST(WithReasonTest, ACompressedBatchIsUncompressed) {
  otlp::Batch batch = sim::NumberedBatch(1, 3);
  const auto packed = wire::Compress(wire::Codec::kGzip, wire::kDefaultLevel, batch.body);
  ASSERT_TRUE(packed.ok());
  otlp::Batch compressed = batch;
  compressed.codec = wire::Codec::kGzip;
  compressed.body = *packed;
  const otlp::Batch letter = WithReason(compressed, "poison", Internal("broken"), "failover");
  EXPECT_EQ(letter.codec, wire::Codec::kIdentity);
  EXPECT_EQ(letter.raw_size, letter.body.size());
  EXPECT_EQ(letter.items, 3U);
  EXPECT_EQ(Attribute(letter, kDeadLetterReason), "poison");
  EXPECT_EQ(sim::NumbersIn(letter.body.ToString()), (std::vector<uint64_t>{1, 2, 3}));
}

}  // namespace
}  // namespace gapless::queue
