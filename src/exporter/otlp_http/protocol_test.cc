#include "exporter/otlp_http/protocol.h"

#include "otlp/service.h"
#include "tests/support/otlp_builder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace gapless::exporter::otlp_http {
namespace {

using sending::AttemptResult;
using sending::OutcomeClass;
using ::testing::HasSubstr;

Config Base() {
  Config config;
  config.endpoint = "http://backend:4318/base";
  config.client.compression = "none";
  return config;
}

HttpProtocol Make(const Config& config, otlp::Signal signal = otlp::Signal::kTraces) {
  return HttpProtocol(config, endpoint::ParseUrl(config.UrlFor(signal)).value(), {}, signal);
}

AttemptResult Read(int status, net::HttpHeaders headers = {}, std::string_view body = "") {
  net::HttpResponse response;
  response.status = status;
  response.headers = std::move(headers);
  response.body = Rope::CopyOf(body);
  return Make(Base()).Read(response, WallTime(std::chrono::hours(24)));
}

TEST(HttpProtocolTest, UrlsAreBasePlusPathOrAsGiven) {
  Config config = Base();
  EXPECT_EQ(config.UrlFor(otlp::Signal::kTraces), "http://backend:4318/base/v1/traces");
  config.endpoint = "http://backend:4318/";
  EXPECT_EQ(config.UrlFor(otlp::Signal::kMetrics), "http://backend:4318/v1/metrics");
  config.logs_endpoint = "https://logs/x?y=1";
  EXPECT_EQ(config.UrlFor(otlp::Signal::kLogs), "https://logs/x?y=1");
  config.endpoint = "";
  EXPECT_EQ(config.UrlFor(otlp::Signal::kTraces), "");
}

TEST(HttpProtocolTest, SendsTheBatchWithHeadersAndHost) {
  Config config = Base();
  config.client.compression = "gzip";
  config.client.headers.items = {{"Authorization", config::Secret("Bearer x")},
                                 {"Host", config::Secret("virtual")}};
  HttpProtocol protocol = Make(config);
  otlp::Batch batch;
  const std::string text(3000, 'h');
  batch.body = Rope::CopyOf(text);
  batch.raw_size = text.size();
  const net::HttpRequest request =
      protocol.Frame(protocol.Encode(batch).value(), std::chrono::seconds(1), false);
  EXPECT_EQ(request.method, "POST");
  EXPECT_EQ(request.target, "/base/v1/traces");
  EXPECT_EQ(request.authority, "virtual");
  EXPECT_EQ(request.headers.Find("content-type"), "application/x-protobuf");
  EXPECT_EQ(request.headers.Find("content-encoding"), "gzip");
  EXPECT_EQ(request.headers.Find("authorization"), "Bearer x");
  EXPECT_EQ(wire::Decompress(wire::Codec::kGzip, request.body, 4000)->ToString(), text);
}

TEST(HttpProtocolTest, PlainRequestsToAProxyNameTheWholeUrl) {
  const Config config = Base();
  HttpProtocol protocol(config, endpoint::ParseUrl(config.UrlFor(otlp::Signal::kTraces)).value(),
                        endpoint::ParseProxy("http://u:p@proxy:3128").value(),
                        otlp::Signal::kTraces);
  const net::HttpRequest request = protocol.Frame(Rope(), Duration::zero(), true);
  EXPECT_EQ(request.target, "http://backend:4318/base/v1/traces");
  EXPECT_EQ(request.headers.Find("proxy-authorization"), "Basic dTpw");
}

TEST(HttpProtocolTest, JsonEncodingWritesJson) {
  Config config = Base();
  config.encoding = Encoding::kJson;
  HttpProtocol protocol = Make(config);
  otlp::Batch batch;
  const std::string bytes =
      gapless::testing::BuildRequest(otlp::Signal::kTraces, gapless::testing::Shape{});
  batch.body = Rope::CopyOf(bytes);
  batch.raw_size = bytes.size();
  const net::HttpRequest request =
      protocol.Frame(protocol.Encode(batch).value(), Duration::zero(), false);
  EXPECT_EQ(request.headers.Find("content-type"), "application/json");
  EXPECT_THAT(request.body.ToString(), HasSubstr("resourceSpans"));
  EXPECT_EQ(protocol.Frame(Rope(), Duration::zero(), true).body.ToString(), "{}");
}

TEST(HttpProtocolTest, AnEmptyExportCanBeFramedInTheOtherEncoding) {
  Config config = Base();
  config.client.compression = "zlib";
  HttpProtocol proto = Make(config);
  EXPECT_EQ(proto.form().encoding, "proto");
  EXPECT_EQ(proto.form().codec, "zlib");
  EXPECT_EQ(proto.FrameOther()->headers.Find("content-type"), "application/json");
  EXPECT_EQ(proto.FrameOther()->body.ToString(), "{}");
  EXPECT_FALSE(proto.FrameOther()->headers.Has("content-encoding"));
  config.encoding = Encoding::kJson;
  config.client.compression = "none";
  HttpProtocol json = Make(config);
  EXPECT_EQ(json.form().encoding, "json");
  EXPECT_EQ(json.form().codec, "none");
  EXPECT_EQ(json.FrameOther()->headers.Find("content-type"), "application/x-protobuf");
  EXPECT_TRUE(json.FrameOther()->body.empty());
}

TEST(HttpProtocolTest, AnEmptyExportIsReallyCompressed) {
  for (const char* name : {"gzip", "zstd", "zlib", "lz4"}) {
    Config config = Base();
    config.client.compression = name;
    HttpProtocol protocol = Make(config);
    const Rope body = protocol.Encode(otlp::Batch()).value();
    EXPECT_FALSE(body.empty()) << name;
    const auto codec = wire::ParseCodec(name);
    EXPECT_EQ(wire::Decompress(*codec, body, 100)->size(), 0u) << name;
  }
  Config json = Base();
  json.encoding = Encoding::kJson;
  EXPECT_EQ(Make(json).Encode(otlp::Batch()).value().ToString(), "{}");
}

TEST(HttpProtocolTest, ReadsSuccessWhateverTheBodyUnlessItIsBrokenOtlp) {
  EXPECT_EQ(Read(200).outcome, OutcomeClass::kOk);
  EXPECT_EQ(Read(204).outcome, OutcomeClass::kOk);
  EXPECT_EQ(Read(202, {{"content-type", "text/plain"}}, "thanks").outcome, OutcomeClass::kOk);
  const AttemptResult partial = Read(200, {{"content-type", "application/x-protobuf"}},
                                     otlp::EncodeResponse({.rejected_items = 4, .message = "old"}));
  EXPECT_EQ(partial.rejected_items, 4u);
  EXPECT_EQ(partial.warning, "old");
  const AttemptResult json = Read(200, {{"content-type", "application/json; charset=utf-8"}},
                                  R"({"partialSuccess":{"rejectedSpans":"2","errorMessage":"m"}})");
  EXPECT_EQ(json.rejected_items, 2u);
}

TEST(HttpProtocolTest, ASuccessIsFinalWhateverFollowsIt) {
  const std::pair<net::HttpHeaders, std::string> answers[] = {
      {{{"content-type", "application/json"}}, "OK"},
      {{{"content-type", "application/x-protobuf"}}, "\xff\xff"},
      {{{"content-type", "application/x-protobuf"}}, std::string("\x0a\x05\x08", 3)},
      {{{"content-type", "application/json"}, {"content-encoding", "gzip"}}, "no gzip"},
      {{{"content-type", "application/json"}, {"content-encoding", "br"}}, "brotli"},
  };
  for (const auto& [headers, body] : answers) {
    const AttemptResult result = Read(200, headers, body);
    EXPECT_EQ(result.outcome, OutcomeClass::kOk) << body;
    EXPECT_TRUE(result.status.ok());
    EXPECT_EQ(result.rejected_items, 0u);
    EXPECT_THAT(result.warning, HasSubstr("cannot be read")) << body;
  }
  net::HttpResponse cut;
  cut.headers.Add("content-type", "application/json");
  cut.body = Rope::CopyOf("{\"partial");
  cut.cut = true;
  const AttemptResult result = Make(Base()).Read(cut, WallTime());
  EXPECT_EQ(result.outcome, OutcomeClass::kOk);
  EXPECT_THAT(result.warning, HasSubstr("broke off"));
}

TEST(HttpProtocolTest, ACompressedPartialSuccessIsRead) {
  const auto body = wire::Compress(
      wire::Codec::kGzip, wire::kDefaultLevel,
      Rope::CopyOf(R"({"partialSuccess":{"rejectedSpans":"2","errorMessage":"m"}})"));
  const AttemptResult result = Read(
      200, {{"content-type", "application/json"}, {"content-encoding", "gzip"}}, body->ToString());
  EXPECT_EQ(result.rejected_items, 2u);
  EXPECT_EQ(result.warning, "m");
}

TEST(HttpProtocolTest, ClassesFollowTheStatus) {
  const std::pair<int, OutcomeClass> cases[] = {
      {400, OutcomeClass::kRejected},  {401, OutcomeClass::kDenied},
      {404, OutcomeClass::kDenied},    {408, OutcomeClass::kFaulty},
      {413, OutcomeClass::kRejected},  {429, OutcomeClass::kThrottled},
      {500, OutcomeClass::kFaulty},    {502, OutcomeClass::kTransport},
      {503, OutcomeClass::kTransport}, {504, OutcomeClass::kTransport},
      {302, OutcomeClass::kDenied},
  };
  for (const auto& [status, outcome] : cases) {
    SCOPED_TRACE(status);
    const AttemptResult result = Read(status);
    EXPECT_EQ(result.outcome, outcome);
    EXPECT_THAT(result.status.message(), HasSubstr(std::to_string(status)));
  }
  EXPECT_TRUE(Read(413).too_large);
}

TEST(HttpProtocolTest, RetryAfterIsADelayOnlyWhereItMayBe) {
  const AttemptResult wait = Read(503, {{"retry-after", "9"}});
  EXPECT_EQ(wait.outcome, OutcomeClass::kThrottled);
  EXPECT_EQ(wait.status.retry_after(), std::chrono::seconds(9));
  EXPECT_EQ(Read(429, {{"retry-after", "soon"}}).status.retry_after(), std::nullopt);
  EXPECT_EQ(Read(502, {{"retry-after", "9"}}).status.retry_after(), std::nullopt);
}

TEST(HttpProtocolTest, TheErrorTextNamesUrlStatusAndThePeersWords) {
  const AttemptResult result = Read(400, {{"content-type", "application/x-protobuf"}},
                                    otlp::EncodeStatus(InvalidArgument("bad span")));
  EXPECT_EQ(result.status.message(),
            "error exporting items, request to http://backend:4318/base/v1/traces responded with "
            "HTTP Status Code 400, Message=bad span");
}

TEST(HttpProtocolTest, ThePeersWordsAreShownWhateverTheirForm) {
  const std::string prefix =
      "error exporting items, request to http://backend:4318/base/v1/traces responded with HTTP "
      "Status Code 400";
  const std::string plain =
      Read(400, {{"content-type", "text/plain; charset=utf-8"}}, "out of order sample\n")
          .status.message();
  EXPECT_EQ(plain, prefix + ", Message=out of order sample");
  EXPECT_EQ(Read(400, {{"content-type", "application/json"}}, R"({"detail":"bad time"})")
                .status.message(),
            prefix + ", Message=bad time");
  EXPECT_EQ(Read(400).status.message(), prefix);
}

TEST(HttpProtocolTest, NoMessageQuotesAConfiguredHeader) {
  Config config = Base();
  config.client.headers.items = {{"Authorization", config::Secret("Bearer abcdef")},
                                 {"X-Api-Key", config::Secret("k3y-k3y-k3y")}};
  HttpProtocol protocol = Make(config);
  net::HttpResponse response;
  response.status = 401;
  response.headers.Add("content-type", "text/plain");
  response.body = Rope::CopyOf("the token abcdef and the key k3y-k3y-k3y are not known");
  EXPECT_THAT(protocol.Read(response, WallTime()).status.message(),
              ::testing::EndsWith("the token [REDACTED] and the key [REDACTED] are not known"));
}

TEST(HttpProtocolTest, A400ThatSaysTheBodyIsTooLargeIsToBeCut) {
  EXPECT_TRUE(
      Read(400, {{"content-type", "text/plain"}}, "http: request body too large").too_large);
}

std::optional<net::HttpRequest> Redirect(HttpProtocol& protocol, int status,
                                         const std::string& location) {
  net::HttpResponse response;
  response.status = status;
  response.headers.Add("location", location);
  return protocol.Redirected(protocol.Frame(Rope::CopyOf("data"), {}, false), response, WallTime());
}

TEST(HttpProtocolTest, ARedirectThatKeepsTheMethodIsFollowedWithTheSameBody) {
  HttpProtocol protocol = Make(Base());
  for (const int status : {307, 308}) {
    const auto again = Redirect(protocol, status, "/base/v2/traces");
    ASSERT_TRUE(again);
    EXPECT_EQ(again->target, "/base/v2/traces");
    EXPECT_EQ(again->body.ToString(), "data");
    EXPECT_EQ(again->method, "POST");
  }
  for (const int status : {200, 301, 302, 303, 404}) {
    EXPECT_FALSE(Redirect(protocol, status, "/base/v2/traces")) << status;
  }
  EXPECT_FALSE(Redirect(protocol, 308, "http://other:4318/v1/traces"));
  EXPECT_THAT(Read(308, {{"location", "http://u:p@other/x"}}).status.message(),
              HasSubstr("which leads to http://other/x and is not followed"));
}

TEST(HttpProtocolTest, ARedirectThroughAProxyNamesTheWholeUrlAgain) {
  const Config config = Base();
  HttpProtocol protocol(config, endpoint::ParseUrl(config.UrlFor(otlp::Signal::kTraces)).value(),
                        endpoint::Proxy{.address = {"proxy", 3128}, .authorization = ""},
                        otlp::Signal::kTraces);
  EXPECT_EQ(Redirect(protocol, 307, "x")->target, "http://backend:4318/base/v1/x");
}

TEST(HttpProtocolTest, CookiesComeBackIfTheyAreWanted) {
  Config config = Base();
  for (const bool wanted : {true, false}) {
    config.client.cookies.enabled = wanted;
    HttpProtocol protocol = Make(config);
    net::HttpResponse response;
    response.headers.Add("set-cookie", "route=7; Path=/");
    (void)protocol.Read(response, WallTime());
    EXPECT_EQ(protocol.Frame(Rope(), {}, false).headers.Find("cookie"),
              wanted ? std::optional<std::string_view>("route=7") : std::nullopt);
  }
}

}  // namespace
}  // namespace gapless::exporter::otlp_http
