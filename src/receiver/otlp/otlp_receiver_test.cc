#include "receiver/otlp/otlp_receiver.h"

#include "config/yaml.h"
#include "net/dial/client_channel.h"
#include "net/grpc/grpc_client.h"
#include "net/server/listener_pool.h"
#include "otlp/scan.h"
#include "otlp/service.h"
#include "receiver/otlp/cors.h"
#include "receiver/otlp/factory.h"
#include "receiver/otlp/grpc.h"
#include "receiver/otlp/http.h"
#include "receiver/otlp/intake.h"
#include "telemetry/inventory.h"
#include "telemetry/log_capture.h"
#include "wire/compression.h"
#include "wire/proto.h"

#include <algorithm>

#include <gtest/gtest.h>

namespace gapless::otlp_receiver {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

std::string Field(uint32_t number, std::string_view bytes) {
  std::string out;
  wire::Writer(&out).Bytes(number, bytes);
  return out;
}

// An ExportTraceServiceRequest with `spans` spans.
std::string Traces(int spans) {
  std::string scope;
  for (int i = 0; i < spans; ++i) {
    scope += Field(2, Field(1, std::string(16, 'T')) + Field(2, std::string(8, 'S')) +
                          Field(5, "span number " + std::to_string(i)));
  }
  return Field(1, Field(2, scope));
}

// Keeps what it gets; answers with `answer`, or when the test says so.
struct FakePipeline final : pipeline::Consumer {
  void Consume(otlp::Batch batch, pipeline::Completion completion) override {
    batches.push_back(std::move(batch));
    if (hold) {
      held.push_back(std::move(completion));
    } else {
      completion(answer);
    }
  }
  bool hold = false;
  Status answer;
  std::vector<otlp::Batch> batches;
  std::vector<pipeline::Completion> held;
};

class OtlpReceiverTest : public testing::Test {
 protected:
  ~OtlpReceiverTest() override {
    if (receiver_) {
      Stop();
    }
  }

  static Config Parse(std::string_view yaml) {
    Config config;
    config::Errors errors;
    auto node = config::ParseYaml(yaml, "test.yaml");
    config::Decode(ConfigTable(), *node, "receivers::otlp", config, errors);
    config::Validate(ConfigTable(), config, *node, "receivers::otlp", errors);
    EXPECT_TRUE(errors.ok()) << errors.ToString();
    return config;
  }

  void Start(std::string_view yaml =
                 "protocols: {grpc: {endpoint: '127.0.0.1:0'}, http: {endpoint: '127.0.0.1:0'}}") {
    receiver_ = std::make_unique<OtlpReceiver>(MakeSettings(), Parse(yaml),
                                               pipeline::Outputs{&traces_, nullptr, nullptr});
    const Status status = receiver_->Start();
    ASSERT_TRUE(status.ok()) << status.ToString();
  }
  pipeline::Settings MakeSettings() {
    return {*ComponentId::Parse("otlp"), log_.logger(), metrics_, workers_, memory_};
  }
  void Stop() {
    bool done = false;
    receiver_->Shutdown(worker_.Now() + seconds(5), [&] { done = true; });
    channels_.clear();
    EXPECT_TRUE(worker_.RunUntil([&] { return done; }, seconds(10)));
    receiver_.reset();
  }

  net::ClientChannel& Channel(size_t index, net::ClientProtocol protocol) {
    net::ClientChannelOptions options;
    const net::SocketAddress address = receiver_->addresses().at(index);
    options.target = {address.HostString(), address.port()};
    options.connection.protocol = protocol;
    channels_.push_back(std::make_unique<net::ClientChannel>(worker_, options, nullptr));
    channels_.back()->Start();
    return *channels_.back();
  }
  net::HttpResponse Ask(net::ClientChannel& channel, net::HttpRequest request) {
    std::optional<net::ExchangeResult> result;
    channel.Ask(std::make_shared<const net::HttpRequest>(std::move(request)), seconds(5),
                [&](net::ExchangeResult answer) { result = std::move(answer); });
    EXPECT_TRUE(worker_.RunUntil([&] { return result.has_value(); }, seconds(10)));
    EXPECT_TRUE(result->status.ok()) << result->status.ToString();
    return std::move(result->response);
  }
  net::GrpcAnswer Export(net::GrpcRequest request) {
    if (request.path.empty()) {
      request.path = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";
    }
    request.authority = "test:1";
    return net::ReadGrpcAnswer(
        Ask(Channel(0, net::ClientProtocol::kHttp2), net::MakeGrpcRequest(std::move(request))),
        1000);
  }
  net::HttpResponse Post(std::string_view body, net::HttpHeaders headers = {},
                         std::string_view path = "/v1/traces", std::string_view method = "POST") {
    if (!headers.Has("content-type")) {
      headers.Add("content-type", "application/x-protobuf");
    }
    return Ask(Channel(1, net::ClientProtocol::kHttp1), {.method = std::string(method),
                                                         .authority = "test",
                                                         .target = std::string(path),
                                                         .headers = std::move(headers),
                                                         .body = Rope::CopyOf(body)});
  }
  uint64_t Books(const telemetry::MetricDef& def, const std::string& transport) {
    return metrics_.GetCounter(def, {{"receiver", "otlp"}, {"transport", transport}}).Value();
  }

  net::Worker worker_;
  std::vector<net::Worker*> workers_ = {&worker_};
  telemetry::Registry metrics_;
  telemetry::LogCapture log_;
  const std::shared_ptr<MemoryLimit> memory_ = std::make_shared<MemoryLimit>(uint64_t{512} << 20);
  FakePipeline traces_;
  std::unique_ptr<OtlpReceiver> receiver_;
  std::vector<std::unique_ptr<net::ClientChannel>> channels_;
};

TEST_F(OtlpReceiverTest, LargeBodiesAreUnpackedBesideTheWorker) {
  Start();
  const std::string large = Traces(60'000);
  ASSERT_GT(large.size(), size_t{2} << 20);
  EXPECT_EQ(Post(large).status, 200);
  ASSERT_EQ(traces_.batches.size(), 1u);
  EXPECT_TRUE(traces_.batches[0].body == Rope::CopyOf(large));
  const Rope sent = wire::Compress(wire::Codec::kGzip, 0, Rope::CopyOf(large)).value();
  EXPECT_EQ(Post(sent.ToString(), {{"content-encoding", "gzip"}}).status, 200);
  ASSERT_EQ(traces_.batches.size(), 2u);
  EXPECT_TRUE(traces_.batches[1].body == sent) << "it stays as it came";
  EXPECT_EQ(Books(telemetry::Metric("otelcol_receiver_accepted_spans"), "http"), 120'000u);
  EXPECT_EQ(Post(large + "no protobuf").status, 400);
}

TEST_F(OtlpReceiverTest, WhileTheProcessHoldsAllThatItMayRequestsMayComeAgain) {
  Start();
  const auto refused = [&](std::string_view transport) {
    return metrics_
        .GetCounter(
            telemetry::Metric("otelcol_receiver_refused_requests"),
            {{"receiver", "otlp"}, {"transport", std::string(transport)}, {"reason", "memory"}})
        .Value();
  };
  memory_->Take(MemoryUse::kJournals, memory_->limit());
  const net::HttpResponse answer = Post(Traces(1));
  EXPECT_EQ(answer.status, 503);
  EXPECT_TRUE(answer.headers.Has("retry-after"));
  const net::GrpcAnswer call = Export({.message = Rope::CopyOf(Traces(1))});
  EXPECT_EQ(call.status, 14u);
  EXPECT_FALSE(call.details.empty()) << "with RetryInfo";
  EXPECT_EQ(refused("http"), 1u);
  EXPECT_EQ(refused("grpc"), 1u);
  EXPECT_EQ(log_.Count("service::limits::memory"), 2u) << "one per transport";
  memory_->Give(MemoryUse::kJournals, memory_->limit());
  EXPECT_EQ(Post(Traces(1)).status, 200);
  traces_.answer = NoMemoryLeft("the journal");
  EXPECT_EQ(Post(Traces(1)).status, 503);
  EXPECT_EQ(refused("http"), 2u) << "what a journal has no room for is the same";
}

TEST_F(OtlpReceiverTest, WhatIsTurnedAwayIsCountedAndSaid) {
  Start();
  const auto refused = [&](std::string_view reason) {
    return metrics_
        .GetCounter(telemetry::Metric("otelcol_receiver_refused_requests"),
                    {{"receiver", "otlp"}, {"transport", "http"}, {"reason", std::string(reason)}})
        .Value();
  };
  const Rope bomb =
      wire::Compress(wire::Codec::kGzip, 0, Rope::CopyOf(std::string(10 << 20, ' '))).value();
  for (int i = 0; i < 3; ++i) {
    const net::HttpResponse answer = Post(bomb.ToString(), {{"content-encoding", "gzip"}});
    EXPECT_EQ(answer.status, 400);
    EXPECT_FALSE(answer.headers.Has("retry-after"));
  }
  EXPECT_EQ(refused("inflated"), 3u);
  EXPECT_EQ(log_.Count("it inflates to far more than it was sent as"), 1u) << "one line per cause";
  EXPECT_EQ(Post("x", {{"x-large", std::string(100'000, 'a')}}).status, 431);
  EXPECT_EQ(refused("header_too_large"), 1u);
  EXPECT_EQ(log_.Count("its headers are larger than they may be"), 1u);
}

TEST_F(OtlpReceiverTest, TakesAGrpcExportByteForByte) {
  Start();
  const std::string sent = Traces(3);
  const net::GrpcAnswer answer = Export({.message = Rope::CopyOf(sent)});
  EXPECT_EQ(answer.status, 0u);
  EXPECT_EQ(answer.body.ToString(), std::string("\x0a\x00", 2));
  ASSERT_EQ(traces_.batches.size(), 1u);
  EXPECT_EQ(traces_.batches[0].items, 3u);
  EXPECT_EQ(traces_.batches[0].body.ToString(), sent);
  EXPECT_EQ(traces_.batches[0].metadata, nullptr);
  EXPECT_EQ(Books(telemetry::Metric("otelcol_receiver_accepted_spans"), "grpc"), 3u);
  EXPECT_EQ(log_.Count("Starting GRPC server"), 1u);
  EXPECT_EQ(log_.Count("Starting HTTP server"), 1u);
}

TEST_F(OtlpReceiverTest, KeepsGzipAndZstdAsTheyCame) {
  Start();
  const std::string raw = Traces(100);
  for (const auto& [codec, kept] :
       std::vector<std::pair<wire::Codec, bool>>{{wire::Codec::kGzip, true},
                                                 {wire::Codec::kZstd, true},
                                                 {wire::Codec::kSnappyFramed, false}}) {
    const Rope packed = wire::Compress(codec, wire::kDefaultLevel, Rope::CopyOf(raw)).value();
    const std::string name =
        codec == wire::Codec::kSnappyFramed ? "snappy" : std::string(wire::ContentEncoding(codec));
    EXPECT_EQ(Export({.message = packed, .encoding = name}).status, 0u) << name;
    const otlp::Batch& batch = traces_.batches.back();
    EXPECT_EQ(batch.items, 100u);
    EXPECT_EQ(batch.raw_size, raw.size());
    EXPECT_EQ(batch.lanes, *otlp::LanesOf(Rope::CopyOf(raw), batch.signal));
    EXPECT_EQ(batch.codec, kept ? codec : wire::Codec::kIdentity);
    EXPECT_EQ(batch.body.ToString(), kept ? packed.ToString() : raw);
    EXPECT_EQ(otlp::Inflate(batch)->body.ToString(), raw);
  }
}

TEST_F(OtlpReceiverTest, AGzipBodyOfTwoMembersIsInflated) {
  const Rope half =
      wire::Compress(wire::Codec::kGzip, wire::kDefaultLevel, Rope::CopyOf(Traces(5))).value();
  Rope two = half;
  two.Append(half);
  Request request{.body = two, .codec = wire::Codec::kGzip};
  auto batch = Unpack(request, 1 << 20);
  ASSERT_TRUE(batch.ok());
  EXPECT_EQ(batch->items, 10u);
  EXPECT_EQ(batch->codec, wire::Codec::kIdentity);
}

TEST_F(OtlpReceiverTest, AnswersWhatThePipelineSays) {
  Start();
  struct Case {
    Status status;
    uint32_t grpc;
    int http;
  };
  for (const Case& c : std::vector<Case>{
           {Unavailable("full").WithRetryAfter(seconds(7)), 14, 503},
           {Unavailable("no level is usable"), 14, 503},
           {ResourceExhausted("disk full").WithRetryAfter(seconds(7)), 14, 503},
           {ResourceExhausted("queue is full").WithRetryable(true), 14, 503},
           {Status(Code::kPermissionDenied, "read-only").WithRetryable(true), 14, 503},
           {InvalidArgument("poison"), 3, 400},
           {Internal("broken"), 13, 500},
           {Status(Code::kPermissionDenied, "no").FromPeer(), 7, 403},
           {Unavailable("away").FromPeer(), 14, 503},
           {Status(Code::kResourceExhausted, "wait").FromPeer().WithRetryAfter(seconds(7)), 8, 429},
           {Status(Code::kResourceExhausted, "quota").FromPeer(), 8, 429}}) {
    traces_.answer = c.status;
    const net::GrpcAnswer grpc = Export({.message = Rope::CopyOf(Traces(1))});
    EXPECT_EQ(grpc.status, c.grpc) << c.status.ToString();
    EXPECT_EQ(grpc.message, c.status.message());
    const net::HttpResponse http = Post(Traces(1));
    EXPECT_EQ(http.status, c.http) << c.status.ToString();
    // A refusal of ours that may be repeated says when; what a backend said is not changed.
    const bool ours = c.status.origin() == Origin::kLocal && c.status.retryable();
    const bool waits = ours || c.status.retry_after();
    EXPECT_EQ(grpc.details.empty(), !waits) << c.status.ToString();
    EXPECT_EQ(http.headers.Find("retry-after").has_value(), waits) << c.status.ToString();
  }
  EXPECT_EQ(Books(telemetry::Metric("otelcol_receiver_refused_spans"), "grpc"), 11u);
  EXPECT_EQ(Books(telemetry::Metric("otelcol_receiver_refused_spans"), "http"), 11u);
}

TEST_F(OtlpReceiverTest, ARefusalForLackOfMemoryAsksTheClientToWait) {
  const auto intake = std::make_shared<const Intake>(
      MakeSettings(), "grpc", pipeline::Outputs{&traces_, nullptr, nullptr}, 1 << 20);
  net::HttpRequest request;
  request.headers.Add("content-type", "application/x-protobuf");
  const net::HttpResponse grpc =
      MakeGrpcHandler(intake, {}, Mode::kServe)->Refuse(request, net::HttpRefusal::kOverloaded);
  const net::GrpcAnswer answer = net::ReadGrpcAnswer(grpc, 1000);
  EXPECT_EQ(answer.status, 14u);
  const std::optional<Status> details = otlp::DecodeStatus(AsBytes(answer.details));
  ASSERT_TRUE(details);
  EXPECT_EQ(details->retry_after(), seconds(3));
  const net::HttpResponse http =
      MakeHttpHandler(intake, {}, {})->Refuse(request, net::HttpRefusal::kOverloaded);
  EXPECT_EQ(http.status, 503);
  EXPECT_EQ(http.headers.Find("retry-after"), "3");
}

TEST_F(OtlpReceiverTest, RefusesWhatItCannotReadWithoutAskingThePipeline) {
  Start("protocols: {grpc: {endpoint: '127.0.0.1:0', max_recv_msg_size_mib: 1}}");
  EXPECT_EQ(Export({.message = Rope::CopyOf("garbage")}).status, 3u);
  EXPECT_EQ(Export({.message = Rope::CopyOf("not gzip"), .encoding = "gzip"}).status, 3u);
  EXPECT_EQ(Export({.message = Rope::CopyOf("x"), .encoding = "br"}).status, 12u);
  const Rope bomb =
      wire::Compress(wire::Codec::kGzip, wire::kDefaultLevel, Rope::CopyOf(std::string(3 << 20, 0)))
          .value();
  EXPECT_EQ(Export({.message = bomb, .encoding = "gzip"}).status, 8u);
  EXPECT_EQ(Export({.path = "/opentelemetry.proto.collector.logs.v1.LogsService/Export"}).status,
            12u)
      << "no pipeline uses logs";
  EXPECT_EQ(Export({}).status, 0u) << "an empty request is fine";
  EXPECT_TRUE(traces_.batches.empty());
}

TEST_F(OtlpReceiverTest, TakesHttpProtobufAndJson) {
  Start();
  const net::HttpResponse protobuf = Post(Traces(2));
  EXPECT_EQ(protobuf.status, 200);
  EXPECT_EQ(protobuf.headers.Find("content-type"), "application/x-protobuf");
  EXPECT_EQ(protobuf.body.ToString(), std::string("\x0a\x00", 2));
  const net::HttpResponse json = Post(
      R"({"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"0102030405060708090a0b0c0d0e0f10",
          "spanId":"0102030405060708","name":"x"}]}]}]})",
      {{"content-type", "application/json; charset=utf-8"}});
  EXPECT_EQ(json.status, 200);
  EXPECT_EQ(json.body.ToString(), R"({"partialSuccess":{}})");
  ASSERT_EQ(traces_.batches.size(), 2u);
  EXPECT_EQ(traces_.batches[1].items, 1u);
  EXPECT_EQ(Books(telemetry::Metric("otelcol_receiver_accepted_spans"), "http"), 3u);
}

TEST_F(OtlpReceiverTest, HttpRefusalsSpeakTheLanguageOfTheRequest) {
  Start(
      "protocols: {grpc: {endpoint: '127.0.0.1:0'}, http: {endpoint: '127.0.0.1:0', "
      "max_request_body_size: 2000}}");
  EXPECT_EQ(Post("", {}, "/v1/traces", "GET").status, 405);
  EXPECT_EQ(Post("", {}, "/v1/logs").status, 404);
  EXPECT_EQ(Post("", {}, "/nowhere").status, 404);
  EXPECT_EQ(Post("x", {{"content-type", "text/plain"}}).status, 415);
  net::HttpResponse response = Post("x", {{"content-encoding", "br"}});
  EXPECT_EQ(response.status, 400);
  EXPECT_NE(response.body.ToString().find("unsupported Content-Encoding: br"), std::string::npos);
  response = Post("{", {{"content-type", "application/json"}});
  EXPECT_EQ(response.status, 400);
  EXPECT_EQ(response.headers.Find("content-type"), "application/json");
  EXPECT_NE(response.body.ToString().find("\"code\":3"), std::string::npos);
  EXPECT_EQ(Post(std::string(2001, 'x')).status, 400);
  const Rope bomb =
      wire::Compress(wire::Codec::kGzip, wire::kDefaultLevel, Rope::CopyOf(std::string(100'000, 0)))
          .value();
  EXPECT_EQ(Post(bomb.ToString(), {{"content-encoding", "gzip"}}).status, 400);
  EXPECT_TRUE(traces_.batches.empty());
}

TEST_F(OtlpReceiverTest, MetadataIsKeptWhenAsked) {
  Start("protocols: {grpc: {endpoint: '127.0.0.1:0', include_metadata: true}}");
  Export(
      {.metadata = {{"x-tenant", "a"}}, .message = Rope::CopyOf(Traces(1)), .timeout = seconds(9)});
  ASSERT_EQ(traces_.batches.size(), 1u);
  const otlp::Metadata& metadata = *traces_.batches[0].metadata;
  EXPECT_TRUE(std::ranges::is_sorted(metadata));
  EXPECT_NE(std::ranges::find(metadata, std::pair<std::string, std::string>("x-tenant", "a")),
            metadata.end());
  EXPECT_NE(std::ranges::find(metadata, std::pair<std::string, std::string>("host", "test:1")),
            metadata.end());
  EXPECT_TRUE(traces_.batches[0].context->deadline);
}

TEST_F(OtlpReceiverTest, ALostPipelineIsUnavailable) {
  traces_.hold = true;
  Start();
  std::optional<net::ExchangeResult> result;
  Channel(0, net::ClientProtocol::kHttp2)
      .Ask(std::make_shared<const net::HttpRequest>(net::MakeGrpcRequest(
               {.path = "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
                .authority = "a",
                .message = Rope::CopyOf(Traces(1))})),
           seconds(5), [&](net::ExchangeResult answer) { result = std::move(answer); });
  ASSERT_TRUE(worker_.RunUntil([&] { return traces_.held.size() == 1; }, seconds(10)));
  traces_.held.clear();
  ASSERT_TRUE(worker_.RunUntil([&] { return result.has_value(); }, seconds(10)));
  EXPECT_EQ(net::ReadGrpcAnswer(result->response, 100).status, 14u);
}

TEST_F(OtlpReceiverTest, AnsweringAfterShutdownHarmsNobody) {
  traces_.hold = true;
  Start();
  net::ClientChannel& channel = Channel(1, net::ClientProtocol::kHttp1);
  channel.Ask(std::make_shared<const net::HttpRequest>(
                  net::HttpRequest{.method = "POST",
                                   .authority = "a",
                                   .target = "/v1/traces",
                                   .headers = {{"content-type", "application/x-protobuf"}},
                                   .body = Rope::CopyOf(Traces(1))}),
              seconds(5), [](net::ExchangeResult) {});
  ASSERT_TRUE(worker_.RunUntil([&] { return traces_.held.size() == 1; }, seconds(10)));
  bool done = false;
  receiver_->Shutdown(worker_.Now(), [&] { done = true; });
  ASSERT_TRUE(worker_.RunUntil([&] { return done; }, seconds(10)));
  receiver_.reset();
  EXPECT_TRUE(traces_.batches[0].context->cancelled);
  traces_.held[0](OkStatus());
  traces_.held.clear();
}

TEST_F(OtlpReceiverTest, TheNextReceiverTakesTheSocketsOver) {
  std::string endpoint;
  {
    auto free = net::Listener::Open(workers_, "tcp", "127.0.0.1:0", {}).value();
    endpoint = free->address().ToString();
  }
  const std::string yaml = "protocols: {grpc: {endpoint: '" + endpoint + "'}}";
  Start(yaml);
  bool stopped = false;
  receiver_->Shutdown(worker_.Now() + seconds(5), [&] { stopped = true; });
  auto next = std::make_unique<OtlpReceiver>(MakeSettings(), Parse(yaml),
                                             pipeline::Outputs{&traces_, nullptr, nullptr});
  ASSERT_TRUE(next->Start().ok()) << "while the old one still drains";
  ASSERT_TRUE(worker_.RunUntil([&] { return stopped; }, seconds(10)));
  receiver_ = std::move(next);
  EXPECT_EQ(Export({.message = Rope::CopyOf(Traces(1))}).status, 0u);
}

TEST_F(OtlpReceiverTest, NewClientsOfAReceiverThatEndedHearThatItIsShuttingDown) {
  std::vector<std::string> endpoints;
  {
    auto grpc = net::Listener::Open(workers_, "tcp", "127.0.0.1:0", {}).value();
    auto http = net::Listener::Open(workers_, "tcp", "127.0.0.1:0", {}).value();
    endpoints = {grpc->address().ToString(), http->address().ToString()};
  }
  Start("protocols: {grpc: {endpoint: '" + endpoints[0] + "'}, http: {endpoint: '" + endpoints[1] +
        "'}}");
  net::ClientChannel& grpc = Channel(0, net::ClientProtocol::kHttp2);
  net::ClientChannel& http = Channel(1, net::ClientProtocol::kHttp1);
  bool stopped = false;
  receiver_->Shutdown(worker_.Now() + seconds(5), [&] { stopped = true; });
  ASSERT_TRUE(worker_.RunUntil([&] { return stopped; }, seconds(10)));
  receiver_.reset();
  const net::GrpcAnswer refused = net::ReadGrpcAnswer(
      Ask(grpc, net::MakeGrpcRequest(
                    {.path = "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
                     .authority = "test:1",
                     .message = Rope::CopyOf(Traces(1))})),
      1000);
  EXPECT_EQ(refused.status, 14u);
  EXPECT_EQ(refused.message, "shutting down");
  const std::optional<Status> details = otlp::DecodeStatus(AsBytes(refused.details));
  ASSERT_TRUE(details);
  EXPECT_EQ(details->retry_after(), seconds(3));
  const net::HttpResponse response =
      Ask(http, {.method = "POST",
                 .authority = "a",
                 .target = "/v1/traces",
                 .headers = {{"content-type", "application/x-protobuf"}},
                 .body = Rope::CopyOf(Traces(1))});
  EXPECT_EQ(response.status, 503);
  EXPECT_EQ(response.headers.Find("retry-after"), "3");
  EXPECT_NE(response.body.ToString().find("shutting down"), std::string::npos);
  EXPECT_TRUE(traces_.batches.empty());
  channels_.clear();
  bool closed = false;
  net::ListenerPool::Process().CloseAll(worker_, worker_.Now() + seconds(5),
                                        [&] { closed = true; });
  EXPECT_TRUE(worker_.RunUntil([&] { return closed; }, seconds(10)));
  EXPECT_TRUE(net::Listener::Open(workers_, "tcp", endpoints[0], {}).ok());
}

TEST_F(OtlpReceiverTest, WhoeverMixesThePortsUpIsToldTheRightOne) {
  Start();
  const auto addresses = receiver_->addresses();
  const net::HttpResponse at_grpc = Ask(Channel(0, net::ClientProtocol::kHttp1),
                                        {.method = "POST", .authority = "a", .target = "/"});
  EXPECT_EQ(at_grpc.status, 400);
  EXPECT_NE(at_grpc.body.ToString().find("OTLP over HTTP is at " + addresses[1].ToString()),
            std::string::npos)
      << at_grpc.body.ToString();
}

TEST_F(OtlpReceiverTest, ATakenPortIsAnErrorAtStart) {
  auto taken = net::Listener::Open(workers_, "tcp", "127.0.0.1:0", {}).value();
  OtlpReceiver second(MakeSettings(),
                      Parse("protocols: {grpc: {endpoint: '" + taken->address().ToString() + "'}}"),
                      {&traces_, nullptr, nullptr});
  EXPECT_NE(second.Start().message().find("Address already in use"), std::string::npos);
}

TEST_F(OtlpReceiverTest, ResponsesCarryCorsAndConfiguredHeaders) {
  Start(
      "protocols: {grpc: {endpoint: '127.0.0.1:0'}, http: {endpoint: '127.0.0.1:0', "
      "cors: {allowed_origins: ['https://*.example.com']}, response_headers: {x-by: me}}}");
  net::HttpResponse response = Post(Traces(1), {{"origin", "https://a.example.com"}});
  EXPECT_EQ(response.headers.Find("access-control-allow-origin"), "https://a.example.com");
  EXPECT_EQ(response.headers.Find("x-by"), "me");
  response =
      Post("", {{"origin", "https://a.example.com"}, {"access-control-request-method", "POST"}},
           "/v1/traces", "OPTIONS");
  EXPECT_EQ(response.status, 204);
  EXPECT_EQ(response.headers.Find("access-control-allow-methods"), "POST");
  EXPECT_EQ(response.headers.Find("x-by"), "me");
  response = Post(Traces(1), {{"origin", "https://evil.test"}});
  EXPECT_EQ(response.status, 200);
  EXPECT_FALSE(response.headers.Has("access-control-allow-origin"));
}

TEST(CorsTest, OriginsMatchPatterns) {
  endpoint::CorsConfig cors;
  cors.allowed_origins = {"https://*.Example.com", "http://one.test"};
  for (std::string_view origin :
       {"https://a.example.com", "https://a.b.example.com", "HTTP://ONE.test"}) {
    EXPECT_TRUE(OriginAllowed(cors, origin)) << origin;
  }
  for (std::string_view origin :
       {"https://example.com", "http://one.test.evil", "http://a.example.com", ""}) {
    EXPECT_FALSE(OriginAllowed(cors, origin)) << origin;
  }
  cors.allowed_origins = {"*"};
  EXPECT_TRUE(OriginAllowed(cors, "https://anything"));
}

TEST(CorsTest, PreflightNeedsAllowedHeaders) {
  endpoint::CorsConfig cors;
  cors.allowed_origins = {"*"};
  cors.allowed_headers = {"X-Custom"};
  net::HttpRequest request{
      .method = "OPTIONS",
      .headers = {{"origin", "https://a"},
                  {"access-control-request-method", "POST"},
                  {"access-control-request-headers", "content-type, x-custom"}}};
  EXPECT_TRUE(AnswerPreflight(cors, request)->headers.Has("access-control-allow-origin"));
  request.headers.Set("access-control-request-headers", "x-other");
  EXPECT_FALSE(AnswerPreflight(cors, request)->headers.Has("access-control-allow-origin"));
  request.method = "POST";
  EXPECT_FALSE(AnswerPreflight(cors, request));
}

TEST(OtlpReceiverConfigTest, ReportsWhatUpstreamReports) {
  for (const auto& [yaml, expected] : std::vector<std::pair<std::string, std::string>>{
           {"{}", "must specify at least one protocol when using the OTLP receiver"},
           {"protocols:", "must specify at least one protocol"},
           {"protocols: {thrift: }", "thrift"},
           {"protocols: {http: {profiles_url_path: /x}}", "profiles_url_path"},
           {"protocols: {http: {traces_url_path: 'a b'}}",
            "invalid HTTP URL path set for signal: traces"}}) {
    Config config;
    config::Errors errors;
    auto node = config::ParseYaml(yaml, "t.yaml");
    config::Decode(ConfigTable(), *node, "receivers::otlp", config, errors);
    if (errors.ok()) {
      config::Validate(ConfigTable(), config, *node, "receivers::otlp", errors);
    }
    EXPECT_NE(errors.ToString().find(expected), std::string::npos) << yaml << errors.ToString();
  }
}

TEST(OtlpReceiverConfigTest, NullTurnsAProtocolOnWithItsDefaultEndpoint) {
  Config config;
  config::Errors errors;
  config::Decode(ConfigTable(), *config::ParseYaml("protocols:\n  grpc:\n  http: {}\n", "t.yaml"),
                 "r", config, errors);
  EXPECT_TRUE(errors.ok());
  EXPECT_TRUE(config.protocols.grpc && config.protocols.http);
  EXPECT_EQ(config.protocols.grpc->server.listen.endpoint, "localhost:4317");
  EXPECT_EQ(config.protocols.http->server.listen.endpoint, "localhost:4318");
  EXPECT_EQ(Factory().info.type, "otlp");
}

}  // namespace
}  // namespace gapless::otlp_receiver
