#include "net/http2/stream_history.h"

#include <gtest/gtest.h>

namespace gapless::net {
namespace {

using End = StreamHistory::End;

nghttp2_frame_hd Frame(uint8_t type, int32_t stream, uint8_t flags = 0) {
  return {.length = 0, .stream_id = stream, .type = type, .flags = flags, .reserved = 0};
}

TEST(StreamHistoryTest, NothingComesFromAClientThatHasEndedItsStream) {
  StreamHistory history;
  history.OnBegun(1);
  history.OnEnded(1, End::kByClient);
  EXPECT_EQ(history.Judge(Frame(NGHTTP2_DATA, 1)), NGHTTP2_STREAM_CLOSED);
  EXPECT_EQ(history.Judge(Frame(NGHTTP2_HEADERS, 1, NGHTTP2_FLAG_END_STREAM)),
            NGHTTP2_STREAM_CLOSED);
  // These may come late (RFC 9113 section 5.1, "closed").
  for (const uint8_t type : {NGHTTP2_WINDOW_UPDATE, NGHTTP2_RST_STREAM, NGHTTP2_PRIORITY}) {
    EXPECT_EQ(history.Judge(Frame(type, 1)), std::nullopt);
  }
}

TEST(StreamHistoryTest, WhatCrossedOurResetOnTheWireIsNoViolation) {
  StreamHistory history;
  history.OnBegun(1);
  history.OnEnded(1, End::kByUs);
  EXPECT_EQ(history.Judge(Frame(NGHTTP2_DATA, 1)), std::nullopt);
  EXPECT_EQ(history.Judge(Frame(NGHTTP2_HEADERS, 1, NGHTTP2_FLAG_END_STREAM)), std::nullopt);
}

TEST(StreamHistoryTest, HeadersAfterHeadersEndTheirStreamAlsoWhenItIsOver) {
  StreamHistory history;
  history.OnBegun(1);
  history.OnEnded(1, End::kByUs);
  EXPECT_EQ(history.Judge(Frame(NGHTTP2_HEADERS, 1)), NGHTTP2_PROTOCOL_ERROR);
}

TEST(StreamHistoryTest, NumbersOfStreamsNeverFall) {
  StreamHistory history;
  history.OnBegun(5);
  EXPECT_EQ(history.Judge(Frame(NGHTTP2_HEADERS, 3)), NGHTTP2_PROTOCOL_ERROR);
  EXPECT_EQ(history.Judge(Frame(NGHTTP2_HEADERS, 7)), std::nullopt);
  EXPECT_EQ(history.Judge(Frame(NGHTTP2_HEADERS, 2)), std::nullopt) << "nghttp2 says what is wrong";
}

TEST(StreamHistoryTest, OfStreamsThatAreLongOverNothingIsSaid) {
  StreamHistory history;
  for (int32_t id = 1; id < 401; id += 2) {
    history.OnBegun(id);
    history.OnEnded(id, End::kByClient);
  }
  EXPECT_EQ(history.Judge(Frame(NGHTTP2_DATA, 1)), std::nullopt);
  EXPECT_EQ(history.Judge(Frame(NGHTTP2_HEADERS, 101)), std::nullopt);
  EXPECT_EQ(history.Judge(Frame(NGHTTP2_DATA, 399)), NGHTTP2_STREAM_CLOSED);
}

}  // namespace
}  // namespace gapless::net
