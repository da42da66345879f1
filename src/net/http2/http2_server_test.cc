#include "base/rng.h"
#include "net/grpc/grpc_frame.h"
#include "net/grpc/grpc_server.h"
#include "net/http2/ping_enforcer.h"
#include "net/http2/test_http2_client.h"
#include "net/server/http_server.h"
#include "net/server/test_server.h"
#include "net/tls/test_certificates.h"

#include <cstdio>
#include <fstream>

#include <gtest/gtest.h>

namespace gapless::net {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

std::string RandomBytes(size_t size) {
  Rng rng(size);
  std::string text(size, '\0');
  for (char& c : text) {
    c = static_cast<char>(rng.Next());
  }
  return text;
}

class Http2ServerTest : public testing::Test {
 protected:
  Http2ServerTest() {
    handler_->reply = Echo;
    options_.watch = watch_;
  }

  TestHttp2Client& Connect() {
    if (!server_) {
      server_.emplace(worker_, options_, handler_);
    }
    clients_.push_back(std::make_unique<TestHttp2Client>(
        worker_, ConnectPlain(worker_, server_->listener->address(), {})));
    return *clients_.back();
  }

  Worker worker_;
  HttpServerOptions options_;
  std::shared_ptr<TestWatch> watch_ = std::make_shared<TestWatch>();
  std::shared_ptr<TestHandler> handler_ = std::make_shared<TestHandler>();
  std::optional<TestServer> server_;
  std::vector<std::unique_ptr<TestHttp2Client>> clients_;
};

TEST_F(Http2ServerTest, CarriesBodiesOfAllSizesBothWays) {
  TestHttp2Client& client = Connect();
  std::map<int32_t, std::string> sent;
  for (const size_t size :
       std::vector<size_t>{0, 1, 100, 5'000, 16'384, 16'385, 150'000, 2'000'000}) {
    std::string body = RandomBytes(size);
    sent[client.Post("/echo", body)] = body;
  }
  for (auto& [id, body] : sent) {
    TestHttp2Client::Response& response = client.Await(id);
    EXPECT_EQ(response.headers[":status"], "200");
    EXPECT_EQ(response.headers["x-target"], "/echo");
    EXPECT_EQ(response.headers["x-authority"], "test");
    EXPECT_TRUE(response.body == body) << body.size();
  }
  EXPECT_EQ(server_->server->budget().used(), 0u);
}

TEST_F(Http2ServerTest, BlanksAroundAHeaderValueAreTakenOff) {
  HttpHeaders seen;
  handler_->reply = [&seen](const HttpRequest& request) {
    seen = request.headers;
    return Echo(request);
  };
  TestHttp2Client& client = Connect();
  const int32_t id =
      client.Post("/x", "", {{"authorization", "Bearer x "}, {"x-tenant", " \ta"}, {"x-e", " "}});
  EXPECT_EQ(client.Await(id).headers[":status"], "200");
  EXPECT_EQ(seen.Find("authorization"), "Bearer x");
  EXPECT_EQ(seen.Find("x-tenant"), "a");
  EXPECT_EQ(seen.Find("x-e"), "");
}

TEST_F(Http2ServerTest, FieldsOfTheConnectionAreNotSent) {
  handler_->reply = [](const HttpRequest& request) {
    HttpResponse response = Echo(request);
    for (const char* name : {"connection", "keep-alive", "transfer-encoding", "upgrade", "te"}) {
      response.headers.Add(name, "x");
    }
    response.headers.Add("x-other", "y");
    return response;
  };
  TestHttp2Client& client = Connect();
  TestHttp2Client::Response& response = client.Await(client.Post("/", "a"));
  EXPECT_FALSE(response.reset) << "RFC 9113 section 8.2.2";
  EXPECT_EQ(response.headers["x-other"], "y");
  EXPECT_FALSE(response.headers.contains("connection") || response.headers.contains("te"));
}

TEST_F(Http2ServerTest, WhatComesForAStreamThatIsOverEndsTheConnection) {
  // nghttp2 as a client does not send such things, so the frames are written by hand.
  struct Raw final : StreamHandler {
    void OnConnected() override {}
    void OnData(Slice data) override { received += data.text(); }
    void OnEnd() override { ended = true; }
    void OnClosed(Status) override { ended = true; }
    std::string received;
    bool ended = false;
  };
  server_.emplace(worker_, options_, handler_);
  Raw raw;
  const auto stream = ConnectPlain(worker_, server_->listener->address(), {});
  stream->Start(&raw);
  const auto write = [&](std::string_view bytes) { stream->Write(Rope::CopyOf(bytes)); };
  write("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
  write(std::string_view("\0\0\0\4\0\0\0\0\0", 9));
  // POST http://a/ with END_STREAM, from the static table of HPACK but for its authority.
  write(std::string_view("\0\0\6\1\5\0\0\0\1\x83\x86\x84\x41\1a", 15));
  ASSERT_TRUE(worker_.RunUntil([&] { return raw.received.contains("a"); }, seconds(10)));
  write(std::string_view("\0\0\1\0\1\0\0\0\1x", 10));
  ASSERT_TRUE(worker_.RunUntil([&] { return raw.ended; }, seconds(10)));
  EXPECT_EQ(watch_->connections[RefusedConnection::kProtocol], 1);
  const std::string goaway("\7\0\0\0\0\0\0\0\0\1\0\0\0\5", 14);
  EXPECT_TRUE(raw.received.contains(goaway)) << "GOAWAY, stream 1, STREAM_CLOSED";
}

TEST_F(Http2ServerTest, AnswersInAnyOrder) {
  handler_->reply = nullptr;
  TestHttp2Client& client = Connect();
  const int32_t first = client.Post("/1", "a");
  const int32_t second = client.Post("/2", "b");
  ASSERT_TRUE(client.Until([&] { return handler_->calls.size() == 2; }));
  handler_->calls[1].responder.Send(TextResponse(200, "second"));
  EXPECT_EQ(client.Await(second).body, "second");
  EXPECT_FALSE(client.responses[first].ended);
  handler_->calls[0].responder.Send(TextResponse(200, "first"));
  EXPECT_EQ(client.Await(first).body, "first");
}

TEST_F(Http2ServerTest, AResetCancelsTheCall) {
  handler_->reply = nullptr;
  TestHttp2Client& client = Connect();
  const int32_t id = client.Post("/1", "a");
  ASSERT_TRUE(client.Until([&] { return handler_->calls.size() == 1; }));
  bool cancelled = false;
  handler_->calls[0].responder.OnCancel([&] { cancelled = true; });
  client.Reset(id);
  EXPECT_TRUE(client.Until([&] { return cancelled; }));
  EXPECT_EQ(server_->server->budget().used(), 1u) << "the handler still holds the body";
  handler_->calls[0].responder.Send(TextResponse(200, "late"));
  EXPECT_EQ(server_->server->budget().used(), 0u);
}

TEST_F(Http2ServerTest, AResetIsHeardThoughTheBudgetIsUsedUp) {
  handler_->reply = nullptr;
  options_.max_inflight_body_bytes = 100;
  TestHttp2Client& client = Connect();
  const int32_t id = client.Post("/1", std::string(100, 'a'));
  ASSERT_TRUE(client.Until([&] { return handler_->calls.size() == 1; }));
  bool cancelled = false;
  handler_->calls[0].responder.OnCancel([&] { cancelled = true; });
  client.Reset(id);
  EXPECT_TRUE(client.Until([&] { return cancelled; }));
  EXPECT_EQ(server_->server->budget().used(), 100u);
  handler_->calls.clear();
  EXPECT_EQ(server_->server->budget().used(), 0u);
}

TEST_F(Http2ServerTest, BodiesThatTogetherAreLargerThanTheBudgetCompleteOneAfterAnother) {
  options_.max_inflight_body_bytes = 4'000'000;
  TestHttp2Client& client = Connect();
  std::vector<int32_t> ids;
  for (int i = 0; i < 20; ++i) {
    ids.push_back(client.Post("/", RandomBytes(400'000), {{"content-length", "400000"}}));
  }
  size_t most = 0;
  EXPECT_TRUE(client.Until([&] {
    most = std::max(most, server_->server->budget().used());
    return std::ranges::all_of(ids, [&](int32_t id) { return client.responses[id].ended; });
  }));
  for (const int32_t id : ids) {
    EXPECT_EQ(client.responses[id].headers[":status"], "200");
  }
  EXPECT_LE(most, 6'000'000u) << "the budget, and slabs that several bodies are charged for";
  EXPECT_EQ(server_->server->budget().used(), 0u);
  EXPECT_EQ(server_->server->budget().promised(), 0u);
}

TEST_F(Http2ServerTest, ABodyWhoseSizeIsNotToldIsReceivedToo) {
  options_.max_body_bytes = 1'000'000;
  options_.max_inflight_body_bytes = 1'500'000;
  TestHttp2Client& client = Connect();
  const std::string body = RandomBytes(900'000);
  EXPECT_TRUE(client.Await(client.Post("/", body)).body == body);
  EXPECT_EQ(server_->server->budget().promised(), 0u);
}

TEST_F(Http2ServerTest, ABodyThatIsAnnouncedTooLargeIsRefusedBeforeItComes) {
  options_.max_body_bytes = 100'000;
  TestHttp2Client& client = Connect();
  const int32_t id = client.Post("/", "x", {{"content-length", "100001"}}, true);
  EXPECT_EQ(client.Await(id).headers[":status"], "413");
  EXPECT_EQ(watch_->requests[RefusedRequest::kBodyTooLarge], 1);
}

TEST_F(Http2ServerTest, ABodyThatGetsNoRoomIsRefusedInTheEnd) {
  options_.http2_options.stall_timeout = milliseconds(100);
  options_.max_inflight_body_bytes = 200'000;
  handler_->reply = nullptr;
  TestHttp2Client& other = Connect();
  other.Post("/", std::string(130'000, 'x'), {{"content-length", "130000"}});
  ASSERT_TRUE(other.Until([&] { return handler_->calls.size() == 1; }));
  TestHttp2Client& hog = Connect();
  const int32_t slow = hog.Post("/", std::string(10, 'x'), {{"content-length", "150000"}}, true);
  TestHttp2Client& client = Connect();
  const int32_t id = client.Post("/", std::string(150'000, 'x'), {{"content-length", "150000"}});
  EXPECT_EQ(client.Await(id).headers[":status"], "503");
  EXPECT_EQ(hog.Await(slow).headers[":status"], "408");
  EXPECT_GE(watch_->requests[RefusedRequest::kBodyBudget], 1);
  EXPECT_GE(watch_->requests[RefusedRequest::kTooSlow], 1);
  handler_->calls.clear();
  EXPECT_EQ(server_->server->budget().used(), 0u);
}

TEST_F(Http2ServerTest, HeadersOfOpenRequestsAreBounded) {
  options_.max_inflight_body_bytes = 1'000'000;  // 4 MiB for headers, at least
  handler_->reply = nullptr;
  TestHttp2Client& client = Connect();
  std::vector<int32_t> ids;
  for (int i = 0; i < 150; ++i) {
    ids.push_back(client.Post("/", "x", {{"x-large", std::string(50'000, 'a')}}, true));
  }
  EXPECT_EQ(client.Await(ids.back()).headers[":status"], "503");
  EXPECT_GT(watch_->requests[RefusedRequest::kHeaderBudget], 50);
  TestHttp2Client& other = Connect();
  other.Post("/", "x");
  EXPECT_TRUE(other.Until([&] { return handler_->calls.size() == 1; }));
}

TEST_F(Http2ServerTest, AFloodIsToldToCalmDown) {
  TestHttp2Client& client = Connect();
  for (int i = 0; i < 3000; ++i) {
    client.Ping();
  }
  EXPECT_TRUE(client.Until([&] { return client.closed; }));
  EXPECT_EQ(client.goaway_error, static_cast<uint32_t>(NGHTTP2_ENHANCE_YOUR_CALM));
  EXPECT_EQ(watch_->connections[RefusedConnection::kFlood], 1);
}

TEST_F(Http2ServerTest, AnAnswerThatMayNotBeSentIsGivenUp) {
  options_.http2_options.stall_timeout = milliseconds(50);
  handler_->reply = [](const HttpRequest&) { return TextResponse(200, std::string(70'000, 'x')); };
  TestHttp2Client& client = Connect();
  client.hold_window = true;
  const int32_t id = client.Post("/", "x");
  EXPECT_EQ(client.Await(id).reset, static_cast<uint32_t>(NGHTTP2_CANCEL));
  EXPECT_EQ(watch_->requests[RefusedRequest::kUnread], 1);
}

TEST_F(Http2ServerTest, AYoungConnectionGetsItsFirstRequestBeforeItIsToldToGo) {
  TestHttp2Client& client = Connect();
  ASSERT_TRUE(client.Until([&] { return server_->server->stats().connections == 1; }));
  bool drained = false;
  server_->listener->ClearAcceptor(server_->server.get());
  server_->server->Drain(worker_.Now() + seconds(30), [&] { drained = true; });
  EXPECT_FALSE(worker_.RunUntil([&] { return client.closed; }, milliseconds(50)));
  const int32_t id = client.Post("/", "first");
  EXPECT_EQ(client.Await(id).body, "first");
  EXPECT_TRUE(client.Until([&] { return client.closed; }));
  clients_.clear();
  EXPECT_TRUE(worker_.RunUntil([&] { return drained; }, seconds(10)));
}

TEST_F(Http2ServerTest, ALostConnectionCancelsItsCalls) {
  handler_->reply = nullptr;
  Connect().Post("/1", "a");
  ASSERT_TRUE(worker_.RunUntil([&] { return handler_->calls.size() == 1; }, seconds(10)));
  bool cancelled = false;
  handler_->calls[0].responder.OnCancel([&] { cancelled = true; });
  clients_.clear();
  EXPECT_TRUE(worker_.RunUntil([&] { return cancelled; }, seconds(10)));
}

TEST_F(Http2ServerTest, RefusesEarlyAndTellsTheClientToStop) {
  options_.max_body_bytes = 100;
  TestHttp2Client& client = Connect();
  const int32_t refused = client.Post("/refused", "x", {}, true);
  EXPECT_EQ(client.Await(refused).headers[":status"], "404");
  EXPECT_TRUE(client.Until([&] { return client.responses[refused].reset == NGHTTP2_NO_ERROR; }));
  const int32_t large = client.Post("/", std::string(1000, 'x'), {}, true);
  EXPECT_EQ(client.Await(large).headers[":status"], "413");
  const int32_t fine = client.Post("/", "x");
  EXPECT_EQ(client.Await(fine).headers[":status"], "200");
  EXPECT_EQ(server_->server->budget().used(), 0u);
}

TEST_F(Http2ServerTest, RefusesOversizedHeaders) {
  options_.http2_options.max_header_bytes = 1000;
  TestHttp2Client& client = Connect();
  const int32_t id = client.Post("/", "x", {{"x-large", std::string(2000, 'a')}});
  EXPECT_EQ(client.Await(id).headers[":status"], "431");
}

TEST_F(Http2ServerTest, ResetsRequestsThatMakeNoProgress) {
  options_.http2_options.stall_timeout = milliseconds(20);
  TestHttp2Client& client = Connect();
  const int32_t id = client.Post("/", "begin", {}, true);
  EXPECT_EQ(client.Await(id).headers[":status"], "408");
  EXPECT_EQ(server_->server->budget().used(), 0u);
}

TEST_F(Http2ServerTest, DrainServesCrossingRequestsThenCloses) {
  handler_->reply = nullptr;
  TestHttp2Client& client = Connect();
  const int32_t id = client.Post("/1", "a");
  ASSERT_TRUE(client.Until([&] { return handler_->calls.size() == 1; }));
  bool drained = false;
  server_->listener->ClearAcceptor(server_->server.get());
  server_->server->Drain(worker_.Now() + seconds(30), [&] { drained = true; });
  EXPECT_TRUE(client.Until([&] { return client.goaways == 2; }));
  EXPECT_FALSE(client.closed);
  handler_->calls[0].responder.Send(TextResponse(200, "done"));
  EXPECT_EQ(client.Await(id).body, "done");
  EXPECT_TRUE(client.Until([&] { return client.closed; }));
  clients_.clear();
  EXPECT_TRUE(worker_.RunUntil([&] { return drained; }, seconds(10)));
}

TEST_F(Http2ServerTest, DrainCutsOffAtTheDeadline) {
  handler_->reply = nullptr;
  TestHttp2Client& client = Connect();
  client.Post("/1", "a");
  ASSERT_TRUE(client.Until([&] { return handler_->calls.size() == 1; }));
  bool drained = false;
  server_->server->Drain(worker_.Now() + milliseconds(20), [&] { drained = true; });
  EXPECT_TRUE(client.Until([&] { return drained && client.closed; }));
  EXPECT_TRUE(handler_->calls[0].responder.cancelled());
}

TEST_F(Http2ServerTest, OldAndIdleConnectionsSayGoodbye) {
  options_.http2_options.max_connection_idle = milliseconds(20);
  TestHttp2Client& idle = Connect();
  EXPECT_TRUE(idle.Until([&] { return idle.closed; }));
  EXPECT_GE(idle.goaways, 1);
  EXPECT_EQ(idle.goaway_error, static_cast<uint32_t>(NGHTTP2_NO_ERROR));
}

TEST_F(Http2ServerTest, AgeEndsABusyConnectionAfterItsGrace) {
  handler_->reply = nullptr;
  options_.http2_options.max_connection_age = milliseconds(20);
  options_.http2_options.max_connection_age_grace = milliseconds(20);
  TestHttp2Client& client = Connect();
  client.Post("/1", "a");
  ASSERT_TRUE(client.Until([&] { return handler_->calls.size() == 1; }));
  EXPECT_TRUE(client.Until([&] { return client.closed; }));
}

TEST_F(Http2ServerTest, TooManyPingsEndTheConnection) {
  options_.http2_options.enforce_pings = true;
  TestHttp2Client& client = Connect();
  for (int i = 0; i < 5; ++i) {
    client.Ping();
  }
  EXPECT_TRUE(client.Until([&] { return client.closed; }));
  EXPECT_EQ(client.goaway_text, "too_many_pings");
}

TEST_F(Http2ServerTest, TheClientIsPingedAndASilentOneIsDropped) {
  options_.http2_options.ping_after = milliseconds(10);
  options_.http2_options.ping_timeout = milliseconds(10);
  TestHttp2Client& alive = Connect();
  EXPECT_FALSE(worker_.RunUntil([&] { return alive.closed; }, milliseconds(100)));
  struct Mute final : StreamHandler {
    void OnConnected() override {}
    void OnData(Slice) override {}
    void OnEnd() override { ended = true; }
    void OnClosed(Status) override { ended = true; }
    bool ended = false;
  } mute;
  auto stream = ConnectPlain(worker_, server_->listener->address(), {});
  stream->Start(&mute);
  stream->Write(
      Rope::CopyOf(std::string("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0", 33)));
  EXPECT_TRUE(worker_.RunUntil([&] { return mute.ended; }, seconds(10)));
}

TEST_F(Http2ServerTest, GarbageAfterThePrefaceEndsTheConnectionOnly) {
  TestHttp2Client& good = Connect();
  for (uint64_t seed = 1; seed <= 50; ++seed) {
    struct Fire final : StreamHandler {
      void OnConnected() override {}
      void OnData(Slice) override {}
      void OnEnd() override {}
      void OnClosed(Status) override {}
    } fire;
    auto stream = ConnectPlain(worker_, server_->listener->address(), {});
    stream->Start(&fire);
    stream->Write(Rope::CopyOf("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + RandomBytes(500 + seed)));
    worker_.RunUntil([] { return false; }, milliseconds(2));
  }
  EXPECT_EQ(good.Await(good.Post("/", "x")).headers[":status"], "200");
}

TEST_F(Http2ServerTest, TlsChoosesTheProtocolByAlpn) {
  TestCa ca;
  PemPair pair = ca.Issue("server", "DNS:localhost");
  TlsServerOptions tls;
  tls.cert_pem = pair.cert;
  tls.key_pem = pair.key;
  tls.alpn = {"h2", "http/1.1"};
  options_.tls = TlsServerContext::Create(tls).value();
  server_.emplace(worker_, options_, handler_);
  TlsClientOptions client_tls;
  client_tls.ca_pem = ca.pem();
  client_tls.alpn = {"h2"};
  TestHttp2Client client(worker_,
                         ConnectTls(worker_, server_->listener->address(),
                                    TlsClientContext::Create(client_tls).value(), "localhost", {}));
  const std::string body = RandomBytes(1'000'000);
  EXPECT_TRUE(client.Await(client.Post("/", body)).body == body);
}

TEST_F(Http2ServerTest, WhoSpeaksSomethingElseIsCounted) {
  struct Speaker final : StreamHandler {
    void OnConnected() override {}
    void OnData(Slice) override {}
    void OnEnd() override { ended = true; }
    void OnClosed(Status) override { ended = true; }
    bool ended = false;
  };
  const auto say = [this](const std::string& words) {
    Speaker speaker;
    auto stream = ConnectPlain(worker_, server_->listener->address(), {});
    stream->Start(&speaker);
    stream->Write(Rope::CopyOf(words));
    EXPECT_TRUE(worker_.RunUntil([&] { return speaker.ended; }, seconds(10))) << words;
  };
  options_.http1 = false;
  server_.emplace(worker_, options_, handler_);
  say("GET / HTTP/1.1\r\n\r\n");
  EXPECT_EQ(watch_->connections[RefusedConnection::kWrongPort], 1);
  say("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + std::string(9, 'x'));
  EXPECT_EQ(watch_->connections[RefusedConnection::kProtocol], 1);
  const PemPair pair = TestCa().Issue("server", "DNS:localhost");
  TlsServerOptions tls;
  tls.cert_pem = pair.cert;
  tls.key_pem = pair.key;
  options_.tls = TlsServerContext::Create(tls).value();
  server_.emplace(worker_, options_, handler_);
  say("no TLS at all, whatever else it may be");
  EXPECT_EQ(watch_->connections[RefusedConnection::kHandshake], 1);
}

TEST_F(Http2ServerTest, CurlIsServedWithBothProtocols) {
  if (std::system("command -v curl >/dev/null") != 0) {
    GTEST_SKIP() << "no curl";
  }
  server_.emplace(worker_, options_, handler_);
  const std::string file = testing::TempDir() + "curl_body";
  std::ofstream(file) << RandomBytes(300'000);
  for (const std::string protocol : {"--http1.1", "--http2-prior-knowledge"}) {
    const std::string out = testing::TempDir() + "curl_out";
    const std::string command = "curl -sS " + protocol + " --data-binary @" + file + " -o " + out +
                                " http://" + server_->listener->address().ToString() +
                                "/x && cmp -s " + file + " " + out;
    std::atomic<int> result = -1;
    std::jthread runner([&] { result = std::system(command.c_str()); });
    EXPECT_TRUE(worker_.RunUntil([&] { return result >= 0; }, seconds(20)));
    EXPECT_EQ(result, 0) << command;
  }
}

TEST(PingEnforcerTest, ThreeEarlyPingsAreTooManyUnlessAnswersCameBetween) {
  TimePoint now{std::chrono::hours(10)};
  PingEnforcer strict(seconds(10), false);
  EXPECT_TRUE(strict.OnPing(now, true));
  EXPECT_TRUE(strict.OnPing(now + seconds(1), true));
  EXPECT_TRUE(strict.OnPing(now + seconds(2), true));
  EXPECT_FALSE(strict.OnPing(now + seconds(3), true));
  PingEnforcer forgiving(seconds(10), false);
  for (int i = 0; i < 100; ++i) {
    EXPECT_TRUE(forgiving.OnPing(now + seconds(i), true));
    forgiving.OnAnswerSent();
  }
  PingEnforcer idle(seconds(10), true);
  for (int i = 0; i < 100; ++i) {
    EXPECT_TRUE(idle.OnPing(now + seconds(10 * i), false));
  }
}

// gRPC on top.

struct EchoMethod final : GrpcMethod {
  void Handle(GrpcCall call) override {
    last_encoding = call.encoding;
    last_deadline = call.deadline;
    if (hold) {
      held.push_back(std::move(call));
      return;
    }
    GrpcReply answer = reply;
    if (answer.code == Code::kOk) {
      answer.body = call.message;
    }
    call.responder.Reply(std::move(answer));
  }
  GrpcReply reply;
  bool hold = false;
  std::vector<GrpcCall> held;
  std::string last_encoding;
  std::optional<TimePoint> last_deadline;
};

class GrpcServerTest : public testing::Test {
 protected:
  GrpcServerTest() {
    GrpcServerOptions grpc;
    grpc.max_message_bytes = 100'000;
    grpc.encodings = {"gzip"};
    auto handler = std::make_shared<GrpcServer>(grpc);
    auto method = std::make_unique<EchoMethod>();
    method_ = method.get();
    handler->AddMethod("/pkg.Echo/Say", std::move(method));
    HttpServerOptions options;
    options.http1 = false;
    server_.emplace(worker_, options, handler);
    client_.emplace(worker_, ConnectPlain(worker_, server_->listener->address(), {}));
  }

  TestHttp2Client::Response& Call(const std::string& path, std::string body,
                                  std::vector<std::pair<std::string, std::string>> more = {}) {
    more.insert(more.begin(), {"content-type", "application/grpc"});
    more.insert(more.begin(), {"te", "trailers"});
    return client_->Await(client_->Post(path, std::move(body), std::move(more)));
  }
  static std::string Framed(const std::string& message, bool compressed = false) {
    return FrameGrpcMessage(Rope::CopyOf(message), compressed).ToString();
  }

  Worker worker_;
  EchoMethod* method_ = nullptr;
  std::optional<TestServer> server_;
  std::optional<TestHttp2Client> client_;
};

TEST_F(GrpcServerTest, AnswersAUnaryCallWithTrailers) {
  auto& response = Call("/pkg.Echo/Say", Framed("hello"), {{"grpc-timeout", "5S"}});
  EXPECT_EQ(response.headers[":status"], "200");
  EXPECT_EQ(response.headers["content-type"], "application/grpc");
  EXPECT_EQ(response.headers["grpc-status"], "0");
  EXPECT_EQ(response.body, Framed("hello"));
  ASSERT_TRUE(method_->last_deadline);
  EXPECT_GT(*method_->last_deadline, worker_.Now() + seconds(4));
}

TEST_F(GrpcServerTest, CarriesFailuresWithTextAndDetails) {
  method_->reply = {Code::kUnavailable, "50% full\nsorry ü", std::string("\x08\x0e\xff", 3), {}};
  auto& response = Call("/pkg.Echo/Say", Framed("x"));
  EXPECT_EQ(response.headers["grpc-status"], "14");
  EXPECT_EQ(response.headers["grpc-message"], "50%25 full%0Asorry %C3%BC");
  EXPECT_EQ(response.headers["grpc-status-details-bin"], "CA7/");
  EXPECT_EQ(response.body, "");
}

TEST_F(GrpcServerTest, HandsCompressedMessagesOn) {
  auto& response = Call("/pkg.Echo/Say", Framed("zipped", true), {{"grpc-encoding", "gzip"}});
  EXPECT_EQ(response.headers["grpc-status"], "0");
  EXPECT_EQ(method_->last_encoding, "gzip");
  EXPECT_EQ(
      Call("/pkg.Echo/Say", Framed("plain"), {{"grpc-encoding", "gzip"}}).headers["grpc-status"],
      "0");
  EXPECT_EQ(method_->last_encoding, "");
}

TEST_F(GrpcServerTest, RefusesWhatIsNoProperCall) {
  struct Case {
    std::string path;
    std::string body;
    std::vector<std::pair<std::string, std::string>> headers;
    std::string status;
  };
  const std::string path = "/pkg.Echo/Say";
  std::string two = Framed("a") + Framed("b");
  for (const Case& c :
       std::vector<Case>{{"/pkg.Echo/Nothing", Framed("x"), {}, "12"},
                         {"/pkg.None/Say", Framed("x"), {}, "12"},
                         {"/", Framed("x"), {}, "12"},
                         {path, "", {}, "13"},
                         {path, Framed("hello").substr(0, 7), {}, "13"},
                         {path, two, {}, "13"},
                         {path, "\x02" + Framed("x").substr(1), {}, "13"},
                         {path, Framed("x", true), {}, "13"},
                         {path, Framed("x", true), {{"grpc-encoding", "lzma"}}, "12"},
                         {path, Framed("x"), {{"grpc-timeout", "soon"}}, "13"},
                         {path, Framed(std::string(100'001, 'x')), {}, "8"},
                         {path, std::string("\0\xff\xff\xff\xff", 5), {}, "8"}}) {
    EXPECT_EQ(Call(c.path, c.body, c.headers).headers["grpc-status"], c.status)
        << c.path << c.body.substr(0, 20);
  }
  EXPECT_EQ(client_->Await(client_->Post(path, Framed("x"), {{"content-type", "text/plain"}}))
                .headers[":status"],
            "415");
}

TEST_F(GrpcServerTest, ADroppedCallIsUnavailable) {
  method_->hold = true;
  const int32_t id =
      client_->Post("/pkg.Echo/Say", Framed("x"), {{"content-type", "application/grpc+proto"}});
  ASSERT_TRUE(client_->Until([&] { return method_->held.size() == 1; }));
  method_->held.clear();
  EXPECT_EQ(client_->Await(id).headers["grpc-status"], "14");
}

TEST(GrpcFrameTest, TimeoutsRoundTrip) {
  EXPECT_EQ(ParseGrpcTimeout("100m"), milliseconds(100));
  EXPECT_EQ(ParseGrpcTimeout("99999999H"), Duration::max());
  EXPECT_EQ(ParseGrpcTimeout("1n"), Duration(1));
  for (std::string_view bad : {"", "1", "S", "-1S", "1.5S", "123456789S", "1s", "1 S"}) {
    EXPECT_FALSE(ParseGrpcTimeout(bad)) << bad;
  }
  for (Duration value : {Duration(1), Duration(milliseconds(1500)), Duration(seconds(5)),
                         Duration(std::chrono::hours(5000))}) {
    const Duration parsed = *ParseGrpcTimeout(FormatGrpcTimeout(value));
    EXPECT_LE(parsed, value);
    EXPECT_GE(parsed.count(), value.count() / 100 * 99);
  }
  EXPECT_EQ(FormatGrpcTimeout(Duration(-5)), "1n");
}

TEST(GrpcFrameTest, MessageTextRoundTrips) {
  for (uint64_t seed = 1; seed <= 200; ++seed) {
    const std::string text = RandomBytes(seed);
    EXPECT_EQ(DecodeGrpcMessageText(EncodeGrpcMessageText(text)), text);
  }
  EXPECT_EQ(DecodeGrpcMessageText("100%"), "100%");
  EXPECT_EQ(DecodeGrpcMessageText("%zz%4"), "%zz%4");
  EXPECT_EQ(DecodeGrpcMessageText("%41"), "A");
}

}  // namespace
}  // namespace gapless::net
