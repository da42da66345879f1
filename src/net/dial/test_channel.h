// The fixtures of the channel tests. Header-only, tests only.
#pragma once

#include "net/dial/client_channel.h"
#include "net/http/scripted_peer.h"
#include "net/tls/test_certificates.h"

#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace gapless::net {

using std::chrono::milliseconds;
using std::chrono::seconds;
using Clock = std::chrono::steady_clock;

struct News final : ClientChannel::Observer {
  void OnConnected() override { ++connected; }
  void OnDialFailed(const Status& status) override {
    dial_failures.push_back(status);
    failed_at.push_back(Clock::now());
  }
  void OnConnectionLost(const Status& status) override { lost.push_back(status); }
  int connected = 0;
  std::vector<Status> dial_failures;
  std::vector<Clock::time_point> failed_at;
  std::vector<Status> lost;
};

class ClientChannelTest : public testing::Test {
 protected:
  ClientChannelOptions Options(uint16_t port) {
    ClientChannelOptions options;
    options.target = {"127.0.0.1", port};
    options.server_name = "localhost";
    options.connection.protocol = ClientProtocol::kHttp2;
    options.connection.suspect_after = seconds(1);
    options.stream.tcp_user_timeout = milliseconds(1500);
    return options;
  }
  void Open(ClientChannelOptions options) {
    channel_ = std::make_unique<ClientChannel>(worker_, std::move(options), &news_);
    channel_->Start();
  }
  SharedRequest Post(std::string body, std::string target = "/x") {
    return std::make_shared<HttpRequest>(HttpRequest{.method = "POST",
                                                     .scheme = "http",
                                                     .authority = "peer",
                                                     .target = std::move(target),
                                                     .headers = {{"te", "trailers"}},
                                                     .body = Rope::CopyOf(body)});
  }
  uint64_t Send(std::string body) {
    return channel_->Send(Post(std::move(body)),
                          [this](ExchangeResult result) { results_.push_back(std::move(result)); });
  }
  bool Until(std::move_only_function<bool()> done, Duration timeout = seconds(5)) {
    return worker_.RunUntil(std::move(done), timeout);
  }
  bool UntilResults(size_t count) {
    return Until([this, count] { return results_.size() >= count; });
  }
  // Lets time pass while the loop runs; only for "nothing happens" checks.
  void Linger(Duration time) {
    (void)Until([] { return false; }, time);
  }

  Worker worker_;
  News news_;
  ScriptedPeer peer_{worker_};
  std::unique_ptr<ClientChannel> channel_;
  std::vector<ExchangeResult> results_;
};

class Http1ChannelTest : public ClientChannelTest {
 protected:
  ClientChannelOptions Options1(uint16_t port) {
    ClientChannelOptions options = Options(port);
    options.connection.protocol = ClientProtocol::kHttp1;
    options.greeting = Post("", "/hello");
    return options;
  }
  ScriptedPeer web_{worker_, false};
};

}  // namespace gapless::net
