#include "net/http2/frame_meter.h"

#include <string>

#include <gtest/gtest.h>

namespace gapless::net {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr TimePoint kStart{std::chrono::hours(1)};

std::string Frame(uint8_t type, size_t payload, uint8_t flags = 0) {
  std::string frame = {static_cast<char>(payload >> 16), static_cast<char>(payload >> 8),
                       static_cast<char>(payload), static_cast<char>(type),
                       static_cast<char>(flags)};
  return frame + std::string(4 + payload, '\0');
}

std::string Times(size_t count, const std::string& text) {
  std::string all;
  for (size_t i = 0; i < count; ++i) {
    all += text;
  }
  return all;
}

class FrameMeterTest : public testing::Test {
 protected:
  FrameMeterTest() { Follow(std::string(24, 'P')); }
  size_t Follow(const std::string& bytes, size_t max_frames = 1'000'000) {
    return meter_.Follow(AsBytes(bytes), max_frames, now_);
  }
  TimePoint now_ = kStart;
  FrameMeter meter_{kStart};
};

TEST_F(FrameMeterTest, FollowsFramesHoweverTheyAreCut) {
  const std::string bytes = Frame(6, 8) + Frame(0, 300) + Frame(99, 0) + Frame(8, 4);
  for (size_t piece = 1; piece <= bytes.size(); ++piece) {
    for (size_t at = 0; at < bytes.size(); at += piece) {
      const std::string part = bytes.substr(at, piece);
      EXPECT_EQ(Follow(part), part.size());
    }
  }
  // All of them began where they should have: a wrong length would have been a flood of nothing.
  EXPECT_EQ(Follow(Frame(1, 10), 1), 19u);
  EXPECT_FALSE(meter_.flooded());
}

TEST_F(FrameMeterTest, StopsBehindTheLastFrameOfATurn) {
  EXPECT_EQ(Follow(Times(5, Frame(2, 10)), 3), 3 * 19u);
  EXPECT_EQ(Follow(Times(5, Frame(1, 10)), 8), 2 * 19u);
  EXPECT_EQ(Follow(Frame(0, 1000), 1), 1009u);
}

TEST_F(FrameMeterTest, FloodsOfFramesThatCarryNothingAreSeen) {
  struct Case {
    std::string frame;
    size_t allowed;
  };
  for (const Case& c : std::vector<Case>{{Frame(0, 0), 3333},
                                         {Frame(0, 1), 3333},
                                         {Frame(2, 5), 5000},
                                         {Frame(3, 4), 2000},
                                         {Frame(4, 0), 500},
                                         {Frame(6, 8), 2000},
                                         {Frame(8, 4), 5000},
                                         {Frame(9, 0), 2000},
                                         {Frame(200, 0), 3333}}) {
    meter_ = FrameMeter(now_);
    Follow(std::string(24, 'P') + Times(c.allowed, c.frame));
    EXPECT_FALSE(meter_.flooded()) << static_cast<int>(c.frame[3]);
    Follow(Times(2, c.frame));
    EXPECT_TRUE(meter_.flooded()) << static_cast<int>(c.frame[3]);
    EXPECT_FALSE(meter_.last_drop().empty());
  }
}

TEST_F(FrameMeterTest, BodiesAndRequestsCostNothing) {
  Follow(Times(20'000, Frame(1, 20) + Frame(0, 1000) + Frame(0, 0, 1)));
  EXPECT_FALSE(meter_.flooded());
}

TEST_F(FrameMeterTest, APingAndAWindowUpdatePerAnswerAreNoFlood) {
  for (int i = 0; i < 50'000; ++i) {
    Follow(Frame(6, 8) + Frame(8, 4) + Frame(8, 4));
    meter_.OnAnswer();
  }
  EXPECT_FALSE(meter_.flooded());
}

TEST_F(FrameMeterTest, TimeEarnsPointsUpToTheBurst) {
  Follow(Times(2000, Frame(3, 4)));
  for (int i = 0; i < 1000; ++i) {
    now_ += milliseconds(5);
    Follow(Frame(3, 4));
    EXPECT_FALSE(meter_.flooded());
  }
  now_ += seconds(10'000);
  Follow(Times(2001, Frame(3, 4)));
  EXPECT_TRUE(meter_.flooded());
}

TEST_F(FrameMeterTest, AFloodIsNotForgottenWithTime) {
  Follow(Times(2001, Frame(3, 4)));
  now_ += seconds(10);
  Follow(Frame(1, 1));
  EXPECT_TRUE(meter_.flooded());
}

TEST_F(FrameMeterTest, HeadersThatExpandAreSeenAfterAFew) {
  for (int i = 0; i < 5; ++i) {
    meter_.OnExpansion(60'000);
    EXPECT_FALSE(meter_.flooded());
  }
  meter_.OnExpansion(60'000);
  EXPECT_TRUE(meter_.flooded());
}

TEST_F(FrameMeterTest, HeadersCostByWhatTheyBecomeWhenDecoded) {
  for (int i = 0; i < 5000; ++i) {
    meter_.OnHeaderBytes(2048);
  }
  EXPECT_FALSE(meter_.flooded());
  meter_.OnHeaderBytes(2048);
  EXPECT_TRUE(meter_.flooded());
}

}  // namespace
}  // namespace gapless::net
