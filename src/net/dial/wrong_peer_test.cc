#include "net/dial/wrong_peer.h"

#include <gtest/gtest.h>

namespace gapless::net {
namespace {

const WrongPeerHints kHints = {
    .http1 = "use a", .http2 = "use b", .tls = "with tls", .plain = "without"};
constexpr std::string_view kAlert = "\x15\x03\x01\x00\x02\x02\x46";
constexpr std::string_view kSettings("\0\0\0\4\0\0\0\0\0", 9);

TEST(WrongPeerTest, AnHttp1ServerIsNamedWithItsFirstLine) {
  EXPECT_EQ(
      WrongPeer("HTTP/1.1 400 Bad Request\r\nserver: x\r\n\r\n", true, kHints),
      "this looks like an HTTP/1.1 server, which answered \"HTTP/1.1 400 Bad Request\": use a");
  EXPECT_EQ(WrongPeer("<!DOCTYPE HTML>\n", true, {}),
            "this looks like an HTTP/1.1 server, which answered \"<!DOCTYPE HTML>\"");
}

TEST(WrongPeerTest, AnHttp2ServerIsNamedWhereHttp1WasExpected) {
  EXPECT_EQ(WrongPeer(kSettings, false, kHints),
            "this looks like an HTTP/2 server, such as one of gRPC: use b");
}

TEST(WrongPeerTest, AServerWithTlsIsNamedByItsAlertOrItsWords) {
  EXPECT_EQ(WrongPeer(kAlert, true, kHints), "this looks like a server with TLS: with tls");
  EXPECT_EQ(WrongPeer(kAlert, false, kHints), "this looks like a server with TLS: with tls");
  EXPECT_EQ(WrongPeer("HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS "
                      "server.\n",
                      true, kHints),
            "this looks like a server with TLS: with tls");
}

TEST(WrongPeerTest, WhatIsInOrderOrUnknownHasNoName) {
  EXPECT_EQ(WrongPeer(kSettings, true, kHints), "");
  EXPECT_EQ(WrongPeer("HTTP/1.1 200 OK\r\n", false, kHints), "");
  EXPECT_EQ(WrongPeer("SSH-2.0-x", true, kHints), "");
  EXPECT_EQ(WrongPeer("", true, kHints), "");
}

TEST(WrongPeerTest, TheFirstLineIsShortAndPrintable) {
  const std::string text = WrongPeer("HTTP/1.1 " + std::string(500, 'x') + "\x1b[2J", true, {});
  EXPECT_LT(text.size(), 200u);
  EXPECT_EQ(text.find('\x1b'), std::string::npos);
}

}  // namespace
}  // namespace gapless::net
