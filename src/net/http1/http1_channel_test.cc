#include "net/dial/test_channel.h"

#include <algorithm>

namespace gapless::net {
namespace {

TEST_F(Http1ChannelTest, KeepsTheConnectionAndGrowsThePoolForParallelRequests) {
  int arrived = 0;
  web_.on_request = [&](PeerConnection&, int32_t) {
    if (++arrived == 4) {
      for (auto& connection : web_.connections) {
        connection->WriteRaw(
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n");
      }
    }
  };
  web_.Listen();
  Open(Options1(web_.port()));
  for (int i = 0; i < 4; ++i) {
    Send("x");
  }
  ASSERT_TRUE(UntilResults(4));
  EXPECT_EQ(web_.accepted, 4);
  EXPECT_EQ(results_[3].response.body.ToString(), "ok");
  arrived = 3;
  Send("y");
  ASSERT_TRUE(UntilResults(5));
  EXPECT_EQ(web_.accepted, 4);
}

TEST_F(Http1ChannelTest, KeepsNoMoreIdleConnectionsThanItMay) {
  int arrived = 0;
  web_.on_request = [&](PeerConnection&, int32_t) {
    if (++arrived == 4) {
      for (auto& connection : web_.connections) {
        connection->WriteRaw("HTTP/1.1 204 No Content\r\n\r\n");
      }
    }
  };
  web_.Listen();
  ClientChannelOptions options = Options1(web_.port());
  options.max_idle_connections = 2;
  Open(options);
  for (int i = 0; i < 4; ++i) {
    Send("x");
  }
  ASSERT_TRUE(UntilResults(4));
  EXPECT_TRUE(Until([&] { return channel_->connection_count() == 2; }));
  EXPECT_TRUE(news_.lost.empty());
  arrived = 3;
  Send("y");
  ASSERT_TRUE(UntilResults(5));
  EXPECT_EQ(web_.accepted, 4) << "one that was kept took it";
}

TEST_F(Http1ChannelTest, WithoutIdleConnectionsEachRequestDialsAnew) {
  web_.Listen();
  ClientChannelOptions options = Options1(web_.port());
  options.max_idle_connections = 0;
  Open(options);
  for (size_t i = 1; i <= 3; ++i) {
    Send("x");
    ASSERT_TRUE(UntilResults(i));
    EXPECT_TRUE(results_.back().status.ok());
    ASSERT_TRUE(Until([&] { return channel_->connection_count() == 0; }));
  }
  EXPECT_EQ(web_.accepted, 3);
  EXPECT_TRUE(news_.dial_failures.empty());
}

TEST_F(Http1ChannelTest, ConnectionsThatABurstNeededEndSoonAfterItButForAFew) {
  std::vector<PeerConnection*> waiting;
  web_.on_request = [&](PeerConnection& connection, int32_t) { waiting.push_back(&connection); };
  web_.Listen();
  ClientChannelOptions options = Options1(web_.port());
  options.sweep_every = milliseconds(50);
  Open(options);
  for (int i = 0; i < 6; ++i) {
    Send("x");
  }
  ASSERT_TRUE(Until([&] { return waiting.size() == 6; }));
  Linger(milliseconds(200));
  EXPECT_EQ(channel_->connection_count(), 6u) << "busy";
  for (PeerConnection* connection : waiting) {
    connection->WriteRaw("HTTP/1.1 204 No Content\r\n\r\n");
  }
  ASSERT_TRUE(UntilResults(6));
  ASSERT_TRUE(Until([&] { return channel_->connection_count() == 2; }));
  Linger(milliseconds(200));
  EXPECT_EQ(channel_->connection_count(), 2u);
  EXPECT_TRUE(news_.lost.empty());
}

TEST_F(Http1ChannelTest, AnIdleConnectionClosedByThePeerIsNoLoss) {
  web_.Listen();
  Open(Options1(web_.port()));
  Send("a");
  ASSERT_TRUE(UntilResults(1));
  web_.connections[0]->Close();
  ASSERT_TRUE(Until([&] { return channel_->connection_count() == 0; }));
  Send("b");
  ASSERT_TRUE(UntilResults(2));
  EXPECT_TRUE(results_[1].status.ok());
  EXPECT_TRUE(news_.lost.empty());
  EXPECT_TRUE(news_.dial_failures.empty());
}

TEST_F(Http1ChannelTest, ARequestOnAConnectionThatWasClosedMeanwhileIsSentAgain) {
  bool hang_up = false;
  web_.on_request = [&](PeerConnection& connection, int32_t) {
    if (std::exchange(hang_up, false)) {
      connection.Close();
    } else {
      connection.WriteRaw("HTTP/1.1 204 No Content\r\n\r\n");
    }
  };
  web_.Listen();
  Open(Options1(web_.port()));
  Send("a");
  ASSERT_TRUE(UntilResults(1));
  hang_up = true;
  Send("b");
  ASSERT_TRUE(UntilResults(2));
  EXPECT_TRUE(results_[1].status.ok()) << results_[1].status.ToString();
  EXPECT_TRUE(results_[1].resent);
}

TEST_F(Http1ChannelTest, AServerWithoutKeepAliveIsServedOneConnectionPerRequest) {
  web_.on_request = [](PeerConnection& connection, int32_t) {
    connection.WriteRaw("HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok");
  };
  web_.Listen();
  Open(Options1(web_.port()));
  for (size_t i = 1; i <= 5; ++i) {
    Send("x");
    ASSERT_TRUE(UntilResults(i));
    EXPECT_TRUE(results_.back().status.ok());
  }
  EXPECT_EQ(web_.accepted, 5);
  EXPECT_TRUE(news_.lost.empty());
}

TEST_F(Http1ChannelTest, ASlowAnswerIsVerifiedByAGreetingAndNotSentAgain) {
  web_.on_request = [](PeerConnection& connection, int32_t id) {
    if (connection.requests[id].headers.Joined("head").starts_with("POST /hello")) {
      connection.WriteRaw("HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n");
    }
  };
  web_.Listen();
  ClientChannelOptions options = Options1(web_.port());
  options.connection.suspect_after = milliseconds(200);
  Open(options);
  Send("slow");
  Linger(milliseconds(700));
  EXPECT_TRUE(results_.empty());
  EXPECT_TRUE(news_.dial_failures.empty());
  EXPECT_EQ(channel_->resent_count(), 0u);
  web_.connections[0]->WriteRaw("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
  ASSERT_TRUE(UntilResults(1));
  EXPECT_TRUE(results_[0].status.ok());
}

TEST_F(Http1ChannelTest, AStoppedPeerIsReportedDeadWithinTwoSeconds) {
  web_.Listen();
  Open(Options1(web_.port()));
  Send("a");
  ASSERT_TRUE(UntilResults(1));
  web_.mute = true;
  web_.connections[0]->mute = true;
  Send("b");
  const auto start = Clock::now();
  ASSERT_TRUE(Until([&] { return news_.dial_failures.size() == 3; }));
  EXPECT_LT(news_.failed_at.back() - start, milliseconds(2200));
}

// A backend with one worker: a request is begun when the one before is answered.
class OneWorker {
 public:
  OneWorker(Worker& worker, ScriptedPeer& peer, Duration service)
      : worker_(worker), service_(service) {
    peer.on_request = [this](PeerConnection& connection, int32_t) {
      waiting_.push_back(&connection);
      if (waiting_.size() == 1) {
        Begin();
      }
    };
  }
  size_t most_waiting = 0;

 private:
  void Begin() {
    timer_ = worker_.RunAfter(service_, [this] {
      most_waiting = std::max(most_waiting, waiting_.size());
      PeerConnection* connection = waiting_.front();
      waiting_.erase(waiting_.begin());
      if (!connection->ended) {
        connection->WriteRaw("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
      }
      if (!waiting_.empty()) {
        Begin();
      }
    });
  }
  Worker& worker_;
  const Duration service_;
  std::vector<PeerConnection*> waiting_;
  Timer timer_;
};

TEST_F(Http1ChannelTest, ABusyPeerWithOneWorkerIsNoBlackHole) {
  // Twice and three times what is allowed to a peer of which nothing is known.
  for (const size_t at_once : {size_t{1}, size_t{5}}) {
    SCOPED_TRACE(at_once);
    ScriptedPeer web(worker_, false);
    OneWorker one(worker_, web, milliseconds(400));
    web.Listen();
    ClientChannelOptions options = Options1(web.port());
    options.connection.suspect_after = milliseconds(200);
    options.dial.answer_within = milliseconds(150);
    results_.clear();
    Open(options);
    const size_t total = 3 * at_once;
    for (size_t i = 0; i < at_once; ++i) {
      Send("x");
    }
    for (size_t sent = at_once; sent < total; ++sent) {
      ASSERT_TRUE(UntilResults(sent - at_once + 1));
      Send("x");
    }
    ASSERT_TRUE(Until([&] { return results_.size() == total; }, seconds(20)));
    for (const ExchangeResult& result : results_) {
      EXPECT_TRUE(result.status.ok()) << result.status.ToString();
      EXPECT_FALSE(result.resent);
    }
    EXPECT_TRUE(news_.dial_failures.empty()) << news_.dial_failures.front().ToString();
    EXPECT_TRUE(news_.lost.empty());
    EXPECT_LE(one.most_waiting, at_once + DialPolicy::kBurst + 1) << "greetings are a load too";
  }
}

TEST_F(Http1ChannelTest, APeerThatReadsALargeRequestLateIsNoDeadConnection) {
  // Takes the connection, answers greetings on others, but reads the large request seconds later.
  web_.on_accept = [this](PeerConnection& connection) {
    if (web_.accepted == 1) {
      connection.stream().PauseRead();
    }
  };
  web_.Listen();
  ClientChannelOptions options = Options1(web_.port());
  options.connection.suspect_after = milliseconds(200);
  options.stream.tcp_user_timeout = milliseconds(300);
  Open(options);
  Send(std::string(size_t{24} << 20, 'x'));
  Linger(milliseconds(2000));
  EXPECT_TRUE(results_.empty());
  EXPECT_TRUE(news_.lost.empty()) << news_.lost.front().ToString();
  web_.connections[0]->stream().ResumeRead();
  ASSERT_TRUE(Until([&] { return !results_.empty(); }, seconds(60))) << "24 MiB, read slowly";
  EXPECT_TRUE(results_[0].status.ok()) << results_[0].status.ToString();
  EXPECT_FALSE(results_[0].resent);
  EXPECT_TRUE(news_.dial_failures.empty());
}

TEST_F(Http1ChannelTest, AFastPeerThatStopsIsFoundAsSoonAlthoughItOnceStoodStill) {
  web_.Listen();
  ClientChannelOptions options = Options1(web_.port());
  options.connection.suspect_after = milliseconds(200);
  options.dial.answer_within = milliseconds(150);
  Open(options);
  Send("a");
  ASSERT_TRUE(UntilResults(1));
  for (int stop = 0; stop < 2; ++stop) {
    SCOPED_TRACE(stop);
    news_.dial_failures.clear();
    std::vector<PeerConnection*> stopped;
    web_.on_request = [&](PeerConnection& connection, int32_t) { stopped.push_back(&connection); };
    const auto start = Clock::now();
    Send("b");
    ASSERT_TRUE(Until([&] { return news_.dial_failures.size() >= 3; }));
    EXPECT_LT(news_.failed_at.at(news_.failed_at.size() - 1) - start, milliseconds(800))
        << "450 ms on an idle machine";
    Linger(milliseconds(500));
    web_.on_request = nullptr;
    for (PeerConnection* connection : stopped) {
      if (!connection->ended) {
        connection->WriteRaw("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
      }
    }
    ASSERT_TRUE(UntilResults(2 + static_cast<size_t>(stop)));
  }
}

TEST_F(Http1ChannelTest, AResponseOverTheLimitIsCut) {
  web_.on_request = [](PeerConnection& connection, int32_t) {
    connection.WriteRaw("HTTP/1.1 200 OK\r\ncontent-length: 70000\r\n\r\n" +
                        std::string(70000, 'x'));
  };
  web_.Listen();
  ClientChannelOptions options = Options1(web_.port());
  options.connection.limits.max_response_bytes = 65536;
  Open(options);
  Send("a");
  ASSERT_TRUE(UntilResults(1));
  EXPECT_TRUE(results_[0].status.ok());
  EXPECT_TRUE(results_[0].response.cut);
  EXPECT_EQ(results_[0].response.body.size(), 65536u);
  Send("b");
  ASSERT_TRUE(UntilResults(2));
  EXPECT_EQ(web_.accepted, 1) << "the connection stays of use";
}

TEST_F(Http1ChannelTest, AnAnswerWithoutAnEndIsGivenUp) {
  web_.on_request = [](PeerConnection& connection, int32_t) {
    connection.WriteRaw("HTTP/1.1 200 OK\r\ncontent-length: 30000000\r\n\r\n");
    for (int i = 0; i < 30; ++i) {
      connection.WriteRaw(std::string(1000000, 'x'));
    }
  };
  web_.Listen();
  ClientChannelOptions options = Options1(web_.port());
  options.connection.limits.max_response_bytes = 65536;
  Open(options);
  Send("a");
  ASSERT_TRUE(UntilResults(1));
  EXPECT_EQ(results_[0].status.code(), Code::kResourceExhausted);
  EXPECT_TRUE(results_[0].head);
}

TEST_F(Http1ChannelTest, AnAnswerThatBreaksOffAfterItsHeadTellsItsStatus) {
  web_.on_request = [](PeerConnection& connection, int32_t) {
    connection.WriteRaw("HTTP/1.1 202 Accepted\r\ncontent-length: 100\r\n\r\nthank");
    connection.Close();
  };
  web_.Listen();
  Open(Options1(web_.port()));
  Send("a");
  ASSERT_TRUE(UntilResults(1));
  EXPECT_EQ(results_[0].fate, Fate::kLost);
  EXPECT_TRUE(results_[0].head);
  EXPECT_EQ(results_[0].response.status, 202);
  EXPECT_TRUE(results_[0].response.cut);
  EXPECT_EQ(results_[0].response.body.ToString(), "thank");
  EXPECT_EQ(web_.requests(), 1u) << "it was answered: not sent again";
}

TEST_F(Http1ChannelTest, GarbageIsAFailureNotACrash) {
  web_.on_request = [](PeerConnection& connection, int32_t) {
    connection.WriteRaw(std::string("\x00\xff garbage\r\n\r\n", 14));
  };
  web_.Listen();
  Open(Options1(web_.port()));
  Send("a");
  ASSERT_TRUE(UntilResults(1));
  EXPECT_EQ(results_[0].status.code(), Code::kUnavailable);
}

}  // namespace
}  // namespace gapless::net
