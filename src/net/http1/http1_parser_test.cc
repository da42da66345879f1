#include "net/http1/http1_parser.h"

#include "base/rng.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace gapless::net {
namespace {

struct Message {
  Http1Head head;
  std::string body;
  bool complete = false;
};

struct Collector final : Http1Parser::Sink {
  Status OnHead(Http1Head head) override {
    messages.push_back({std::move(head), "", false});
    return {};
  }
  Status OnBody(Slice bytes) override {
    messages.back().body += bytes.text();
    return {};
  }
  void OnComplete() override { messages.back().complete = true; }
  std::vector<Message> messages;
};

// Feeds `text` in pieces of at most `piece` bytes.
Status FeedAll(Http1Parser& parser, std::string_view text, size_t piece = 1 << 20) {
  while (!text.empty()) {
    Slice slice = Slice::CopyOf(text.substr(0, piece));
    Result<size_t> consumed = parser.Feed(slice);
    if (!consumed.ok()) {
      return consumed.status();
    }
    EXPECT_GT(*consumed, 0u);
    text.remove_prefix(*consumed);
  }
  return {};
}

constexpr std::string_view kPipelined =
    "POST /v1/traces HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nX-Test:  a b \r\n\r\nhello"
    "\r\nPOST /v1/logs?x=1 HTTP/1.1\r\nhost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
    "3;ext=1\r\nabc\r\n0A\r\n0123456789\r\n0\r\nTrailer: x\r\n\r\n"
    "GET / HTTP/1.0\r\n\r\n";

TEST(Http1ParserTest, ParsesPipelinedRequestsHoweverTheyAreCut) {
  for (size_t piece = 1; piece < 80; ++piece) {
    Collector got;
    Http1Parser parser(Http1Parser::Mode::kRequest, {}, &got);
    ASSERT_TRUE(FeedAll(parser, kPipelined, piece).ok()) << piece;
    ASSERT_EQ(got.messages.size(), 3u) << piece;
    EXPECT_EQ(got.messages[0].head.method, "POST");
    EXPECT_EQ(got.messages[0].head.target, "/v1/traces");
    EXPECT_EQ(got.messages[0].head.headers.Find("x-test"), "a b");
    EXPECT_EQ(got.messages[0].body, "hello");
    EXPECT_TRUE(got.messages[0].head.keep_alive);
    EXPECT_EQ(got.messages[1].body, "abc0123456789");
    EXPECT_TRUE(got.messages[1].head.chunked);
    EXPECT_EQ(got.messages[2].head.minor_version, 0);
    EXPECT_FALSE(got.messages[2].head.keep_alive);
    EXPECT_TRUE(got.messages[2].complete);
    EXPECT_TRUE(parser.Finish().ok());
  }
}

TEST(Http1ParserTest, BodySlicesShareTheInput) {
  Collector got;
  struct Keeper final : Http1Parser::Sink {
    Status OnHead(Http1Head) override { return {}; }
    Status OnBody(Slice bytes) override {
      body = std::move(bytes);
      return {};
    }
    void OnComplete() override {}
    Slice body;
  } keeper;
  Http1Parser parser(Http1Parser::Mode::kRequest, {}, &keeper);
  Slice input = Slice::CopyOf("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 4\r\n\r\nbody");
  ASSERT_TRUE(parser.Feed(input).ok());
  EXPECT_EQ(keeper.body.data(), input.data() + input.size() - 4);
}

TEST(Http1ParserTest, RefusesWhatSmugglersSend) {
  const std::string start = "POST / HTTP/1.1\r\nHost: a\r\n";
  for (const std::string& text : std::vector<std::string>{
           start + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
           start + "Content-Length: 5\r\nContent-Length: 6\r\n\r\n",
           start + "Content-Length: 5, 5\r\n\r\n",
           start + "Content-Length: +5\r\n\r\n",
           start + "Content-Length: -1\r\n\r\n",
           start + "Content-Length: 99999999999999999999\r\n\r\n",
           start + "Content-Length:\r\n\r\n",
           start + "Transfer-Encoding: gzip, chunked\r\n\r\n",
           start + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
           start + "Transfer-Encoding: identity\r\n\r\n",
           "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n",
           start + "X : y\r\n\r\n",
           start + " folded\r\n\r\n",
           start + "X: a\r\n b\r\n\r\n",
           start + "X: a\rb\r\n\r\n",
           start + "X: a\nb\r\n\r\n",
           start + std::string("X: a\0b\r\n\r\n", 11),
           start + "Host: b\r\n\r\n",
           start + ": empty\r\n\r\n",
           "POST / HTTP/1.1\r\n\r\n",
           "POST / HTTP/2.0\r\nHost: a\r\n\r\n",
           "POST  HTTP/1.1\r\nHost: a\r\n\r\n",
           "POST /a b HTTP/1.1\r\nHost: a\r\n\r\n",
           "P\x01ST / HTTP/1.1\r\nHost: a\r\n\r\n",
           "garbage\r\n\r\n",
           start + "Transfer-Encoding: chunked\r\n\r\nxyz\r\n",
           start + "Transfer-Encoding: chunked\r\n\r\n-1\r\n",
           start + "Transfer-Encoding: chunked\r\n\r\n0x5\r\nhello\r\n",
           start + "Transfer-Encoding: chunked\r\n\r\n10000000000000000\r\n",
           start + "Transfer-Encoding: chunked\r\n\r\n2\r\nabc\r\n",
           start + "Transfer-Encoding: chunked\r\n\r\n" + std::string(500, '0'),
       }) {
    Collector got;
    Http1Parser parser(Http1Parser::Mode::kRequest, {}, &got);
    EXPECT_FALSE(FeedAll(parser, text).ok()) << text;
    EXPECT_FALSE(parser.Feed(Slice::Static("GET / HTTP/1.1\r\n")).ok()) << "dead after a failure";
  }
}

TEST(Http1ParserTest, WhatCanNeverBecomeARequestFailsWithItsFirstWrongByte) {
  const std::pair<std::string_view, std::string_view> cases[] = {
      {"", "\x16\x03\x01\x02"},  // TLS
      {"", std::string_view("\0\0\0\4", 4)},
      {"", "{"},
      {"", " "},
      {"GET", "("},
      {"GETGETGETGETGETGETGETGETGETGETGE", "T"},
      {"GET /", "\x01"},
      {"GET /", "\n"},
      {"HELLO\r", "\n"},
      {"GET / HTTP/1.1", "\n"},
      {"GET / HTTP/3.0\r", "\n"},
      {"GET / HTTP/1.1\r\nHost: a", "\n"},
      {"GET / HTTP/1.1\r\nno colon\r", "\n"},
      {"GET / HTTP/1.1\r\nHost: a\r\n cont: b\r", "\n"},
  };
  for (const auto& [begin, wrong] : cases) {
    for (const size_t piece : {size_t{1}, size_t{100}}) {
      Collector got;
      Http1Parser parser(Http1Parser::Mode::kRequest, {}, &got);
      EXPECT_TRUE(FeedAll(parser, begin, piece).ok()) << begin;
      EXPECT_FALSE(parser.Feed(Slice::CopyOf(wrong)).ok()) << begin << wrong;
      EXPECT_TRUE(got.messages.empty());
    }
  }
}

TEST(Http1ParserTest, ARequestLineThatNeverEndsIsRefusedBeforeTheHeadIsFull) {
  for (const size_t piece : {size_t{1}, size_t{1000}}) {
    Collector got;
    Http1Parser parser(Http1Parser::Mode::kRequest, {}, &got);
    const std::string line = "GET /" + std::string(Http1Limits().max_request_line - 5, 'a');
    EXPECT_TRUE(FeedAll(parser, line, piece).ok());
    EXPECT_EQ(FeedAll(parser, "a", piece).code(), Code::kResourceExhausted);
  }
}

TEST(Http1ParserTest, LimitsHeadSizeAndFieldCount) {
  Http1Limits limits{.max_head_bytes = 1000, .max_headers = 10};
  for (const std::string& fields : {"X: " + std::string(2000, 'a') + "\r\n", [] {
                                      std::string many;
                                      for (int i = 0; i < 20; ++i) {
                                        many += "A: b\r\n";
                                      }
                                      return many;
                                    }()}) {
    for (size_t piece : {size_t{1}, size_t{7}, size_t{5000}}) {
      Collector got;
      Http1Parser parser(Http1Parser::Mode::kRequest, limits, &got);
      Status status = FeedAll(parser, "GET / HTTP/1.1\r\nHost: a\r\n" + fields + "\r\n", piece);
      EXPECT_EQ(status.code(), Code::kResourceExhausted);
    }
  }
  Collector got;
  Http1Parser parser(Http1Parser::Mode::kRequest, limits, &got);
  EXPECT_EQ(FeedAll(parser, "GET /" + std::string(100'000, 'A'), 100).code(),
            Code::kResourceExhausted)
      << "also without any line end";
}

TEST(Http1ParserTest, ResponsesFollowTheirFramingRules) {
  Collector got;
  Http1Parser parser(Http1Parser::Mode::kResponse, {}, &got);
  ASSERT_TRUE(FeedAll(parser,
                      "HTTP/1.1 100 Continue\r\n\r\n"
                      "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
                      "HTTP/1.1 204 No Content\r\n\r\n"
                      "HTTP/1.1 503\r\nConnection: close\r\n\r\nuntil the end")
                  .ok());
  ASSERT_EQ(got.messages.size(), 4u);
  EXPECT_EQ(got.messages[1].body, "ok");
  EXPECT_TRUE(got.messages[2].complete);
  EXPECT_TRUE(got.messages[3].head.until_close);
  EXPECT_FALSE(got.messages[3].complete);
  EXPECT_TRUE(parser.Finish().ok());
  EXPECT_TRUE(got.messages[3].complete);
  EXPECT_EQ(got.messages[3].body, "until the end");
}

TEST(Http1ParserTest, AHeadResponseHasNoBody) {
  Collector got;
  Http1Parser parser(Http1Parser::Mode::kResponse, {}, &got);
  parser.ExpectNoBody();
  ASSERT_TRUE(FeedAll(parser,
                      "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"
                      "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx")
                  .ok());
  ASSERT_EQ(got.messages.size(), 2u);
  EXPECT_EQ(got.messages[0].body, "");
  EXPECT_EQ(got.messages[1].body, "x");
}

TEST(Http1ParserTest, AnEndInsideAMessageIsDataLoss) {
  for (std::string_view text :
       {"GE", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhel"}) {
    Collector got;
    Http1Parser parser(Http1Parser::Mode::kRequest, {}, &got);
    ASSERT_TRUE(FeedAll(parser, text).ok());
    EXPECT_EQ(parser.Finish().code(), Code::kDataLoss);
  }
}

TEST(Http1ParserTest, RandomDamageNeverDependsOnHowTheInputIsCut) {
  for (uint64_t seed = 1; seed <= 3000; ++seed) {
    SCOPED_TRACE(seed);
    Rng rng(seed);
    std::string text(kPipelined);
    for (uint64_t i = 0, n = 1 + rng.Below(4); i < n; ++i) {
      text[rng.Below(text.size())] = "\r\n :;0aZ\0\x7f"[rng.Below(11)];
    }
    auto run = [&](size_t piece) {
      Collector got;
      Http1Parser parser(Http1Parser::Mode::kRequest, {}, &got);
      std::string summary = std::string(CodeName(FeedAll(parser, text, piece).code()));
      for (const Message& message : got.messages) {
        summary += "|" + message.head.method + message.head.target + "=" +
                   (message.complete ? message.body : "");
      }
      return summary;
    };
    EXPECT_EQ(run(1), run(text.size()));
  }
}

}  // namespace
}  // namespace gapless::net
