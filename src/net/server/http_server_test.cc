#include "net/server/http_server.h"

#include "fmt/format.h"
#include "net/dial/client_channel.h"
#include "net/loop/listener.h"
#include "net/server/test_server.h"

#include <array>
#include <atomic>

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

namespace gapless::net {
namespace {

using std::chrono::seconds;

// Answers on a later turn, on any worker.
struct LaterHandler final : HttpHandler {
  void Handle(HttpCall call) override {
    GAPLESS_CHECK(call.worker->InThread());
    ++handled;
    Worker* worker = call.worker;
    worker->Post([call = std::move(call)]() mutable { call.responder.Send(Echo(call.request)); });
  }
  std::atomic<int> handled = 0;
};

class HttpServerTest : public testing::Test {
 protected:
  HttpServerTest() : listener_(Listener::Open(workers_, "tcp", "127.0.0.1:0", {}).value()) {
    other_.Start();
    server_ = HttpServer::Create(workers_, {}, handler_);
    listener_->SetAcceptor(server_);
  }
  ~HttpServerTest() override {
    // The order of a stopping process: clients and connections first, workers last.
    clients_.clear();
    other_.Stop();
    other_.Join();
  }

  ClientChannel& Client(ClientProtocol protocol) {
    ClientChannelOptions options;
    options.target = {"127.0.0.1", listener_->address().port()};
    options.connection.protocol = protocol;
    clients_.push_back(std::make_unique<ClientChannel>(control_, options, nullptr));
    clients_.back()->Start();
    return *clients_.back();
  }
  void Post(ClientChannel& client, const std::string& body) {
    client.Ask(
        std::make_shared<const HttpRequest>(HttpRequest{
            .method = "POST", .scheme = "http", .authority = "a", .body = Rope::CopyOf(body)}),
        seconds(20), [this, body](ExchangeResult result) {
          ++answered_;
          good_ += result.status.ok() && result.response.body.ToString() == body;
        });
  }

  Worker control_{"control", 0};
  Worker other_{"other", 1};
  std::vector<Worker*> workers_ = {&control_, &other_};
  std::shared_ptr<LaterHandler> handler_ = std::make_shared<LaterHandler>();
  std::unique_ptr<Listener> listener_;
  std::shared_ptr<HttpServer> server_;
  std::vector<std::unique_ptr<ClientChannel>> clients_;
  int answered_ = 0;
  int good_ = 0;
};

TEST_F(HttpServerTest, ServesBothProtocolsOnSeveralWorkers) {
  constexpr int kClients = 6;
  constexpr int kPerClient = 50;
  for (int i = 0; i < kClients; ++i) {
    ClientChannel& client = Client(i % 2 == 0 ? ClientProtocol::kHttp1 : ClientProtocol::kHttp2);
    for (int k = 0; k < kPerClient; ++k) {
      Post(client, std::string(static_cast<size_t>(k) * 1000, static_cast<char>('a' + i)));
    }
  }
  ASSERT_TRUE(control_.RunUntil([&] { return answered_ == kClients * kPerClient; }, seconds(30)));
  EXPECT_EQ(good_, answered_);
  EXPECT_EQ(server_->budget().used(), 0u);
}

TEST_F(HttpServerTest, DrainsAllWorkersWhileRequestsKeepComing) {
  for (int i = 0; i < 8; ++i) {
    Post(Client(i % 2 == 0 ? ClientProtocol::kHttp1 : ClientProtocol::kHttp2), "x");
  }
  ASSERT_TRUE(control_.RunUntil([&] { return answered_ == 8; }, seconds(30)));
  for (int i = 0; i < 200; ++i) {
    Post(*clients_[static_cast<size_t>(i) % clients_.size()], std::string(20'000, 'y'));
  }
  bool drained = false;
  listener_->ClearAcceptor(server_.get());
  server_->Drain(control_.Now() + std::chrono::milliseconds(300), [&] { drained = true; });
  EXPECT_TRUE(control_.RunUntil([&] { return drained; }, seconds(30)));
  EXPECT_TRUE(control_.RunUntil([&] { return listener_->connections() == 0; }, seconds(10)));
  EXPECT_EQ(server_->budget().used(), 0u);
}

TEST_F(HttpServerTest, AClientThatHasJustConnectedIsStillAnsweredWhenItEnds) {
  const Fd client(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(listener_->address().port());
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  ASSERT_EQ(connect(client.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  ASSERT_TRUE(control_.RunUntil([&] { return server_->stats().connections == 1; }, seconds(5)));
  listener_->SetAcceptor(nullptr);
  bool drained = false;
  server_->Drain(control_.Now() + seconds(20), [&] { drained = true; });
  control_.RunUntil([] { return false; }, std::chrono::milliseconds(50));
  const std::string_view request = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
  ASSERT_EQ(write(client.get(), request.data(), request.size()), ssize_t(request.size()));
  EXPECT_TRUE(control_.RunUntil([&] { return handler_->handled == 1; }, seconds(5)));
  std::array<char, 64> answer{};
  EXPECT_GT(read(client.get(), answer.data(), answer.size()), 0);
  EXPECT_EQ(std::string_view(answer.data(), 12), "HTTP/1.1 200");
  EXPECT_TRUE(control_.RunUntil([&] { return drained; }, seconds(10)));
}

// What a client that sends `bytes` to a server with `options` gets until the end.
std::string AnswerTo(HttpServerOptions options, std::string_view bytes) {
  struct Client final : StreamHandler {
    void OnConnected() override {}
    void OnData(Slice data) override { received += data.text(); }
    void OnEnd() override { ended = true; }
    void OnClosed(Status) override { ended = true; }
    std::string received;
    bool ended = false;
  };
  Worker worker;
  auto handler = std::make_shared<TestHandler>();
  handler->reply = Echo;
  TestServer server(worker, std::move(options), handler);
  Client client;
  const auto stream = ConnectPlain(worker, server.listener->address(), {});
  stream->Start(&client);
  stream->Write(Rope::CopyOf(bytes));
  EXPECT_TRUE(worker.RunUntil([&] { return client.ended; }, seconds(10)));
  return client.received;
}

constexpr std::string_view kPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
constexpr std::string_view kTlsHello = "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03";

TEST(HttpServerProtocolTest, AnHttp1ClientOfAnHttp2PortIsToldAtOnceWhichPortItWants) {
  HttpServerOptions options;
  options.http1 = false;
  options.other_port = "The other one is 4318.";
  for (const std::string_view request :
       {"POST /v1/traces HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n", "GET", "x"}) {
    const std::string answer = AnswerTo(options, request);
    EXPECT_TRUE(answer.starts_with("HTTP/1.1 400 Bad Request\r\n")) << answer;
    EXPECT_TRUE(answer.ends_with("The other one is 4318.\n")) << answer;
  }
}

TEST(HttpServerProtocolTest, AnHttp2ClientOfAnHttp1PortIsToldAtOnceWhichPortItWants) {
  HttpServerOptions options;
  options.http2_plain = false;
  options.other_port = "The other one is 4317.";
  const std::string answer = AnswerTo(options, kPreface);
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 400 Bad Request\r\n")) << answer;
  EXPECT_TRUE(answer.ends_with("The other one is 4317.\n")) << answer;
}

TEST(HttpServerProtocolTest, ATlsClientOfAPlainPortIsAnsweredAtOnce) {
  HttpServerOptions both;
  HttpServerOptions http1;
  http1.http2_plain = false;
  HttpServerOptions http2;
  http2.http1 = false;
  for (const HttpServerOptions& options : {both, http1, http2}) {
    const std::string answer = AnswerTo(options, kTlsHello);
    EXPECT_TRUE(answer.starts_with("HTTP/1.1 400 Bad Request\r\n")) << answer;
    EXPECT_NE(answer.find("TLS"), std::string::npos) << answer;
  }
}

TEST(HttpServerProtocolTest, RubbishIsAnsweredAtOnce) {
  HttpServerOptions options;
  options.http2_plain = false;
  for (const std::string_view rubbish :
       {std::string_view("\0\0\4", 3), std::string_view("hello\r\n"), std::string_view("{}"),
        std::string_view("GET / HTTP/1.1\n")}) {
    EXPECT_TRUE(AnswerTo(options, rubbish).starts_with("HTTP/1.1 400 ")) << rubbish;
  }
}

// A request that asks for h2c; `extra`: more fields, `rest`: what follows the head.
std::string UpgradeRequest(std::string_view extra = "", std::string_view rest = "") {
  return fmt::format(
      "POST /up HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
      "HTTP2-Settings: AAMAAABkAAQAAP__\r\n{}\r\n{}",
      extra, rest);
}
constexpr std::string_view kSwitching = "HTTP/1.1 101 Switching Protocols\r\n";
constexpr std::string_view kGoaway("\0\0\x08\x07\0\0\0\0\0\0\0\0\0\0\0\0\0", 17);

TEST(HttpServerProtocolTest, ARequestThatAsksForH2cIsAnsweredOverHttp2) {
  const std::string settings("\0\0\0\4\0\0\0\0\0", 9);
  const std::string rest = std::string(kPreface) + settings + std::string(kGoaway);
  for (const std::string& request :
       {UpgradeRequest("", rest), UpgradeRequest("Content-Length: 4\r\n", "body" + rest)}) {
    const std::string answer = AnswerTo({}, request);
    ASSERT_TRUE(answer.starts_with(kSwitching)) << answer;
    const size_t end = answer.find("\r\n\r\n") + 4;
    EXPECT_EQ(answer[end + 3], '\4') << "SETTINGS come first";
    EXPECT_NE(answer.find("/up", end), std::string::npos) << "x-target of the echo";
    EXPECT_EQ(answer.find("HTTP/1.1", end), std::string::npos);
  }
}

TEST(HttpServerProtocolTest, AWishForH2cThatIsNotInOrderIsPassedOver) {
  HttpServerOptions http1;
  http1.http2_plain = false;
  HttpServerOptions closing;
  closing.http1_options.keep_alives = false;
  const std::string close = "Connection: close\r\n";
  EXPECT_TRUE(AnswerTo(http1, UpgradeRequest(close)).starts_with("HTTP/1.1 200 OK\r\n"));
  EXPECT_TRUE(AnswerTo(closing, UpgradeRequest()).starts_with("HTTP/1.1 200 OK\r\n"));
  const std::string twice = "HTTP2-Settings: AAMAAABkAAQAAP__\r\n" + close;
  EXPECT_TRUE(AnswerTo({}, UpgradeRequest(twice)).starts_with("HTTP/1.1 200 OK\r\n"));
  const std::string bad =
      "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\n"
      "Upgrade: h2c\r\nHTTP2-Settings: !\r\nConnection: close\r\n\r\n";
  EXPECT_TRUE(AnswerTo({}, bad).starts_with("HTTP/1.1 200 OK\r\n"));
}

TEST(HttpServerProtocolTest, ARefusedRequestThatAsksForH2cIsNotReadToItsEnd) {
  std::string request = UpgradeRequest("Content-Length: 4\r\n", "body");
  request.replace(request.find("/up"), 3, "/refused");
  EXPECT_TRUE(AnswerTo({}, request).starts_with("HTTP/1.1 404 "));
  // Without a body there is nothing to read: curl and nghttp ask with OPTIONS.
  request = UpgradeRequest(
      "", std::string(kPreface) + std::string("\0\0\0\4\0\0\0\0\0", 9) + std::string(kGoaway));
  request.replace(request.find("/up"), 3, "/refused");
  const std::string answer = AnswerTo({}, request);
  EXPECT_TRUE(answer.starts_with(kSwitching));
  EXPECT_NE(answer.find("no such path"), std::string::npos);
}

TEST(HttpServerRoomTest, AConnectionThatHasBeenIdleLongestGivesWayToANewOne) {
  Worker worker;
  const auto handler = std::make_shared<TestHandler>();
  auto listener = Listener::Open({&worker}, "tcp", "127.0.0.1:0", {.max_connections = 2}).value();
  const auto server = HttpServer::Create({&worker}, {}, handler);
  listener->SetAcceptor(server);
  const auto ask = [&](std::unique_ptr<ClientChannel>& client) {
    ClientChannelOptions options;
    options.target = {"127.0.0.1", listener->address().port()};
    options.connection.protocol = ClientProtocol::kHttp1;
    client = std::make_unique<ClientChannel>(worker, options, nullptr);
    client->Start();
    client->Ask(std::make_shared<HttpRequest>(), seconds(20), [](const ExchangeResult&) {});
  };
  const Fd idle(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const SocketAddress& address = listener->address();
  ASSERT_EQ(connect(idle.get(), address.get(), address.size()), 0);
  ASSERT_TRUE(worker.RunUntil([&] { return listener->connections() == 1; }, seconds(10)));
  std::unique_ptr<ClientChannel> busy;
  ask(busy);
  ASSERT_TRUE(worker.RunUntil([&] { return handler->calls.size() == 1; }, seconds(10)));
  std::unique_ptr<ClientChannel> late;
  ask(late);
  ASSERT_TRUE(worker.RunUntil([&] { return handler->calls.size() == 2; }, seconds(10)));
  EXPECT_FALSE(handler->calls[0].responder.cancelled());
  char byte = 0;
  EXPECT_EQ(recv(idle.get(), &byte, 1, 0), 0);
}

}  // namespace
}  // namespace gapless::net
