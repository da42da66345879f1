#include "exporter/otlp_grpc/protocol.h"

#include "net/grpc/grpc_frame.h"
#include "otlp/service.h"
#include "wire/base64.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace gapless::exporter::otlp_grpc {
namespace {

using sending::AttemptResult;
using sending::OutcomeClass;

endpoint::GrpcClientConfig Client(std::string compression = "none") {
  endpoint::GrpcClientConfig config;
  config.endpoint = "backend:4317";
  config.compression = std::move(compression);
  config.headers.items.push_back({"X-Token", config::Secret("s3cret")});
  return config;
}

otlp::Batch Batch(std::string_view body = "0123456789") {
  otlp::Batch batch;
  batch.items = 3;
  batch.body = Rope::CopyOf(body);
  batch.raw_size = body.size();
  return batch;
}

net::HttpResponse Answer(net::HttpHeaders trailers, std::string_view body = "") {
  net::HttpResponse response;
  response.headers.Add("content-type", "application/grpc");
  response.body = net::FrameGrpcMessage(Rope::CopyOf(body), false);
  response.trailers = std::move(trailers);
  return response;
}

AttemptResult Read(const net::HttpResponse& response) {
  return GrpcProtocol(Client(), otlp::Signal::kTraces).Read(response, WallTime());
}

TEST(GrpcProtocolTest, FramesTheBatchForTheSignalsService) {
  GrpcProtocol protocol(Client(), otlp::Signal::kLogs);
  const net::HttpRequest request =
      protocol.Frame(protocol.Encode(Batch()).value(), std::chrono::seconds(5), false);
  EXPECT_EQ(request.target, "/opentelemetry.proto.collector.logs.v1.LogsService/Export");
  EXPECT_EQ(request.authority, "backend:4317");
  EXPECT_EQ(request.scheme, "https");
  EXPECT_EQ(request.headers.Find("x-token"), "s3cret");
  EXPECT_THAT(std::string(*request.headers.Find("user-agent")), ::testing::StartsWith("gapless/"));
  EXPECT_FALSE(request.headers.Has("grpc-encoding"));
  EXPECT_EQ(net::UnframeGrpcMessage(request.body, 100)->bytes.ToString(), "0123456789");
}

TEST(GrpcProtocolTest, CompressesAndNamesTheEncoding) {
  const std::pair<const char*, wire::Codec> codecs[] = {{"gzip", wire::Codec::kGzip},
                                                        {"zstd", wire::Codec::kZstd},
                                                        {"snappy", wire::Codec::kSnappyFramed}};
  for (const auto& [name, codec] : codecs) {
    SCOPED_TRACE(name);
    GrpcProtocol protocol(Client(name), otlp::Signal::kTraces);
    const std::string text(5000, 'z');
    const net::HttpRequest request =
        protocol.Frame(protocol.Encode(Batch(text)).value(), Duration::zero(), false);
    EXPECT_EQ(request.headers.Find("grpc-encoding"), name);
    const auto message = net::UnframeGrpcMessage(request.body, 10000);
    ASSERT_TRUE(message.ok());
    EXPECT_TRUE(message->compressed);
    EXPECT_EQ(wire::Decompress(codec, message->bytes, 10000)->ToString(), text);
  }
}

TEST(GrpcProtocolTest, AProbeIsAnEmptyExport) {
  GrpcProtocol protocol(Client("gzip"), otlp::Signal::kTraces);
  const net::HttpRequest request = protocol.Frame(Rope(), std::chrono::seconds(1), true);
  EXPECT_EQ(request.body.ToString(), std::string(5, '\0'));
  EXPECT_FALSE(request.headers.Has("grpc-encoding"));
}

TEST(GrpcProtocolTest, ReadsSuccessAndPartialSuccess) {
  EXPECT_EQ(Read(Answer({{"grpc-status", "0"}})).outcome, OutcomeClass::kOk);
  const AttemptResult partial = Read(Answer(
      {{"grpc-status", "0"}}, otlp::EncodeResponse({.rejected_items = 2, .message = "too old"})));
  EXPECT_EQ(partial.outcome, OutcomeClass::kOk);
  EXPECT_EQ(partial.rejected_items, 2u);
  EXPECT_EQ(partial.warning, "too old");
}

TEST(GrpcProtocolTest, ClassesFollowTheStatus) {
  const std::pair<const char*, OutcomeClass> cases[] = {
      {"14", OutcomeClass::kTransport}, {"4", OutcomeClass::kTransport},
      {"13", OutcomeClass::kFaulty},    {"8", OutcomeClass::kFaulty},
      {"16", OutcomeClass::kDenied},    {"3", OutcomeClass::kRejected},
      {"99", OutcomeClass::kFaulty},
  };
  for (const auto& [code, outcome] : cases) {
    SCOPED_TRACE(code);
    const AttemptResult result = Read(Answer({{"grpc-status", code}, {"grpc-message", "why%21"}}));
    EXPECT_EQ(result.outcome, outcome);
    EXPECT_EQ(result.status.message(), "why!");
    EXPECT_EQ(result.status.origin(), Origin::kPeer);
  }
}

TEST(GrpcProtocolTest, RetryInfoIsADelay) {
  const Status throttle = ResourceExhausted("slow down").WithRetryAfter(std::chrono::seconds(7));
  std::string details;
  wire::AppendBase64(AsBytes(otlp::EncodeStatus(throttle)), false, &details);
  const AttemptResult result = Read(Answer(
      {{"grpc-status", "8"}, {"grpc-message", "slow down"}, {"grpc-status-details-bin", details}}));
  EXPECT_EQ(result.outcome, OutcomeClass::kThrottled);
  EXPECT_EQ(result.status.retry_after(), std::chrono::seconds(7));
}

TEST(GrpcProtocolTest, AProxysHttpErrorIsMapped) {
  net::HttpResponse response;
  response.status = 503;
  EXPECT_EQ(Read(response).outcome, OutcomeClass::kTransport);
  response.status = 401;
  EXPECT_EQ(Read(response).outcome, OutcomeClass::kDenied);
  response.status = 200;
  EXPECT_EQ(Read(response).outcome, OutcomeClass::kFaulty);
}

TEST(GrpcProtocolTest, AProxysWordsAreShown) {
  net::HttpResponse response;
  response.status = 502;
  response.headers.Add("content-type", "text/html; charset=utf-8");
  response.body = Rope::CopyOf(
      "<html><head><title>502</title></head><body><h1>502 Bad Gateway</h1>\r\n"
      "no live upstreams for s3cret</body></html>");
  const AttemptResult result = Read(response);
  EXPECT_EQ(result.outcome, OutcomeClass::kTransport);
  EXPECT_EQ(result.status.message(),
            "unexpected HTTP status code received from server: 502 (Bad Gateway); received "
            "unexpected content-type \"text/html\", Message=502 Bad Gateway no live upstreams for "
            "[REDACTED]");
}

TEST(GrpcProtocolTest, AProxysLimitOnSizeIsToBeCut) {
  for (const int status : {413, 431}) {
    net::HttpResponse response;
    response.status = status;
    const AttemptResult result = Read(response);
    EXPECT_EQ(result.outcome, OutcomeClass::kRejected);
    EXPECT_TRUE(result.too_large);
  }
}

TEST(GrpcProtocolTest, TheMessageIsOneLineWithoutSecrets) {
  const AttemptResult result =
      Read(Answer({{"grpc-status", "3"}, {"grpc-message", "bad%0A%1B[31m token s3cret"}}));
  EXPECT_EQ(result.status.message(), "bad [31m token [REDACTED]");
}

TEST(GrpcProtocolTest, ASuccessIsFinalWhateverFollowsIt) {
  const net::HttpResponse answers[] = {
      Answer({{"grpc-status", "0"}}, "\xff\xff\xff"),
      [] {
        net::HttpResponse none = Answer({{"grpc-status", "0"}});
        none.body = Rope();
        return none;
      }(),
      [] {
        net::HttpResponse broken = Answer({{"grpc-status", "0"}});
        broken.body =
            Rope::CopyOf(std::string("\0\0\0\0\x09"
                                     "abc",
                                     8));
        broken.cut = true;
        return broken;
      }(),
  };
  for (const net::HttpResponse& answer : answers) {
    const AttemptResult result = Read(answer);
    EXPECT_EQ(result.outcome, OutcomeClass::kOk);
    EXPECT_TRUE(result.status.ok());
    EXPECT_THAT(result.warning, ::testing::HasSubstr("cannot be read"));
  }
}

}  // namespace
}  // namespace gapless::exporter::otlp_grpc
