#include "receiver/otlp/unpack.h"

#include "wire/compression.h"
#include "wire/proto.h"

#include <string>

#include <gtest/gtest.h>

namespace gapless::otlp_receiver {
namespace {

using wire::Codec;

constexpr size_t kMiB = size_t{1} << 20;

std::string Field(uint32_t number, std::string_view bytes) {
  std::string out;
  wire::Writer(&out).Bytes(number, bytes);
  return out;
}

// One span whose name has this many bytes.
std::string Span(size_t size) {
  return Field(1, Field(2, Field(2, Field(1, std::string(16, 'T')) + Field(2, std::string(8, 'S')) +
                                        Field(5, std::string(size, 'n')))));
}

class UnpackTest : public testing::Test {
 protected:
  Request Make(const std::string& raw, Codec codec = Codec::kIdentity, bool json = false) {
    Request request;
    request.body = wire::Compress(codec, wire::kDefaultLevel, Rope::CopyOf(raw)).value();
    request.codec = codec;
    request.json = json;
    request.memory = net::BodyCharge(std::make_shared<net::BudgetShare>(budget_));
    return request;
  }
  std::shared_ptr<net::BodyBudget> budget_ = std::make_shared<net::BodyBudget>(64 * kMiB);
};

TEST_F(UnpackTest, AFewThousandfoldIsTooMuch) {
  const std::string raw = Span(6 * kMiB);
  for (const Codec codec : {Codec::kGzip, Codec::kZstd, Codec::kZlib, Codec::kLz4}) {
    Request request = Make(raw, codec);
    const Result<otlp::Batch> batch = Unpack(request, 20 * kMiB);
    if (request.body.size() * kMaxRatio >= raw.size()) {
      continue;  // this codec cannot do it
    }
    EXPECT_EQ(batch.status().code(), Code::kResourceExhausted) << wire::CodecName(codec);
    EXPECT_TRUE(batch.status().message().contains("200 times the compressed size"))
        << batch.status().message();
    EXPECT_EQ(budget_->used(), 0u);
  }
}

TEST_F(UnpackTest, UpToFourMegabytesAreFreeAndMoreWhereTheRatioIsUsual) {
  Request free = Make(Span(4 * kMiB - 1000), Codec::kGzip);
  EXPECT_TRUE(Unpack(free, 20 * kMiB).ok());
  std::string mixed;
  for (uint64_t i = 0; mixed.size() < 6 * kMiB; ++i) {
    mixed += std::to_string(i * 7919);
  }
  Request usual =
      Make(Field(1, Field(2, Field(2, Field(1, std::string(16, 'T')) +
                                          Field(2, std::string(8, 'S')) + Field(5, mixed)))),
           Codec::kGzip);
  EXPECT_TRUE(Unpack(usual, 20 * kMiB).ok());
}

TEST_F(UnpackTest, WhatABodyBecomesIsCharged) {
  Request kept = Make(Span(100'000), Codec::kGzip);
  ASSERT_TRUE(Unpack(kept, kMiB).ok());
  EXPECT_EQ(budget_->used(), 0u) << "it stays compressed, and its bytes are charged already";
  Request made = Make(Span(100'000), Codec::kZlib);
  const Result<otlp::Batch> batch = Unpack(made, kMiB);
  ASSERT_TRUE(batch.ok());
  EXPECT_EQ(budget_->used(), batch->body.size());
}

TEST_F(UnpackTest, WithoutRoomARequestMayComeAgain) {
  const auto other = std::make_shared<net::BudgetShare>(budget_);
  other->Take(64 * kMiB);
  Request request = Make(Span(100'000), Codec::kGzip);
  const Result<otlp::Batch> batch = Unpack(request, kMiB);
  EXPECT_EQ(batch.status().code(), Code::kUnavailable);
  Request small = Make(Span(1000), Codec::kGzip);
  EXPECT_TRUE(Unpack(small, kMiB).ok()) << "small requests pass whatever others hold";
}

TEST_F(UnpackTest, OnlyWhatIsQuickIsDoneAtOnce) {
  struct Case {
    std::string name;
    Request request;
    bool quick;
  };
  Case cases[] = {
      {"plain", Make(Span(900'000)), true},
      {"large", Make(Span(2 * kMiB)), false},
      {"gzip", Make(Span(200'000), Codec::kGzip), true},
      {"large gzip", Make(Span(300'000), Codec::kGzip), false},
      {"guessed", Make(Span(1000), Codec::kZlib), true},
      {"more than guessed", Make(Span(200'000), Codec::kZlib), false},
      {"JSON", Make("{}", Codec::kIdentity, true), true},
      {"large JSON", Make("{" + std::string(300'000, ' ') + "}", Codec::kIdentity, true), false},
  };
  for (Case& c : cases) {
    const auto batch = UnpackQuickly(c.request, 4 * kMiB);
    EXPECT_EQ(batch.has_value(), c.quick) << c.name;
    if (!batch) {
      EXPECT_TRUE(Unpack(c.request, 4 * kMiB).ok()) << c.name << ": nothing has changed";
    }
  }
}

TEST_F(UnpackTest, ALieAboutTheSizeIsFoundOut) {
  // The trailer of the last member tells of that one only.
  Request two = Make(Span(1 * kMiB), Codec::kGzip);
  two.body.Append(wire::Compress(Codec::kGzip, 0, Rope::CopyOf(Span(10))).value());
  EXPECT_FALSE(UnpackQuickly(two, 4 * kMiB).has_value());
  const Result<otlp::Batch> batch = Unpack(two, 4 * kMiB);
  ASSERT_TRUE(batch.ok()) << batch.status().ToString();
  EXPECT_EQ(batch->items, 2u);
  Request large = Make(Span(3 * kMiB), Codec::kGzip);
  EXPECT_EQ(Unpack(large, 2 * kMiB).status().code(), Code::kResourceExhausted);
}

TEST_F(UnpackTest, JsonMayHaveTwoMillionValues) {
  const auto text = [](size_t values) {
    std::string list = R"({"x":[0)";
    for (size_t i = 1; i < values; ++i) {
      list += ",0";
    }
    return list + "]}";
  };
  Request many = Make(text(1'900'000), Codec::kIdentity, true);
  EXPECT_TRUE(Unpack(many, 20 * kMiB).ok());
  Request more = Make(text(2'100'000), Codec::kIdentity, true);
  EXPECT_EQ(Unpack(more, 20 * kMiB).status().code(), Code::kResourceExhausted);
}

}  // namespace
}  // namespace gapless::otlp_receiver
