#include "net/http2/stream_history.h"

#include <gtest/gtest.h>

namespace gapless::net {
namespace {

using End = StreamHistory::End;

FrameHead Frame(uint8_t type, int32_t stream, uint8_t flags = 0) {
  return {.type = type, .flags = flags, .stream = stream};
}

TEST(StreamHistoryTest, NothingComesFromAClientThatHasEndedItsStream) {
  StreamHistory history;
  history.OnBegun(1);
  history.OnEnded(1, End::kByClient);
  EXPECT_EQ(history.Judge(Frame(NGHTTP2_DATA, 1), {}), NGHTTP2_STREAM_CLOSED);
  EXPECT_EQ(history.Judge(Frame(NGHTTP2_HEADERS, 1, NGHTTP2_FLAG_END_STREAM), {}),
            NGHTTP2_STREAM_CLOSED);
  // These may come late (RFC 9113 section 5.1, "closed").
  for (const uint8_t type : {NGHTTP2_WINDOW_UPDATE, NGHTTP2_RST_STREAM, NGHTTP2_PRIORITY}) {
    EXPECT_EQ(history.Judge(Frame(type, 1), {}), std::nullopt);
  }
}

TEST(StreamHistoryTest, WhatCrossedOurResetOnTheWireIsNoViolation) {
  StreamHistory history;
  history.OnBegun(1);
  history.OnEnded(1, End::kByUs);
  EXPECT_EQ(history.Judge(Frame(NGHTTP2_DATA, 1), {}), std::nullopt);
  EXPECT_EQ(history.Judge(Frame(NGHTTP2_HEADERS, 1, NGHTTP2_FLAG_END_STREAM), {}), std::nullopt);
}

TEST(StreamHistoryTest, AClientMayEndAStreamThatIsOver) {
  for (const FrameHead& end :
       {Frame(NGHTTP2_RST_STREAM, 1), Frame(NGHTTP2_DATA, 1, NGHTTP2_FLAG_END_STREAM)}) {
    StreamHistory history;
    history.OnBegun(1);
    history.OnEnded(1, End::kByUs);
    EXPECT_EQ(history.Judge(end, {}), std::nullopt);
    EXPECT_EQ(history.Judge(Frame(NGHTTP2_DATA, 1), {}), NGHTTP2_STREAM_CLOSED);
    EXPECT_EQ(history.Judge(Frame(NGHTTP2_RST_STREAM, 1), {}), std::nullopt);
  }
}

TEST(StreamHistoryTest, ABodyHasTheLengthThatWasToldAlsoWhenItsStreamIsOver) {
  const auto judge = [](size_t left, size_t length, uint8_t flags) {
    StreamHistory history;
    history.OnBegun(1);
    history.OnEnded(1, End::kByUs, left);
    FrameHead frame = Frame(NGHTTP2_DATA, 1, flags);
    frame.length = length;
    return history.Judge(frame, {});
  };
  EXPECT_EQ(judge(4, 4, NGHTTP2_FLAG_END_STREAM), std::nullopt);
  EXPECT_EQ(judge(4, 3, 0), std::nullopt);
  EXPECT_EQ(judge(4, 3, NGHTTP2_FLAG_END_STREAM), NGHTTP2_PROTOCOL_ERROR);
  EXPECT_EQ(judge(4, 5, 0), NGHTTP2_PROTOCOL_ERROR);
}

TEST(StreamHistoryTest, HeadersAfterHeadersEndTheirStreamAlsoWhenItIsOver) {
  StreamHistory history;
  history.OnBegun(1);
  history.OnEnded(1, End::kByUs);
  EXPECT_EQ(history.Judge(Frame(NGHTTP2_HEADERS, 1), {}), NGHTTP2_PROTOCOL_ERROR);
}

TEST(StreamHistoryTest, NumbersOfStreamsNeverFall) {
  StreamHistory history;
  history.OnBegun(5);
  EXPECT_EQ(history.Judge(Frame(NGHTTP2_HEADERS, 3), {}), NGHTTP2_PROTOCOL_ERROR);
  EXPECT_EQ(history.Judge(Frame(NGHTTP2_HEADERS, 7), {}), std::nullopt);
  EXPECT_EQ(history.Judge(Frame(NGHTTP2_HEADERS, 2), {}), std::nullopt)
      << "nghttp2 says what is wrong";
}

TEST(StreamHistoryTest, AStreamWasNeverBegunIfAHigherOneWasAndItIsNotKnown) {
  StreamHistory history;
  history.OnBegun(5);
  history.OnEnded(3, End::kByUs);
  EXPECT_TRUE(history.NeverBegun(1));
  EXPECT_FALSE(history.NeverBegun(3));
  EXPECT_FALSE(history.NeverBegun(7));
  EXPECT_FALSE(history.NeverBegun(0));
}

TEST(StreamHistoryTest, OfStreamsThatAreLongOverNothingIsSaid) {
  StreamHistory history;
  for (int32_t id = 1; id < 401; id += 2) {
    history.OnBegun(id);
    history.OnEnded(id, End::kByClient);
  }
  EXPECT_EQ(history.Judge(Frame(NGHTTP2_DATA, 1), {}), std::nullopt);
  EXPECT_EQ(history.Judge(Frame(NGHTTP2_HEADERS, 101), {}), std::nullopt);
  EXPECT_EQ(history.Judge(Frame(NGHTTP2_DATA, 399), {}), NGHTTP2_STREAM_CLOSED);
}

TEST(StreamHistoryTest, AWindowUpdateOfNothingIsWrongInWhateverState) {
  StreamHistory history;
  history.OnBegun(1);
  history.OnEnded(1, End::kByUs);
  EXPECT_EQ(
      history.Judge(Frame(NGHTTP2_WINDOW_UPDATE, 1), AsBytes(std::string_view("\0\0\0\0", 4))),
      NGHTTP2_PROTOCOL_ERROR);
  EXPECT_EQ(
      history.Judge(Frame(NGHTTP2_WINDOW_UPDATE, 1), AsBytes(std::string_view("\0\0\0\1", 4))),
      std::nullopt);
}

TEST(FramesOfReadTest, NothingComesBehindAResetNorANumberBehindAHigherOne) {
  FramesOfRead read;
  EXPECT_EQ(read.OnFrame(Frame(NGHTTP2_HEADERS, 1)), std::nullopt);
  EXPECT_EQ(read.OnFrame(Frame(NGHTTP2_HEADERS, 3)), std::nullopt);
  EXPECT_EQ(read.OnFrame(Frame(NGHTTP2_HEADERS, 1)), std::nullopt) << "trailers, as it may be";
  EXPECT_EQ(read.OnFrame(Frame(NGHTTP2_RST_STREAM, 3)), std::nullopt);
  EXPECT_EQ(read.OnFrame(Frame(NGHTTP2_DATA, 1)), std::nullopt);
  EXPECT_EQ(read.OnFrame(Frame(NGHTTP2_DATA, 3)), NGHTTP2_STREAM_CLOSED);
  EXPECT_EQ(read.Finish(), 1);
  EXPECT_EQ(read.OnFrame(Frame(NGHTTP2_DATA, 3)), std::nullopt) << "StreamHistory knows it now";
  EXPECT_EQ(read.Finish(), 0);
}

TEST(StreamHistoryTest, PriorityHasAFormThoughItsContentIsOfNoInterest) {
  const auto judge = [](int32_t stream, std::string_view payload) {
    return JudgePriority({.length = payload.size(), .type = NGHTTP2_PRIORITY, .stream = stream},
                         AsBytes(payload));
  };
  EXPECT_EQ(judge(7, std::string_view("\0\0\0\5\1", 5)), std::nullopt);
  EXPECT_EQ(judge(7, std::string_view("\x80\0\0\7\1", 5)), NGHTTP2_PROTOCOL_ERROR);
  EXPECT_EQ(judge(0, std::string_view("\0\0\0\5\1", 5)), NGHTTP2_PROTOCOL_ERROR);
  EXPECT_EQ(judge(7, "four"), NGHTTP2_FRAME_SIZE_ERROR);
}

}  // namespace
}  // namespace gapless::net
