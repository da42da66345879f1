#include "net/dial/test_channel.h"
#include "net/loop/descriptors.h"

#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>

namespace gapless::net {
namespace {

TEST_F(ClientChannelTest, CarriesRequestsAndResponsesWithTrailers) {
  peer_.Listen();
  Open(Options(peer_.port()));
  const std::string body(300000, 'q');
  Send(body);
  ASSERT_TRUE(UntilResults(1));
  EXPECT_TRUE(results_[0].status.ok()) << results_[0].status.ToString();
  EXPECT_EQ(results_[0].response.status, 200);
  EXPECT_EQ(results_[0].response.trailers.Find("grpc-status"), "0");
  EXPECT_EQ(results_[0].response.body.size(), 5u);
  EXPECT_EQ(peer_.connections[0]->requests[1].body, body);
  EXPECT_EQ(news_.connected, 1);
}

TEST_F(ClientChannelTest, SendsManyRequestsAtOnceAndNeverMoreStreamsThanThePeerAllows) {
  peer_.max_streams = 3;
  size_t most = 0;
  size_t open = 0;
  std::vector<int32_t> held;
  peer_.on_request = [&](PeerConnection& connection, int32_t id) {
    most = std::max(most, ++open);
    held.push_back(id);
    if (held.size() >= 2) {
      for (int32_t h : std::exchange(held, {})) {
        --open;
        connection.RespondGrpc(h);
      }
    }
  };
  peer_.Listen();
  Open(Options(peer_.port()));
  for (int i = 0; i < 40; ++i) {
    Send("x");
  }
  ASSERT_TRUE(UntilResults(40));
  EXPECT_LE(most, 3u);
  EXPECT_EQ(peer_.accepted, 1);
}

TEST_F(ClientChannelTest, ARefusedDestinationIsReportedByThreeDialsWithinTwoHundredMilliseconds) {
  peer_.Listen();
  const uint16_t port = peer_.port();
  peer_.StopListening();
  Open(Options(port));
  Send("x");
  const auto start = Clock::now();
  ASSERT_TRUE(Until([&] { return news_.dial_failures.size() == 3; }));
  EXPECT_LT(Clock::now() - start, milliseconds(400)) << "200 ms on an idle machine";
  ASSERT_TRUE(UntilResults(1));
  EXPECT_EQ(results_[0].status.code(), Code::kUnavailable);
  Send("y");
  ASSERT_TRUE(Until([&] { return results_.size() == 2; }, milliseconds(300)))
      << "a peer that was just found absent is not waited for";
}

TEST_F(ClientChannelTest, APeerThatReturnsIsFoundWithinTheRhythmWithoutTraffic) {
  peer_.Listen();
  const uint16_t port = peer_.port();
  peer_.StopListening();
  Open(Options(port));
  ASSERT_TRUE(Until([&] { return news_.dial_failures.size() >= 3; }));
  peer_.Listen(port);
  ASSERT_TRUE(Until([&] { return news_.connected == 1; }, seconds(3)));
}

TEST_F(ClientChannelTest, AConnectionThatIsResetIsReportedOnceAndRedialled) {
  peer_.on_request = [](PeerConnection& connection, int32_t) { connection.Close(); };
  peer_.Listen();
  Open(Options(peer_.port()));
  Send("a");
  ASSERT_TRUE(UntilResults(1));
  EXPECT_EQ(results_[0].status.code(), Code::kUnavailable);
  EXPECT_EQ(results_[0].fate, Fate::kLost);
  ASSERT_TRUE(Until([&] { return news_.connected == 2; }));
  EXPECT_EQ(news_.lost.size(), 1u);
  EXPECT_TRUE(news_.dial_failures.empty());
}

TEST_F(ClientChannelTest, AResetStreamFailsAloneAndIsTheAnswerOfALivingPeer) {
  peer_.on_request = [](PeerConnection& connection, int32_t id) {
    if (id == 1) {
      connection.Reset(id, NGHTTP2_INTERNAL_ERROR);
    } else {
      connection.RespondGrpc(id);
    }
  };
  peer_.Listen();
  Open(Options(peer_.port()));
  Send("a");
  Send("b");
  ASSERT_TRUE(UntilResults(2));
  EXPECT_EQ(results_[0].status.code(), Code::kInternal);
  EXPECT_EQ(results_[0].fate, Fate::kAnswered);
  EXPECT_EQ(results_[0].status.origin(), Origin::kPeer);
  EXPECT_TRUE(results_[1].status.ok());
  EXPECT_TRUE(news_.lost.empty());
}

TEST_F(ClientChannelTest, AConnectionOnWhichNoRequestMayBeginIsReplacedWhereOneWaits) {
  peer_.on_request = [](PeerConnection& connection, int32_t id) { connection.RespondGrpc(id); };
  peer_.Listen();
  ClientChannelOptions options = Options(peer_.port());
  options.sweep_every = milliseconds(100);
  Open(options);
  Send("first");
  ASSERT_TRUE(UntilResults(1));
  peer_.connections[0]->LimitStreams(0);
  Linger(milliseconds(1500));
  EXPECT_EQ(peer_.connections.size(), 1u) << "nobody needs another one";
  Send("second");
  ASSERT_TRUE(UntilResults(2));
  EXPECT_TRUE(results_[1].status.ok());
  EXPECT_EQ(peer_.connections.size(), 2u);
  EXPECT_TRUE(news_.lost.empty()) << "the peer is well";
}

TEST_F(ClientChannelTest, StreamsThatGoawayLeftUnprocessedAreSentAgainAndCountNothing) {
  peer_.on_request = [this](PeerConnection& connection, int32_t id) {
    if (&connection == peer_.connections[0].get()) {
      if (id == 3) {
        connection.Goaway(1);
        connection.RespondGrpc(1);
      }
      return;
    }
    connection.RespondGrpc(id);
  };
  peer_.Listen();
  Open(Options(peer_.port()));
  Send("first");
  Send("second");
  ASSERT_TRUE(UntilResults(2));
  EXPECT_TRUE(results_[0].status.ok());
  EXPECT_TRUE(results_[1].status.ok());
  EXPECT_FALSE(results_[0].resent || results_[1].resent) << "unprocessed is no duplicate";
  EXPECT_EQ(peer_.connections[1]->requests[1].body, "second");
  EXPECT_TRUE(news_.lost.empty());
  EXPECT_TRUE(news_.dial_failures.empty());
  EXPECT_EQ(news_.connected, 2);
}

TEST_F(ClientChannelTest, ARefusedStreamIsSentAgain) {
  int refused = 0;
  peer_.on_request = [&](PeerConnection& connection, int32_t id) {
    if (refused++ < 2) {
      connection.Reset(id, NGHTTP2_REFUSED_STREAM);
    } else {
      connection.RespondGrpc(id);
    }
  };
  peer_.Listen();
  Open(Options(peer_.port()));
  Send("a");
  ASSERT_TRUE(UntilResults(1));
  EXPECT_TRUE(results_[0].status.ok());
  EXPECT_EQ(refused, 3);
}

TEST_F(ClientChannelTest, ASlowPeerThatAnswersPingsIsNotDeclaredDead) {
  peer_.on_request = [](PeerConnection&, int32_t) {};
  peer_.Listen();
  Open(Options(peer_.port()));
  Send("slow");
  Linger(milliseconds(3500));
  EXPECT_TRUE(results_.empty());
  EXPECT_TRUE(news_.lost.empty());
  EXPECT_TRUE(news_.dial_failures.empty());
  EXPECT_LE(peer_.connections[0]->pings, 2);
  peer_.connections[0]->RespondGrpc(1);
  ASSERT_TRUE(UntilResults(1));
  EXPECT_TRUE(results_[0].status.ok());
  EXPECT_FALSE(results_[0].resent);
  EXPECT_TRUE(Until([&] { return channel_->connection_count() == 1; }))
      << "a fresh connection took over, the old one ended with its request";
}

TEST_F(ClientChannelTest, AStoppedPeerIsReportedDeadWithinTwoSeconds) {
  peer_.Listen();
  Open(Options(peer_.port()));
  Send("a");
  ASSERT_TRUE(UntilResults(1));
  for (auto& connection : peer_.connections) {
    connection->mute = true;
  }
  peer_.mute = true;
  Send("b");
  const auto start = Clock::now();
  ASSERT_TRUE(Until([&] { return news_.dial_failures.size() == 3; }));
  EXPECT_LT(news_.failed_at.back() - start, milliseconds(2200)) << "2 s on an idle machine";
  EXPECT_TRUE(news_.lost.empty()) << "the old connection may still bring a late answer";
}

TEST_F(ClientChannelTest, AFullBacklogIsABlackHoleForDials) {
  // A socket that listens with no backlog and never accepts: further SYNs are dropped.
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const Fd hole(fd);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  ASSERT_EQ(bind(fd, reinterpret_cast<sockaddr*>(&address), size), 0);
  ASSERT_EQ(listen(fd, 0), 0);
  ASSERT_EQ(getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size), 0);
  Open(Options(ntohs(address.sin_port)));
  const auto start = Clock::now();
  Send("x");
  ASSERT_TRUE(Until([&] { return news_.dial_failures.size() == 3; }));
  EXPECT_LT(Clock::now() - start, milliseconds(1800));
  ASSERT_TRUE(UntilResults(1));
  EXPECT_EQ(results_[0].status.code(), Code::kUnavailable);
}

TEST_F(ClientChannelTest, ADeadConnectionToALivingPeerIsReplacedAndItsRequestSentAgainOnce) {
  peer_.Listen();
  Open(Options(peer_.port()));
  Send("a");
  ASSERT_TRUE(UntilResults(1));
  peer_.connections[0]->mute = true;
  Send("b");
  ASSERT_TRUE(UntilResults(2));
  EXPECT_TRUE(results_[1].status.ok()) << results_[1].status.ToString();
  EXPECT_TRUE(results_[1].resent);
  EXPECT_EQ(channel_->resent_count(), 1u);
  EXPECT_TRUE(news_.dial_failures.empty()) << "the health of the peer is unchanged";
  EXPECT_TRUE(news_.lost.empty());
  EXPECT_EQ(channel_->connection_count(), 1u);
}

TEST_F(ClientChannelTest, ASuspectThatWakesUpAfterAllDialsFailedIsUsedAgain) {
  peer_.Listen();
  ClientChannelOptions options = Options(peer_.port());
  options.connection.suspect_after = milliseconds(300);
  options.dial.answer_within = milliseconds(200);
  Open(options);
  Send("a");
  ASSERT_TRUE(UntilResults(1));
  peer_.mute = true;
  PeerConnection& first = *peer_.connections[0];
  first.stream().PauseRead();
  Send("b");
  ASSERT_TRUE(Until([&] { return news_.dial_failures.size() >= 3; }));
  EXPECT_EQ(results_.size(), 1u);
  first.stream().ResumeRead();
  ASSERT_TRUE(UntilResults(2));
  EXPECT_TRUE(results_[1].status.ok());
  EXPECT_FALSE(results_[1].resent);
  EXPECT_EQ(news_.connected, 2) << "the level may be used again";
}

TEST_F(ClientChannelTest, AResponseOverTheLimitKeepsItsBeginningAndItsStatus) {
  peer_.on_request = [](PeerConnection& connection, int32_t id) {
    connection.RespondGrpc(id, id == 1 ? std::string(70000, 'x') : "ok");
  };
  peer_.Listen();
  ClientChannelOptions options = Options(peer_.port());
  options.connection.limits.max_response_bytes = 65536;
  Open(options);
  Send("a");
  ASSERT_TRUE(UntilResults(1));
  EXPECT_TRUE(results_[0].status.ok());
  EXPECT_TRUE(results_[0].response.cut);
  EXPECT_EQ(results_[0].response.body.size(), 65536u);
  EXPECT_EQ(results_[0].response.trailers.Find("grpc-status"), "0");
  Send("b");
  ASSERT_TRUE(UntilResults(2));
  EXPECT_TRUE(results_[1].status.ok());
  EXPECT_EQ(peer_.accepted, 1);
}

TEST_F(ClientChannelTest, ACancelledRequestIsResetAndForgotten) {
  peer_.on_request = [](PeerConnection& connection, int32_t id) {
    if (id > 1) {
      connection.RespondGrpc(id);
    }
  };
  peer_.Listen();
  Open(Options(peer_.port()));
  const uint64_t id = Send("a");
  ASSERT_TRUE(Until([&] { return peer_.requests() == 1; }));
  channel_->Cancel(id);
  channel_->Cancel(id);
  Send("b");
  ASSERT_TRUE(UntilResults(1));
  EXPECT_TRUE(results_[0].status.ok());
  Linger(milliseconds(20));
  EXPECT_EQ(results_.size(), 1u);
}

TEST_F(ClientChannelTest, ARequestCancelledWhileWaitingForTheConnectionIsNeverSent) {
  peer_.Listen();
  Open(Options(peer_.port()));
  channel_->Cancel(Send("never"));
  Send("sent");
  ASSERT_TRUE(UntilResults(1));
  EXPECT_EQ(peer_.requests(), 1u);
  EXPECT_EQ(peer_.connections[0]->requests[1].body, "sent");
}

TEST_F(ClientChannelTest, StopLetsRequestsFinishAndClosesTheRest) {
  peer_.on_request = [](PeerConnection&, int32_t) {};
  peer_.Listen();
  Open(Options(peer_.port()));
  Send("a");
  ASSERT_TRUE(Until([&] { return peer_.requests() == 1; }));
  channel_->Stop();
  Linger(milliseconds(50));
  EXPECT_EQ(channel_->connection_count(), 1u);
  peer_.connections[0]->RespondGrpc(1);
  ASSERT_TRUE(UntilResults(1));
  EXPECT_TRUE(results_[0].status.ok());
  ASSERT_TRUE(Until([&] { return channel_->connection_count() == 0; }));
}

TEST_F(ClientChannelTest, DestroyingAChannelRunsNoCallback) {
  peer_.on_request = [](PeerConnection&, int32_t) {};
  peer_.Listen();
  Open(Options(peer_.port()));
  Send("a");
  ASSERT_TRUE(Until([&] { return peer_.requests() == 1; }));
  channel_.reset();
  Linger(milliseconds(20));
  EXPECT_TRUE(results_.empty());
}

TEST_F(ClientChannelTest, AnUnverifiedCertificateIsAFailedDialThatSaysWhy) {
  TestCa ca;
  TestCa stranger;
  const PemPair pair = ca.Issue("server", "DNS:localhost");
  TlsServerOptions server;
  server.cert_pem = pair.cert;
  server.key_pem = pair.key;
  server.alpn = {"h2"};
  peer_.tls = TlsServerContext::Create(server).value();
  peer_.Listen();
  TlsClientOptions client;
  client.ca_pem = stranger.pem();
  client.alpn = {"h2"};
  ClientChannelOptions options = Options(peer_.port());
  options.tls = TlsClientContext::Create(client).value();
  Open(options);
  Send("a");
  ASSERT_TRUE(UntilResults(1));
  EXPECT_EQ(results_[0].status.code(), Code::kUnavailable);
  EXPECT_THAT(results_[0].status.message(), testing::HasSubstr("certificate"));
  EXPECT_GE(news_.dial_failures.size(), 3u);
}

TEST_F(ClientChannelTest, MutualTlsWorks) {
  TestCa ca;
  const PemPair pair = ca.Issue("server", "DNS:localhost");
  const PemPair mine = ca.Issue("client", "DNS:client");
  const std::string ca_file = testing::TempDir() + "client_channel_ca.pem";
  FILE* file = fopen(ca_file.c_str(), "w");
  ASSERT_NE(file, nullptr);
  fputs(ca.pem().c_str(), file);
  fclose(file);
  TlsServerOptions server;
  server.cert_pem = pair.cert;
  server.key_pem = pair.key;
  server.client_ca_file = ca_file;
  server.alpn = {"h2"};
  peer_.tls = TlsServerContext::Create(server).value();
  peer_.Listen();
  TlsClientOptions client;
  client.ca_pem = ca.pem();
  client.cert_pem = mine.cert;
  client.key_pem = mine.key;
  client.alpn = {"h2"};
  ClientChannelOptions options = Options(peer_.port());
  options.tls = TlsClientContext::Create(client).value();
  Open(options);
  Send(std::string(100000, 'm'));
  ASSERT_TRUE(UntilResults(1));
  EXPECT_TRUE(results_[0].status.ok()) << results_[0].status.ToString();
}

TEST_F(ClientChannelTest, LocalhostIsResolvedFromTheHostsFile) {
  peer_.Listen();
  ClientChannelOptions options = Options(peer_.port());
  options.target.host = "localhost";
  Open(options);
  Send("a");
  ASSERT_TRUE(UntilResults(1));
  EXPECT_TRUE(results_.back().status.ok()) << results_.back().status.ToString();
}

TEST_F(ClientChannelTest, ADialTriesEveryAddressBeforeItFails) {
  peer_.Listen();
  ClientChannelOptions options = Options(peer_.port());
  for (const char* host : {"127.0.0.2", "127.0.0.3", "127.0.0.1"}) {
    options.fixed_addresses.push_back(*SocketAddress::FromNumeric(host, peer_.port()));
  }
  Open(options);
  Send("a");
  ASSERT_TRUE(UntilResults(1));
  EXPECT_TRUE(results_[0].status.ok()) << results_[0].status.ToString();
  EXPECT_TRUE(news_.dial_failures.empty());
}

TEST_F(ClientChannelTest, SpreadsOverEveryAddressAndSurvivesTheLossOfOne) {
  peer_.Listen();
  auto other = std::make_unique<ScriptedPeer>(worker_);
  other->Listen(peer_.port(), "127.0.0.2");
  ClientChannelOptions options = Options(peer_.port());
  for (const char* host : {"127.0.0.1", "127.0.0.2"}) {
    options.fixed_addresses.push_back(*SocketAddress::FromNumeric(host, peer_.port()));
  }
  options.spread = true;
  Open(options);
  ASSERT_TRUE(Until([&] { return channel_->connection_count() == 2; }));
  for (int i = 0; i < 10; ++i) {
    Send("x");
  }
  ASSERT_TRUE(UntilResults(10));
  EXPECT_EQ(peer_.requests(), 5u);
  EXPECT_EQ(other->requests(), 5u);
  other.reset();
  ASSERT_TRUE(Until([&] { return news_.lost.size() == 1; }));
  for (int i = 0; i < 10; ++i) {
    Send("y");
  }
  ASSERT_TRUE(UntilResults(20));
  EXPECT_TRUE(results_.back().status.ok());
  EXPECT_TRUE(news_.dial_failures.empty()) << "one address of two is no level down";
}

TEST_F(ClientChannelTest, GoesThroughTheTunnelOfAProxy) {
  peer_.Listen();
  // A proxy that answers CONNECT and then hands the bytes to an HTTP/2 peer of its own.
  ScriptedPeer proxy(worker_, false);
  std::string head;
  std::unique_ptr<Stream> onward;
  struct Back final : StreamHandler {
    void OnConnected() override {}
    void OnData(Slice bytes) override { to->Write(Rope(bytes)); }
    void OnEnd() override {}
    void OnClosed(Status) override {}
    Stream* to = nullptr;
  } back;
  proxy.on_raw = [&](PeerConnection& connection, Slice bytes) {
    if (onward) {
      onward->Write(Rope(bytes));
      return;
    }
    head += bytes.text();
    if (head.ends_with("\r\n\r\n")) {
      back.to = &connection.stream();
      onward = ConnectPlain(worker_, *SocketAddress::FromNumeric("127.0.0.1", peer_.port()), {});
      onward->Start(&back);
      connection.WriteRaw("HTTP/1.1 200 Connection established\r\n\r\n");
    }
  };
  proxy.Listen();
  ClientChannelOptions options = Options(peer_.port());
  options.target.host = "backend.example.com";
  options.proxy = HostPort{"127.0.0.1", proxy.port()};
  options.proxy_authorization = "Basic eA==";
  Open(options);
  Send(std::string(100000, 'p'));
  ASSERT_TRUE(UntilResults(1));
  EXPECT_TRUE(results_[0].status.ok()) << results_[0].status.ToString();
  EXPECT_THAT(head, testing::StartsWith("CONNECT backend.example.com:" +
                                        std::to_string(peer_.port()) + " HTTP/1.1\r\n"));
  EXPECT_THAT(head, testing::HasSubstr("proxy-authorization: Basic eA==\r\n"));
}

TEST_F(ClientChannelTest, BlanksAroundAHeaderValueAreNoErrorOfThePeer) {
  peer_.on_request = [](PeerConnection& connection, int32_t id) {
    connection.Respond(
        id, {{":status", "200"}, {"content-type", "application/grpc"}, {"server", "x "}},
        std::string(5, '\0'), {{"grpc-status", "3"}, {"grpc-message", " bad span: \t"}});
  };
  peer_.Listen();
  Open(Options(peer_.port()));
  Send("a");
  ASSERT_TRUE(UntilResults(1));
  EXPECT_TRUE(results_[0].status.ok()) << results_[0].status.ToString();
  EXPECT_EQ(results_[0].response.headers.Find("server"), "x");
  EXPECT_EQ(results_[0].response.trailers.Find("grpc-status"), "3");
  EXPECT_EQ(results_[0].response.trailers.Find("grpc-message"), "bad span:");
}

// As if every descriptor that this process may have were in use.
class NoDescriptors {
 public:
  NoDescriptors() {
    getrlimit(RLIMIT_NOFILE, &former_);
    rlimit none = former_;
    none.rlim_cur = static_cast<rlim_t>(Fd(socket(AF_UNIX, SOCK_STREAM, 0)).get());
    setrlimit(RLIMIT_NOFILE, &none);
  }
  ~NoDescriptors() { setrlimit(RLIMIT_NOFILE, &former_); }
  NoDescriptors(const NoDescriptors&) = delete;
  NoDescriptors& operator=(const NoDescriptors&) = delete;

 private:
  rlimit former_{};
};

TEST_F(ClientChannelTest, APeerIsNotBlamedForDescriptorsThatThisProcessLacks) {
  peer_.Listen();
  for (const char* host : {"127.0.0.1", "peer.invalid"}) {
    ClientChannelOptions options = Options(peer_.port());
    options.target.host = host;
    options.dial.answer_within = milliseconds(300);
    const uint64_t noted = Noted(Shortage::kDial).count;
    std::optional<ExchangeResult> answer;
    channel_.reset();
    Linger(milliseconds(100));  // its descriptors are given back, those of the peer too
    {
      const NoDescriptors none;
      Open(options);
      channel_->Ask(Post("a"), milliseconds(400),
                    [&](ExchangeResult result) { answer = std::move(result); });
      Linger(milliseconds(800));
      EXPECT_TRUE(channel_->held_back());
    }
    EXPECT_TRUE(news_.dial_failures.empty()) << news_.dial_failures[0].ToString();
    EXPECT_FALSE(answer.has_value()) << "its time does not count while it is held back";
    EXPECT_GT(Noted(Shortage::kDial).count, noted);
    if (options.target.host == "127.0.0.1") {
      ASSERT_TRUE(Until([&] { return answer.has_value(); }));
      EXPECT_TRUE(answer->status.ok()) << answer->status.ToString();
      EXPECT_FALSE(channel_->held_back());
    }
  }
}

TEST_F(ClientChannelTest, AProxyThatRefusesIsAFailedDialThatSaysSo) {
  ScriptedPeer proxy(worker_, false);
  proxy.on_request = [](PeerConnection& connection, int32_t) {
    connection.WriteRaw("HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 0\r\n\r\n");
  };
  proxy.Listen();
  ClientChannelOptions options = Options(1);
  options.target.host = "backend.example.com";
  options.proxy = HostPort{"127.0.0.1", proxy.port()};
  Open(options);
  Send("a");
  ASSERT_TRUE(UntilResults(1));
  EXPECT_THAT(results_[0].status.message(), testing::HasSubstr("status 407"));
}

}  // namespace
}  // namespace gapless::net
