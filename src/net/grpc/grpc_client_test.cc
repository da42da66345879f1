#include "net/grpc/grpc_client.h"

#include <gtest/gtest.h>

namespace gapless::net {
namespace {

using std::string_literals::operator""s;

TEST(GrpcClientTest, RequestCarriesWhatTheSpecificationAsksFor) {
  HttpRequest request =
      MakeGrpcRequest({.path = "/pkg.S/M",
                       .scheme = "https",
                       .authority = "host:1",
                       .user_agent = "ua",
                       .metadata = {{"x-key", "v"}, {"grpc-evil", "v"}, {"te", "x"}},
                       .message = Rope::CopyOf("abc"),
                       .encoding = "gzip",
                       .timeout = std::chrono::seconds(5)});
  EXPECT_EQ(request.method, "POST");
  EXPECT_EQ(request.target, "/pkg.S/M");
  EXPECT_EQ(request.scheme, "https");
  EXPECT_EQ(request.headers.Find("content-type"), "application/grpc");
  EXPECT_EQ(request.headers.Joined("te"), "trailers");
  EXPECT_EQ(request.headers.Find("grpc-encoding"), "gzip");
  EXPECT_EQ(ParseGrpcTimeout(*request.headers.Find("grpc-timeout")), std::chrono::seconds(5));
  EXPECT_EQ(request.headers.Find("user-agent"), "ua");
  EXPECT_EQ(request.headers.Find("x-key"), "v");
  EXPECT_FALSE(request.headers.Has("grpc-evil"));
  EXPECT_EQ(request.body.ToString(), "\x01\x00\x00\x00\x03"s + "abc");
}

TEST(GrpcClientTest, AnEmptyMessageIsAFrameOfLengthZero) {
  EXPECT_EQ(MakeGrpcRequest({.path = "/a/b", .authority = "h"}).body.ToString(),
            std::string(5, '\0'));
}

TEST(GrpcClientTest, ReadsStatusFromTrailers) {
  const GrpcAnswer answer = ReadGrpcAnswer({.status = 200,
                                            .headers = {{"content-type", "application/grpc"}},
                                            .body = Rope::CopyOf("\x00\x00\x00\x00\x02ok"s),
                                            .trailers = {{"grpc-status", "0"}}},
                                           100);
  EXPECT_EQ(answer.status, 0u);
  EXPECT_TRUE(answer.body_status.ok());
  EXPECT_EQ(answer.body.ToString(), "ok");
}

TEST(GrpcClientTest, ReadsTrailersOnlyAnswersFromHeaders) {
  const GrpcAnswer answer = ReadGrpcAnswer({.status = 200,
                                            .headers = {{"grpc-status", "14"},
                                                        {"grpc-message", "come%20back"},
                                                        {"grpc-status-details-bin", "CA4"}}},
                                           100);
  EXPECT_EQ(answer.status, 14u);
  EXPECT_EQ(answer.message, "come back");
  EXPECT_EQ(answer.details, "\x08\x0e");
}

TEST(GrpcClientTest, AnAnswerWithoutGrpcStatusKeepsTheHttpStatus) {
  const GrpcAnswer answer =
      ReadGrpcAnswer({.status = 503, .headers = {}, .body = Rope::CopyOf("<html>")}, 100);
  EXPECT_FALSE(answer.status);
  EXPECT_EQ(answer.http_status, 503);
}

TEST(GrpcClientTest, BrokenAnswersAreStatusesNotCrashes) {
  EXPECT_EQ(ReadGrpcAnswer({.trailers = {{"grpc-status", "banana"}}}, 9).status, 2u);
  EXPECT_FALSE(ReadGrpcAnswer({.trailers = {{"grpc-status", "0"}}}, 9).body_status.ok());
  EXPECT_FALSE(ReadGrpcAnswer({.body = Rope::CopyOf("\x00\x00\x00\x00\x09zzz"s),
                               .trailers = {{"grpc-status", "0"}}},
                              100)
                   .body_status.ok());
  EXPECT_EQ(
      ReadGrpcAnswer(
          {.body = Rope::CopyOf("\x00\x00\x00\x00\x03zzz"s), .trailers = {{"grpc-status", "0"}}}, 2)
          .body_status.code(),
      Code::kResourceExhausted);
  EXPECT_FALSE(ReadGrpcAnswer({.body = Rope::CopyOf("\x01\x00\x00\x00\x03zzz"s),
                               .trailers = {{"grpc-status", "0"}}},
                              100)
                   .body_status.ok());
}

}  // namespace
}  // namespace gapless::net
