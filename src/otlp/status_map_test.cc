#include "otlp/status_map.h"

namespace gapless::otlp {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

struct ClientCase {
  int http;
  Code code;
  bool retryable;
};

TEST(StatusMapTest, ClientSideFollowsTheOtlpTable) {
  const std::vector<ClientCase> cases = {
      {400, Code::kInvalidArgument, false},
      {401, Code::kUnauthenticated, false},
      {403, Code::kPermissionDenied, false},
      {404, Code::kUnimplemented, false},
      {408, Code::kUnknown, false},
      {409, Code::kUnknown, false},
      {413, Code::kFailedPrecondition, false},
      {418, Code::kUnknown, false},
      {429, Code::kResourceExhausted, true},
      {500, Code::kUnknown, false},
      {502, Code::kUnavailable, true},
      {503, Code::kUnavailable, true},
      {504, Code::kUnavailable, true},
      {302, Code::kUnknown, false},
  };
  for (const ClientCase& c : cases) {
    SCOPED_TRACE(c.http);
    const Status status = StatusForHttp(c.http, "m", std::nullopt);
    EXPECT_EQ(status.code(), c.code);
    EXPECT_EQ(status.retryable(), c.retryable);
    EXPECT_EQ(RetryableHttp(c.http), c.retryable);
    EXPECT_EQ(status.origin(), Origin::kPeer);
    EXPECT_EQ(status.message(), "m");
  }
}

TEST(StatusMapTest, RetryAfterCountsOnlyOn429And503) {
  for (const int http : {400, 429, 500, 502, 503, 504}) {
    const Status status = StatusForHttp(http, "m", seconds(3));
    EXPECT_EQ(status.retry_after().has_value(), http == 429 || http == 503) << http;
    EXPECT_EQ(status.retryable(), RetryableHttp(http)) << http;
  }
}

TEST(StatusMapTest, ServerSideFollowsUpstream) {
  const std::vector<std::pair<Code, int>> cases = {
      {Code::kCancelled, 503},          {Code::kUnknown, 500},
      {Code::kInvalidArgument, 400},    {Code::kDeadlineExceeded, 503},
      {Code::kNotFound, 500},           {Code::kAlreadyExists, 500},
      {Code::kPermissionDenied, 403},   {Code::kResourceExhausted, 429},
      {Code::kFailedPrecondition, 500}, {Code::kAborted, 503},
      {Code::kOutOfRange, 503},         {Code::kUnimplemented, 404},
      {Code::kInternal, 500},           {Code::kUnavailable, 503},
      {Code::kDataLoss, 503},           {Code::kUnauthenticated, 401},
  };
  for (const auto& [code, http] : cases) {
    EXPECT_EQ(HttpForStatus(Status(code, "m")), http) << CodeName(code);
  }
  EXPECT_EQ(HttpForStatus(OkStatus()), 200);
}

TEST(StatusMapTest, GrpcNumbersAndHttpStatusesOfGrpcPeers) {
  EXPECT_EQ(CodeForGrpc(0), Code::kOk);
  EXPECT_EQ(CodeForGrpc(16), Code::kUnauthenticated);
  EXPECT_EQ(CodeForGrpc(17), Code::kUnknown);
  EXPECT_EQ(CodeForGrpc(UINT64_MAX), Code::kUnknown);
  EXPECT_EQ(CodeForHttpOfGrpc(400), Code::kInternal);
  EXPECT_EQ(CodeForHttpOfGrpc(404), Code::kUnimplemented);
  EXPECT_EQ(CodeForHttpOfGrpc(429), Code::kUnavailable);
  EXPECT_EQ(CodeForHttpOfGrpc(500), Code::kUnknown);
}

TEST(StatusMapTest, RetryAfterIsSecondsOrADate) {
  const WallTime now{seconds(784111777)};  // Sun, 06 Nov 1994 08:49:37 GMT
  EXPECT_EQ(ParseRetryAfter("0", now), seconds(0));
  EXPECT_EQ(ParseRetryAfter(" 120 ", now), seconds(120));
  EXPECT_EQ(ParseRetryAfter("99999999999999999999999", now), std::chrono::hours(24 * 365));
  EXPECT_EQ(ParseRetryAfter("Sun, 06 Nov 1994 08:49:47 GMT", now), seconds(10));
  EXPECT_EQ(ParseRetryAfter("Mon, 07 Nov 1994 08:49:37 UTC", now), std::chrono::hours(24));
  EXPECT_EQ(ParseRetryAfter("Sun, 06 Nov 1994 08:00:00 GMT", now), seconds(0));
  for (const char* bad : {"", " ", "-1", "1.5", "10s", "soon", "Sun, 06 Nov 1994 08:49:37",
                          "Sun, 06 Nov 1994 24:00:00 GMT", "Sun, 31 Feb 1994 08:49:37 GMT",
                          "Sun, 06 Nox 1994 08:49:37 GMT", "Sun, -6 Nov 1994 08:49:37 GMT",
                          "Sunday, 06-Nov-94 08:49:37 GMT"}) {
    EXPECT_EQ(ParseRetryAfter(bad, now), std::nullopt) << bad;
  }
}

TEST(StatusMapTest, RetryAfterIsWrittenInWholeSecondsRoundedUp) {
  EXPECT_EQ(FormatRetryAfter(milliseconds(0)), "1");
  EXPECT_EQ(FormatRetryAfter(milliseconds(1)), "1");
  EXPECT_EQ(FormatRetryAfter(milliseconds(1001)), "2");
  EXPECT_EQ(FormatRetryAfter(seconds(30)), "30");
}

}  // namespace
}  // namespace gapless::otlp
