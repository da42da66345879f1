#include "net/http_server.h"

#include "net/client_channel.h"
#include "net/listener.h"
#include "net/test_server.h"

#include <atomic>

#include <gtest/gtest.h>

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

}  // namespace
}  // namespace gapless::net
