#include "net/http/client_session.h"

#include "base/rng.h"
#include "net/http1/http1_client.h"
#include "net/http2/http2_client.h"

#include <map>

#include <gtest/gtest.h>

namespace gapless::net {
namespace {

using std::string_literals::operator""s;

struct Recorder final : ClientSession::Owner {
  void Output(Rope bytes) override { out += bytes.ToString(); }
  bool CanOutput() const override { return open; }
  void OnReady() override { ready = true; }
  void OnGoodbye() override { ++goodbyes; }
  void OnAnswerBytes() override { ++answers; }
  void OnPingAck() override { ++acks; }
  void OnUndelivered() override { ++undelivered; }

  std::string out;
  bool open = true;
  bool ready = false;
  int goodbyes = 0;
  int answers = 0;
  int acks = 0;
  int undelivered = 0;
};

SharedRequest Request(std::string body) {
  return std::make_shared<HttpRequest>(HttpRequest{.method = "POST",
                                                   .scheme = "http",
                                                   .authority = "h",
                                                   .target = "/t",
                                                   .headers = {{"x-a", "b"}},
                                                   .body = Rope::CopyOf(body)});
}

// Frames of an HTTP/2 server, written by hand.
std::string Frame(char type, char flags, char stream, std::string_view payload) {
  std::string frame = {static_cast<char>(payload.size() >> 16),
                       static_cast<char>(payload.size() >> 8),
                       static_cast<char>(payload.size()),
                       type,
                       flags,
                       0,
                       0,
                       0,
                       stream};
  return frame.append(payload);
}
const std::string kSettings = Frame(4, 0, 0, "");
// ":status: 200" is entry 8 of HPACK's static table.
const std::string kOk = Frame(1, 4, 1, "\x88");

TEST(Http1SessionTest, SendsOneRequestAtATimeInOnePiece) {
  Recorder owner;
  auto session = NewHttp1ClientSession({}, &owner);
  session->Start();
  EXPECT_TRUE(owner.ready);
  EXPECT_EQ(session->capacity(), 1u);
  session->Send(1, Request("abc"), [](ExchangeResult) {});
  EXPECT_EQ(session->capacity(), 0u);
  EXPECT_EQ(owner.out, "POST /t HTTP/1.1\r\nhost: h\r\nx-a: b\r\ncontent-length: 3\r\n\r\nabc");
}

TEST(Http1SessionTest, AnInterimResponseIsNoAnswer) {
  Recorder owner;
  auto session = NewHttp1ClientSession({}, &owner);
  session->Start();
  std::vector<ExchangeResult> results;
  session->Send(1, Request(""), [&](ExchangeResult r) { results.push_back(std::move(r)); });
  ASSERT_TRUE(session->Receive(Slice::CopyOf("HTTP/1.1 100 Continue\r\n\r\n")).ok());
  EXPECT_TRUE(results.empty());
  ASSERT_TRUE(
      session->Receive(Slice::CopyOf("HTTP/1.1 202 OK\r\ncontent-length: 1\r\n\r\nx")).ok());
  ASSERT_EQ(results.size(), 1u);
  EXPECT_EQ(results[0].response.status, 202);
  EXPECT_EQ(session->capacity(), 1u);
}

TEST(Http1SessionTest, EndlessInterimResponsesAreNoProgressAndEndTheConnection) {
  Recorder owner;
  auto session = NewHttp1ClientSession({}, &owner);
  session->Start();
  session->Send(1, Request(""), [](ExchangeResult) {});
  const Slice interim = Slice::CopyOf("HTTP/1.1 100 Continue\r\n\r\n");
  for (size_t i = 0; i < kMaxInterimAnswers; ++i) {
    ASSERT_TRUE(session->Receive(interim).ok());
  }
  EXPECT_EQ(owner.answers, 0);
  const Status status = session->Receive(interim);
  EXPECT_EQ(status.code(), Code::kUnavailable) << status.ToString();
}

TEST(Http1SessionTest, ABodyUntilTheEndOfTheConnectionIsComplete) {
  Recorder owner;
  auto session = NewHttp1ClientSession({}, &owner);
  session->Start();
  std::vector<ExchangeResult> results;
  session->Send(1, Request(""), [&](ExchangeResult r) { results.push_back(std::move(r)); });
  ASSERT_TRUE(session->Receive(Slice::CopyOf("HTTP/1.1 200 OK\r\n\r\nabc")).ok());
  session->End();
  ASSERT_EQ(results.size(), 1u);
  EXPECT_TRUE(results[0].status.ok());
  EXPECT_EQ(results[0].response.body.ToString(), "abc");
}

TEST(Http1SessionTest, AnEndAfterAnInterimResponseIsALoss) {
  Recorder owner;
  auto session = NewHttp1ClientSession({}, &owner);
  session->Start();
  std::vector<ExchangeResult> results;
  session->Send(1, Request(""), [&](ExchangeResult r) { results.push_back(std::move(r)); });
  ASSERT_TRUE(session->Receive(Slice::CopyOf("HTTP/1.1 100 Continue\r\n\r\n")).ok());
  session->End();
  ASSERT_EQ(results.size(), 1u);
  EXPECT_EQ(results[0].fate, Fate::kLost);
}

TEST(Http2SessionTest, IsReadyWithThePeersSettingsOnly) {
  Recorder owner;
  auto session = NewHttp2ClientSession({}, &owner);
  session->Start();
  EXPECT_TRUE(owner.out.starts_with("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"));
  EXPECT_EQ(session->capacity(), 0u);
  ASSERT_TRUE(session->Receive(Slice::CopyOf(kSettings)).ok());
  EXPECT_TRUE(owner.ready);
  EXPECT_GT(session->capacity(), 0u);
}

TEST(Http2SessionTest, EndlessInterimResponsesAreNoProgressAndEndTheRequest) {
  Recorder owner;
  auto session = NewHttp2ClientSession({}, &owner);
  session->Start();
  ASSERT_TRUE(session->Receive(Slice::CopyOf(kSettings)).ok());
  std::vector<ExchangeResult> results;
  session->Send(1, Request(""), [&](ExchangeResult r) { results.push_back(std::move(r)); });
  // ":status" is name 8 of HPACK's static table, here with a literal value.
  const std::string interim = Frame(1, 4, 1,
                                    "\x08\x03"
                                    "100"s);
  for (size_t i = 0; i < kMaxInterimAnswers; ++i) {
    ASSERT_TRUE(session->Receive(Slice::CopyOf(interim)).ok());
  }
  EXPECT_TRUE(results.empty());
  EXPECT_EQ(owner.answers, 0);
  ASSERT_TRUE(session->Receive(Slice::CopyOf(interim)).ok());
  ASSERT_EQ(results.size(), 1u);
  EXPECT_EQ(results[0].fate, Fate::kLost);
}

TEST(Http2SessionTest, HeadersOfAStreamThatWasResetCannotBeInflatedWithoutEnd) {
  Recorder owner;
  auto session = NewHttp2ClientSession({}, &owner);
  session->Start();
  ASSERT_TRUE(session->Receive(Slice::CopyOf(kSettings)).ok());
  session->Send(1, Request(""), [](ExchangeResult) {});
  // A header of 3,000 bytes goes into the dynamic table, where one byte names it again.
  std::string literal = "\x40\x01x\x7f\xb9\x16"s;
  literal.append(3000, 'v');
  ASSERT_TRUE(session->Receive(Slice::CopyOf(Frame(1, 4, 1, "\x88" + literal))).ok());
  Status status;
  const std::string bomb = Frame(1, 5, 1, std::string(400, '\xbe'));
  for (int i = 0; i < 400 && status.ok(); ++i) {
    status = session->Receive(Slice::CopyOf(bomb));
  }
  EXPECT_FALSE(status.ok());
}

TEST(Http2SessionTest, NothingIsPutOutWhileThePeerTakesNothing) {
  Recorder owner;
  auto session = NewHttp2ClientSession({}, &owner);
  session->Start();
  ASSERT_TRUE(session->Receive(Slice::CopyOf(kSettings)).ok());
  owner.open = false;
  owner.out.clear();
  session->Send(1, Request(std::string(30000, 'x')), [](ExchangeResult) {});
  EXPECT_TRUE(owner.out.empty());
  owner.open = true;
  session->Pump();
  EXPECT_GT(owner.out.size(), 30000u);
}

TEST(Http2SessionTest, AnEarlyAnswerEndsTheRequestAndResetsItsRest) {
  Recorder owner;
  auto session = NewHttp2ClientSession({}, &owner);
  session->Start();
  ASSERT_TRUE(session->Receive(Slice::CopyOf(kSettings)).ok());
  std::vector<ExchangeResult> results;
  // More than the initial window of 64 KiB: the rest waits.
  session->Send(1, Request(std::string(200000, 'x')),
                [&](ExchangeResult r) { results.push_back(std::move(r)); });
  owner.out.clear();
  ASSERT_TRUE(session->Receive(Slice::CopyOf(Frame(1, 5, 1, "\x88"))).ok());
  ASSERT_EQ(results.size(), 1u);
  EXPECT_TRUE(results[0].status.ok());
  EXPECT_NE(owner.out.find("\0\0\4\3\0\0\0\0\1"s), std::string::npos) << "RST_STREAM";
  EXPECT_EQ(session->in_flight(), 0u);
}

TEST(ClientSessionTest, AnAnswerInPiecesOfAFewBytesTakesLittleMoreMemoryThanItHasBytes) {
  Recorder owner;
  auto session = NewHttp1ClientSession({}, &owner);
  session->Start();
  std::vector<ExchangeResult> results;
  session->Send(1, Request("b"),
                [&](ExchangeResult result) { results.push_back(std::move(result)); });
  const Slice head = Slice::CopyOf("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n");
  ASSERT_TRUE(session->Receive(head).ok());
  for (int i = 0; i < 100'000; ++i) {
    ASSERT_TRUE(session->Receive(Slice::CopyOf("5\r\nabcde\r\n")).ok());
  }
  ASSERT_TRUE(session->Receive(Slice::CopyOf("0\r\n\r\n")).ok());
  ASSERT_EQ(results.size(), 1u);
  const Rope& body = results[0].response.body;
  EXPECT_EQ(body.size(), 500'000u);
  EXPECT_LT(body.held_bytes(), 600'000u);
  EXPECT_LT(body.slices().size(), 50u);
}

// Whatever a peer sends, each request ends exactly once, by its answer or by the end of the
// session.
TEST(ClientSessionTest, EveryRequestEndsExactlyOnceWhateverThePeerSends) {
  const std::string http1[] = {
      "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok",
      "HTTP/1.1 503 No\r\ntransfer-encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n",
      "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 None\r\n\r\n"};
  const std::string http2[] = {kSettings + kOk + Frame(0, 1, 1, "body"),
                               kSettings + kOk + Frame(3, 0, 1, "\0\0\0\x07"s),
                               kSettings + Frame(7, 0, 0, "\0\0\0\0\0\0\0\0"s),
                               kSettings + Frame(6, 1, 0, "12345678") + kOk};
  for (uint64_t seed = 1; seed <= 2000; ++seed) {
    SCOPED_TRACE(seed);
    Rng rng(seed);
    const bool second = rng.Chance(0.6);
    std::string input =
        second ? http2[rng.Below(std::size(http2))] : http1[rng.Below(std::size(http1))];
    for (uint64_t i = rng.Below(4); i > 0; --i) {
      input[rng.Below(input.size())] = static_cast<char>(rng.Next());
    }
    Recorder owner;
    auto session = second ? NewHttp2ClientSession({.max_response_bytes = 3}, &owner)
                          : NewHttp1ClientSession({.max_response_bytes = 3}, &owner);
    session->Start();
    std::map<uint64_t, int> ended;
    uint64_t sent = 0;
    auto send = [&] {
      if (sent < 3 && session->capacity() > 0) {
        const uint64_t id = ++sent;
        ended[id] = 0;
        session->Send(id, Request("b"), [&ended, id](ExchangeResult) { ++ended[id]; });
      }
    };
    send();
    while (!input.empty()) {
      const size_t part = 1 + rng.Below(input.size());
      const Status status = session->Receive(Slice::CopyOf(input.substr(0, part)));
      input.erase(0, part);
      send();
      if (!status.ok()) {
        break;
      }
    }
    if (sent > 0 && rng.Chance(0.2)) {
      session->Cancel(sent);
      if (ended[sent] == 0) {
        ended.erase(sent);
      }
    }
    if (rng.Chance(0.5)) {
      session->End();
    }
    session->FailAll(Unavailable("over"));
    EXPECT_EQ(session->in_flight(), 0u);
    for (const auto& [id, count] : ended) {
      EXPECT_EQ(count, 1) << "request " << id;
    }
  }
}

}  // namespace
}  // namespace gapless::net
