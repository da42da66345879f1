#include "otlp/service.h"

#include "base/rng.h"

namespace gapless::otlp {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

TEST(ServiceTest, FullSuccessIsAnEmptyPartialSuccessObject) {
  EXPECT_EQ(EncodeResponse(), std::string("\x0a\x00", 2));
  for (const Signal signal : kSignals) {
    EXPECT_EQ(ResponseJson(signal), R"({"partialSuccess":{}})");
    const auto json = DecodeResponseJson(Rope::CopyOf(ResponseJson(signal)), signal);
    ASSERT_TRUE(json.ok()) << json.status().ToString();
    EXPECT_TRUE(json->empty());
  }
  EXPECT_TRUE(DecodeResponse(Rope::CopyOf(EncodeResponse()))->empty());
  EXPECT_TRUE(DecodeResponse(Rope())->empty());
  EXPECT_TRUE(DecodeResponseJson(Rope(), Signal::kLogs)->empty());
}

TEST(ServiceTest, PartialSuccessGoesThereAndBack) {
  const PartialSuccess partial = {.rejected_items = 7, .message = "too old \"x\""};
  EXPECT_EQ(ResponseJson(Signal::kMetrics, partial),
            R"({"partialSuccess":{"rejectedDataPoints":"7","errorMessage":"too old \"x\""}})");
  EXPECT_EQ(ResponseJson(Signal::kTraces, {.rejected_items = 1}),
            R"({"partialSuccess":{"rejectedSpans":"1"}})");
  EXPECT_EQ(ResponseJson(Signal::kLogs, {.rejected_items = 1}),
            R"({"partialSuccess":{"rejectedLogRecords":"1"}})");
  const auto back = DecodeResponse(Rope::CopyOf(EncodeResponse(partial)));
  ASSERT_TRUE(back.ok());
  EXPECT_EQ(back->rejected_items, 7);
  EXPECT_EQ(back->message, partial.message);
  for (const Signal signal : kSignals) {
    const auto json = DecodeResponseJson(Rope::CopyOf(ResponseJson(signal, partial)), signal);
    ASSERT_TRUE(json.ok());
    EXPECT_EQ(json->rejected_items, 7);
    EXPECT_EQ(json->message, partial.message);
  }
}

TEST(ServiceTest, MalformedOrOversizeResponseIsInvalidArgument) {
  EXPECT_EQ(DecodeResponse(Rope::CopyOf("<html>")).status().code(), Code::kInvalidArgument);
  EXPECT_EQ(DecodeResponse(Rope::CopyOf(std::string("\x0a\x02\x12\x05", 4))).status().code(),
            Code::kInvalidArgument);
  EXPECT_EQ(DecodeResponseJson(Rope::CopyOf("<html>"), Signal::kLogs).status().code(),
            Code::kInvalidArgument);
  const Rope large = Rope::CopyOf(std::string(kMaxResponseSize + 1, '\0'));
  EXPECT_THAT(DecodeResponse(large).status().message(), ::testing::HasSubstr("limit"));
  EXPECT_FALSE(DecodeResponseJson(large, Signal::kLogs).ok());
}

TEST(ServiceTest, StatusCarriesRetryInfoThereAndBack) {
  const Status sent = Unavailable("queue full").WithRetryAfter(milliseconds(1500));
  const auto back = DecodeStatus(AsBytes(EncodeStatus(sent)));
  ASSERT_TRUE(back.has_value());
  EXPECT_EQ(back->code(), Code::kUnavailable);
  EXPECT_EQ(back->message(), "queue full");
  EXPECT_EQ(back->retry_after(), milliseconds(1500));
  EXPECT_EQ(back->origin(), Origin::kPeer);
  EXPECT_TRUE(back->retryable());
}

TEST(ServiceTest, RetryInfoMakesResourceExhaustedRetryableButNotInvalidArgument) {
  const auto exhausted =
      DecodeStatus(AsBytes(EncodeStatus(ResourceExhausted("m").WithRetryAfter(seconds(0)))));
  EXPECT_TRUE(exhausted->retryable());
  EXPECT_EQ(exhausted->retry_after(), Duration(0));
  EXPECT_FALSE(DecodeStatus(AsBytes(EncodeStatus(ResourceExhausted("m"))))->retryable());
  const auto invalid =
      DecodeStatus(AsBytes(EncodeStatus(InvalidArgument("m").WithRetryAfter(seconds(1)))));
  EXPECT_FALSE(invalid->retryable());
  EXPECT_EQ(invalid->retry_after(), std::nullopt);
}

TEST(ServiceTest, DelaysBeyondReasonAreBroughtIntoRange) {
  for (const char* bytes : {
           // RetryInfo with seconds = -1, with seconds = 2^62, with nanos = -5
           "\x0a\x0b\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
           "\x0a\x0a\x08\x80\x80\x80\x80\x80\x80\x80\x80\x40",
           "\x0a\x0b\x10\xfb\xff\xff\xff\xff\xff\xff\xff\xff\x01",
       }) {
    const std::string info = bytes;
    std::string any = "\x0a\x28type.googleapis.com/google.rpc.RetryInfo\x12";
    any += static_cast<char>(info.size()) + info;
    std::string status = "\x08\x0e\x1a";
    status += static_cast<char>(any.size()) + any;
    const auto decoded = DecodeStatus(AsBytes(status));
    ASSERT_TRUE(decoded.has_value());
    ASSERT_TRUE(decoded->retry_after().has_value());
    EXPECT_GE(*decoded->retry_after(), Duration(0));
    EXPECT_LE(*decoded->retry_after(), std::chrono::hours(24 * 366));
  }
}

TEST(ServiceTest, StatusWithoutACodeOrWithAnUnknownOneIsUnknown) {
  EXPECT_EQ(DecodeStatus(ByteSpan())->code(), Code::kUnknown);
  EXPECT_EQ(DecodeStatus(AsBytes("\x08\x63"))->code(), Code::kUnknown);
  EXPECT_FALSE(DecodeStatus(AsBytes("<html>")).has_value());
}

TEST(ServiceTest, StatusAsJson) {
  EXPECT_EQ(StatusJson(InvalidArgument("bad \"body\"")), R"({"code":3,"message":"bad \"body\""})");
  const std::vector<std::pair<Duration, std::string>> cases = {
      {seconds(1), "1s"},
      {milliseconds(1500), "1.500s"},
      {std::chrono::microseconds(3), "0.000003s"},
      {Duration(1), "0.000000001s"}};
  for (const auto& [delay, text] : cases) {
    EXPECT_EQ(StatusJson(Unavailable("m").WithRetryAfter(delay)),
              R"({"code":14,"message":"m","details":[)"
              R"({"@type":"type.googleapis.com/google.rpc.RetryInfo",)"
              R"("retryDelay":")" +
                  text + "\"}]}");
  }
}

TEST(ServiceTest, HostileBytesNeverCrash) {
  const std::string good = EncodeStatus(Unavailable("m").WithRetryAfter(seconds(9)));
  for (uint64_t seed = 1; seed <= 5000; ++seed) {
    Rng rng(seed);
    std::string text = good;
    text[rng.Below(text.size())] = static_cast<char>(rng.Next());
    text.resize(rng.Below(text.size() + 1));
    const auto status = DecodeStatus(AsBytes(text));
    EXPECT_TRUE(!status || !status->ok()) << "seed " << seed;
  }
}

}  // namespace
}  // namespace gapless::otlp
