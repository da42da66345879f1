#include "fmt/format.h"
#include "net/server/http_server.h"
#include "net/server/test_server.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace gapless::net {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

struct RawClient final : StreamHandler {
  RawClient(Worker& worker_in, const SocketAddress& address)
      : worker(worker_in), stream(ConnectPlain(worker_in, address, {})) {
    stream->Start(this);
  }
  void OnConnected() override {}
  void OnData(Slice bytes) override { received += bytes.text(); }
  void OnEnd() override { ended = true; }
  void OnClosed(Status) override { ended = true; }

  void Send(std::string_view text) { stream->Write(Rope::CopyOf(text)); }
  bool Until(std::move_only_function<bool()> done) {
    return worker.RunUntil(std::move(done), seconds(10));
  }
  // Waits for text; whether it came.
  bool Sees(std::string_view text) {
    return Until([&] { return received.find(text) != std::string::npos; });
  }
  bool Ends() {
    return Until([&] { return ended; });
  }
  size_t Count(std::string_view text) const {
    size_t count = 0;
    for (size_t at = received.find(text); at != std::string::npos;
         at = received.find(text, at + 1)) {
      ++count;
    }
    return count;
  }

  Worker& worker;
  std::unique_ptr<Stream> stream;
  std::string received;
  bool ended = false;
};

class Http1ServerTest : public testing::Test {
 protected:
  Http1ServerTest() { handler_->reply = Echo; }

  RawClient& Connect() {
    if (!server_) {
      server_.emplace(worker_, options_, handler_);
    }
    clients_.push_back(std::make_unique<RawClient>(worker_, server_->listener->address()));
    return *clients_.back();
  }

  Worker worker_;
  HttpServerOptions options_;
  std::shared_ptr<TestHandler> handler_ = std::make_shared<TestHandler>();
  std::optional<TestServer> server_;
  std::vector<std::unique_ptr<RawClient>> clients_;
};

TEST_F(Http1ServerTest, AnswersRequestsOfOneConnectionInOrder) {
  RawClient& client = Connect();
  client.Send(
      "POST /a?b=c HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\none"
      "POST /two HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\ntwo\r\n0\r\n\r\n"
      "GET /last HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
  ASSERT_TRUE(client.Ends());
  EXPECT_EQ(client.Count("HTTP/1.1 200 OK\r\n"), 3u);
  EXPECT_NE(
      client.received.find("x-target: /a?b=c\r\nx-authority: h\r\ncontent-length: 3\r\n\r\none"),
      std::string::npos)
      << client.received;
  EXPECT_LT(client.received.find("/two"), client.received.find("/last"));
  EXPECT_EQ(client.Count("connection: close"), 1u);
}

TEST_F(Http1ServerTest, ATargetInAbsoluteFormIsTheSameRequest) {
  struct Case {
    const char* target;
    const char* echoed;
  };
  for (const auto& [target, echoed] : {
           Case{"http://x:4318/v1/traces?a=b",
                "x-target: /v1/traces?a=b\r\nx-authority: x:4318\r\n"},
           Case{"HTTPS://user:word@x/y", "x-target: /y\r\nx-authority: x\r\n"},
           Case{"http://x", "x-target: /\r\nx-authority: x\r\n"},
           Case{"http://x?q", "x-target: /?q\r\nx-authority: x\r\n"},
           Case{"/http://x/", "x-target: /http://x/\r\nx-authority: h\r\n"},
       }) {
    RawClient& client = Connect();
    client.Send(fmt::format("GET {} HTTP/1.1\r\nHost: h\r\n\r\n", target));
    EXPECT_TRUE(client.Sees(echoed)) << target << client.received;
  }
}

TEST_F(Http1ServerTest, ALateAnswerHoldsPipelinedRequestsBack) {
  handler_->reply = nullptr;
  RawClient& client = Connect();
  const std::string request = "GET /x HTTP/1.1\r\nHost: h\r\n\r\n";
  client.Send(request + request);
  ASSERT_TRUE(client.Until([&] { return handler_->calls.size() == 1; }));
  EXPECT_FALSE(worker_.RunUntil([&] { return handler_->calls.size() > 1; }, milliseconds(20)));
  handler_->calls[0].responder.Send(TextResponse(200, "first"));
  ASSERT_TRUE(client.Until([&] { return handler_->calls.size() == 2; }));
  handler_->calls[1].responder.Send(TextResponse(200, "second"));
  EXPECT_TRUE(client.Sees("second"));
}

TEST_F(Http1ServerTest, SaysContinueBeforeTheBody) {
  RawClient& client = Connect();
  client.Send("POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
  ASSERT_TRUE(client.Sees("HTTP/1.1 100 Continue\r\n\r\n"));
  client.Send("ok");
  EXPECT_TRUE(client.Sees("\r\n\r\nok"));
}

TEST_F(Http1ServerTest, RefusesByHeaderWithoutWaitingForTheBody) {
  RawClient& client = Connect();
  client.Send("POST /refused HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000\r\n\r\nbegin");
  EXPECT_TRUE(client.Sees("HTTP/1.1 404 Not Found\r\n"));
  EXPECT_TRUE(client.Sees("no such path"));
  EXPECT_TRUE(client.Ends());
}

TEST_F(Http1ServerTest, ARefusedRequestWithoutBodyLeavesTheConnectionOpen) {
  RawClient& client = Connect();
  client.Send("GET /refused HTTP/1.1\r\nHost: h\r\n\r\nGET /fine HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_TRUE(client.Sees("HTTP/1.1 404 "));
  EXPECT_TRUE(client.Sees("x-target: /fine"));
  EXPECT_EQ(client.Count("connection: close"), 0u);
  client.Send("garbage\r\n\r\n");
  EXPECT_TRUE(client.Sees("HTTP/1.1 400 "));
  EXPECT_TRUE(client.Ends());
}

TEST_F(Http1ServerTest, EnforcesTheBodyLimitAnnouncedOrNot) {
  options_.max_body_bytes = 10;
  RawClient& announced = Connect();
  announced.Send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 11\r\n\r\n");
  EXPECT_TRUE(announced.Sees("HTTP/1.1 413 "));
  RawClient& chunked = Connect();
  chunked.Send(
      "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
      "6\r\n123456\r\n6\r\n123456\r\n");
  EXPECT_TRUE(chunked.Sees("HTTP/1.1 413 "));
  EXPECT_TRUE(chunked.Ends());
  EXPECT_EQ(server_->server->budget().used(), 0u);
}

TEST_F(Http1ServerTest, AnswersMalformedRequestsAndCloses) {
  for (const auto& [text, status] : std::vector<std::pair<std::string, std::string>>{
           {"garbage\r\n\r\n", "400"},
           {"GET / HTTP/1.1\r\n\r\n", "400"},
           {"GET / HTTP/3.0\r\nHost: h\r\n\r\n", "501"},
           {"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip\r\n\r\n", "501"},
           {"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
            "400"},
           {"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "400"},
           {"GET / HTTP/1.1\r\nHost: h\r\nX: " + std::string(100'000, 'x') + "\r\n\r\n", "431"}}) {
    RawClient& client = Connect();
    client.Send(text);
    EXPECT_TRUE(client.Sees("HTTP/1.1 " + status)) << text.substr(0, 80) << client.received;
    EXPECT_TRUE(client.Ends());
    EXPECT_EQ(client.Count("HTTP/1.1 "), 1u);
  }
}

TEST_F(Http1ServerTest, TimesOutSlowHeadersAndBodiesAndIdleConnections) {
  options_.http1_options.read_header_timeout = milliseconds(20);
  options_.http1_options.idle_timeout = milliseconds(20);
  options_.http1_options.stall_timeout = milliseconds(20);
  RawClient& header = Connect();
  header.Send("GET / HT");
  RawClient& body = Connect();
  body.Send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nstall");
  RawClient& idle = Connect();
  EXPECT_TRUE(header.Sees("HTTP/1.1 408 "));
  EXPECT_TRUE(body.Sees("HTTP/1.1 408 "));
  EXPECT_TRUE(idle.Ends());
  EXPECT_EQ(idle.received, "");
}

TEST_F(Http1ServerTest, KeepsHttp10ConnectionsOnlyWhenAsked) {
  RawClient& client = Connect();
  client.Send("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  EXPECT_TRUE(client.Sees("connection: keep-alive\r\n"));
  client.Send("GET / HTTP/1.0\r\n\r\n");
  EXPECT_TRUE(client.Ends());
  EXPECT_EQ(client.Count("HTTP/1.1 200"), 2u);
}

TEST_F(Http1ServerTest, AHeadResponseHasLengthButNoBody) {
  handler_->reply = [](const HttpRequest&) { return TextResponse(200, "body"); };
  RawClient& client = Connect();
  client.Send("HEAD / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
  ASSERT_TRUE(client.Ends());
  EXPECT_TRUE(client.received.ends_with("content-length: 4\r\nconnection: close\r\n\r\n"))
      << client.received;
}

TEST_F(Http1ServerTest, ACutConnectionCancelsTheCall) {
  handler_->reply = nullptr;
  RawClient& client = Connect();
  client.Send("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
  ASSERT_TRUE(client.Until([&] { return handler_->calls.size() == 1; }));
  bool cancelled = false;
  handler_->calls[0].responder.OnCancel([&] { cancelled = true; });
  // A mere half-close still wants its answer; the deadline of a drain cuts everything off.
  server_->server->Drain(worker_.Now(), [] {});
  EXPECT_TRUE(client.Until([&] { return cancelled; }));
  EXPECT_TRUE(handler_->calls[0].responder.cancelled());
  handler_->calls[0].responder.Send(TextResponse(200, "nobody listens"));
}

TEST_F(Http1ServerTest, ADroppedCallIsAnswered503) {
  handler_->reply = nullptr;
  RawClient& client = Connect();
  client.Send("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
  ASSERT_TRUE(client.Until([&] { return handler_->calls.size() == 1; }));
  handler_->calls.clear();
  EXPECT_TRUE(client.Sees("HTTP/1.1 503 "));
}

TEST_F(Http1ServerTest, DrainAnswersWhatIsInFlightAndClosesIdleConnections) {
  handler_->reply = nullptr;
  RawClient& idle = Connect();
  RawClient& busy = Connect();
  busy.Send("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
  ASSERT_TRUE(busy.Until([&] { return handler_->calls.size() == 1; }));
  ASSERT_TRUE(busy.Until([&] { return server_->server->stats().connections == 2; }));
  bool drained = false;
  server_->listener->ClearAcceptor(server_->server.get());
  server_->server->Drain(worker_.Now() + seconds(30), [&] { drained = true; });
  EXPECT_TRUE(idle.Ends());
  EXPECT_FALSE(drained);
  handler_->calls[0].responder.Send(TextResponse(200, "done"));
  EXPECT_TRUE(busy.Sees("connection: close"));
  EXPECT_TRUE(busy.Sees("done"));
  busy.stream->ShutdownWrite();
  EXPECT_TRUE(busy.Until([&] { return drained; }));
}

TEST_F(Http1ServerTest, AnIdleConnectionIsToldWithItsNextAnswerThatTheServerEnds) {
  RawClient& client = Connect();
  client.Send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\none");
  ASSERT_TRUE(client.Sees("\r\n\r\none"));
  bool drained = false;
  server_->listener->ClearAcceptor(server_->server.get());
  server_->server->Drain(worker_.Now() + seconds(30), [&] { drained = true; });
  EXPECT_FALSE(worker_.RunUntil([&] { return client.ended; }, milliseconds(50)));
  client.Send("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\ntw");
  client.Send("o\r\n0\r\n\r\n");
  EXPECT_TRUE(client.Sees("connection: close\r\n\r\ntwo"));
  EXPECT_TRUE(client.Ends());
  client.stream->ShutdownWrite();
  EXPECT_TRUE(client.Until([&] { return drained; }));
}

TEST_F(Http1ServerTest, AClientThatEndsItsSideIsSaidToLeaveAndStillAnswered) {
  handler_->reply = nullptr;
  RawClient& client = Connect();
  client.Send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nbody");
  ASSERT_TRUE(client.Until([&] { return handler_->calls.size() == 1; }));
  bool left = false;
  handler_->calls[0].responder.OnCancel([&] { left = true; });
  client.stream->ShutdownWrite();
  EXPECT_TRUE(client.Until([&] { return left; }));
  EXPECT_FALSE(handler_->calls[0].responder.cancelled());
  EXPECT_EQ(server_->server->budget().used(), 4u) << "its body is still held";
  handler_->calls[0].responder.Send(TextResponse(200, "answer"));
  EXPECT_EQ(server_->server->budget().used(), 0u);
  EXPECT_TRUE(client.Sees("answer"));
  EXPECT_TRUE(client.Ends());
}

TEST_F(Http1ServerTest, AClientThatLeavesIsNoticedThoughReadingIsPaused) {
  handler_->reply = nullptr;
  options_.http1_options.max_pipelined_bytes = 10;
  RawClient& client = Connect();
  client.Send("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
  ASSERT_TRUE(client.Until([&] { return handler_->calls.size() == 1; }));
  bool left = false;
  handler_->calls[0].responder.OnCancel([&] { left = true; });
  client.Send("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
  worker_.RunUntil([] { return false; }, milliseconds(20));
  client.Send("GET / HTTP/1.1\r\n");
  client.stream->ShutdownWrite();
  EXPECT_TRUE(client.Until([&] { return left; }));
}

TEST_F(Http1ServerTest, ABodyIsChargedUntilItsHandlerIsDoneThoughTheClientIsGone) {
  handler_->reply = nullptr;
  RawClient& client = Connect();
  client.Send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nbody");
  ASSERT_TRUE(client.Until([&] { return handler_->calls.size() == 1; }));
  server_->server->Drain(worker_.Now(), [] {});
  EXPECT_TRUE(client.Until([&] { return handler_->calls[0].responder.cancelled(); }));
  EXPECT_EQ(server_->server->budget().used(), 4u);
  handler_->calls.clear();
  EXPECT_EQ(server_->server->budget().used(), 0u);
}

TEST_F(Http1ServerTest, TheBudgetRefusesLargerRequestsWhileItIsUsedUp) {
  handler_->reply = nullptr;
  options_.max_inflight_body_bytes = 100;
  const auto post = [](size_t size) {
    return fmt::format("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: {}\r\n\r\n{}", size,
                       std::string(size, 'x'));
  };
  RawClient& first = Connect();
  first.Send(post(100));
  ASSERT_TRUE(first.Until([&] { return handler_->calls.size() == 1; }));
  RawClient& second = Connect();
  second.Send(post(40'000));
  EXPECT_TRUE(second.Sees("HTTP/1.1 503 "));
  EXPECT_TRUE(second.Sees("retry-after: 3"));
  RawClient& small = Connect();
  small.Send(post(1));
  EXPECT_TRUE(small.Until([&] { return handler_->calls.size() == 2; }))
      << "small requests pass whatever others hold";
  for (HttpCall& call : handler_->calls) {
    call.responder.Send(TextResponse(200, "ok"));
  }
  EXPECT_EQ(server_->server->budget().used(), 0u);
}

TEST_F(Http1ServerTest, ALargeBodyIsReadOnceThereIsRoomForIt) {
  handler_->reply = nullptr;
  options_.max_inflight_body_bytes = 2'000'000;
  const std::string body(1'200'000, 'x');
  const auto begin = [&](RawClient& client, size_t size) {
    client.Send(
        fmt::format("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: {}\r\n\r\n", body.size()) +
        body.substr(0, size));
  };
  RawClient& first = Connect();
  begin(first, 100'000);
  ASSERT_TRUE(first.Until([&] { return server_->server->budget().promised() > 0; }));
  RawClient& second = Connect();
  begin(second, body.size());
  worker_.RunUntil([] { return false; }, milliseconds(50));
  EXPECT_TRUE(handler_->calls.empty());
  EXPECT_LE(server_->server->budget().used(), 2'000'000u);
  first.Send(body.substr(100'000));
  ASSERT_TRUE(first.Until([&] { return handler_->calls.size() == 1; }));
  handler_->calls[0].responder.Send(TextResponse(200, "first"));
  EXPECT_TRUE(second.Until([&] { return handler_->calls.size() == 2; }));
  handler_->calls[1].responder.Send(TextResponse(200, "second"));
  EXPECT_TRUE(second.Sees("second"));
  EXPECT_EQ(server_->server->budget().used(), 0u);
}

}  // namespace
}  // namespace gapless::net
