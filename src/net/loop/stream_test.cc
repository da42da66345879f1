#include "net/loop/stream.h"

#include "base/rng.h"
#include "net/loop/listener.h"
#include "net/loop/worker.h"
#include "net/tls/test_certificates.h"
#include "net/tls/tls.h"

#include <functional>
#include <memory>
#include <optional>

#include <gtest/gtest.h>
#include <unistd.h>

namespace gapless::net {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

struct Recorder final : StreamHandler {
  void OnConnected() override { connected = true; }
  void OnData(Slice bytes) override {
    received.Append(bytes);
    if (on_data) {
      on_data(bytes);
    }
  }
  void OnEnd() override { ended = true; }
  void OnWritable() override { ++writable; }
  void OnClosed(Status reason) override { closed = std::move(reason); }

  bool connected = false;
  bool ended = false;
  int writable = 0;
  Rope received;
  std::optional<Status> closed;
  std::function<void(const Slice&)> on_data;
};

// Hands the accepted socket to the test.
struct Catcher final : Acceptor {
  void OnAccept(Worker&, size_t, Fd fd, ConnectionSlot slot) override {
    accepted = std::move(fd);
    slots.push_back(std::move(slot));
  }
  Fd accepted;
  std::vector<ConnectionSlot> slots;
};

enum class Kind { kTcp, kUnix, kTls };

// A connected pair of streams.
class StreamTest : public testing::TestWithParam<Kind> {
 protected:
  void Connect(const StreamOptions& options = {}) {
    std::string path = testing::TempDir() + "stream_test." + std::to_string(getpid()) + ".sock";
    Result<std::unique_ptr<Listener>> listener =
        GetParam() == Kind::kUnix ? Listener::Open({&worker_}, "unix", path, {})
                                  : Listener::Open({&worker_}, "tcp", "127.0.0.1:0", {});
    ASSERT_TRUE(listener.ok()) << listener.status().ToString();
    auto catcher = std::make_shared<Catcher>();
    (*listener)->SetAcceptor(catcher);
    if (GetParam() == Kind::kTls) {
      TlsClientOptions client_options;
      client_options.ca_pem = ca_.pem();
      client_options.alpn = {"h2"};
      client_ = ConnectTls(worker_, (*listener)->address(),
                           TlsClientContext::Create(client_options).value(), "localhost", options);
    } else {
      client_ = ConnectPlain(worker_, (*listener)->address(), options);
    }
    client_->Start(&at_client_);
    ASSERT_TRUE(worker_.RunUntil([&] { return catcher->accepted.valid(); }, seconds(5)));
    if (GetParam() == Kind::kTls) {
      TlsServerOptions server_options;
      PemPair pair = ca_.Issue("server", "DNS:localhost");
      server_options.cert_pem = pair.cert;
      server_options.key_pem = pair.key;
      server_options.alpn = {"h2", "http/1.1"};
      server_ = AcceptTls(worker_, std::move(catcher->accepted),
                          TlsServerContext::Create(server_options).value(), options);
    } else {
      server_ = AcceptPlain(worker_, std::move(catcher->accepted), options);
    }
    server_->Start(&at_server_);
    ASSERT_TRUE(Until([&] { return at_client_.connected && at_server_.connected; }));
  }

  bool Until(std::function<bool()> done) { return worker_.RunUntil(done, seconds(10)); }

  TestCa ca_;
  Worker worker_;
  Recorder at_client_;
  Recorder at_server_;
  std::unique_ptr<Stream> client_;
  std::unique_ptr<Stream> server_;
};

INSTANTIATE_TEST_SUITE_P(AllKinds, StreamTest, testing::Values(Kind::kTcp, Kind::kUnix, Kind::kTls),
                         [](const auto& kind) {
                           return kind.param == Kind::kTcp    ? "Tcp"
                                  : kind.param == Kind::kUnix ? "Unix"
                                                              : "Tls";
                         });

TEST_P(StreamTest, CarriesManyBytesBothWaysUnchanged) {
  Connect();
  const uint64_t seed = 7;
  Rng rng(seed);
  Rope sent;
  while (sent.size() < 5'000'000) {
    std::string piece(rng.Below(100'000), '\0');
    for (char& c : piece) {
      c = static_cast<char>(rng.Next());
    }
    Rope rope = Rope::CopyOf(piece);
    sent.Append(rope);
    client_->Write(rope);
    server_->Write(std::move(rope));
  }
  ASSERT_TRUE(Until([&] {
    return at_server_.received.size() == sent.size() && at_client_.received.size() == sent.size();
  }));
  EXPECT_TRUE(at_server_.received == sent);
  EXPECT_TRUE(at_client_.received == sent);
  Socket& socket = client_->socket();
  EXPECT_TRUE(Until([&] { return socket.AckedBytes() == socket.queued_bytes(); }));
}

TEST_P(StreamTest, HalfCloseDeliversEverythingThenEndsBothSides) {
  Connect();
  client_->Write(Rope::CopyOf("last words"));
  client_->ShutdownWrite();
  ASSERT_TRUE(Until([&] { return at_server_.ended; }));
  EXPECT_EQ(at_server_.received.ToString(), "last words");
  server_->Write(Rope::CopyOf("answer"));
  server_->ShutdownWrite();
  ASSERT_TRUE(Until([&] { return at_client_.closed && at_server_.closed; }));
  EXPECT_EQ(at_client_.received.ToString(), "answer");
  EXPECT_TRUE(at_client_.ended);
}

TEST_P(StreamTest, APausedReaderHoldsTheWriterBackAndResumes) {
  Connect();
  server_->PauseRead();
  const std::string chunk(1 << 20, 'x');
  size_t total = 0;
  for (int i = 0; i < 32; ++i) {
    client_->Write(Rope::CopyOf(chunk));
    total += chunk.size();
  }
  EXPECT_TRUE(client_->above_high_watermark());
  worker_.RunUntil([] { return false; }, milliseconds(30));
  EXPECT_EQ(at_server_.received.size(), 0u);
  EXPECT_TRUE(client_->above_high_watermark());
  server_->ResumeRead();
  ASSERT_TRUE(Until([&] { return at_server_.received.size() == total; }));
  EXPECT_EQ(at_client_.writable, 1);
  EXPECT_FALSE(client_->above_high_watermark());
}

TEST_P(StreamTest, CloseInsideACallbackIsTheLastCallback) {
  Connect();
  at_server_.on_data = [&](const Slice&) { server_->Close(); };
  client_->Write(Rope::CopyOf(std::string(3'000'000, 'x')));
  ASSERT_TRUE(Until([&] { return at_client_.closed || at_client_.ended; }));
  EXPECT_FALSE(at_server_.closed);
  EXPECT_FALSE(at_server_.ended);
}

TEST_P(StreamTest, AKeptSliceStaysValidWhileMoreArrives) {
  Connect();
  Slice kept;
  at_server_.on_data = [&](const Slice& bytes) {
    if (kept.empty()) {
      kept = bytes;
    }
  };
  client_->Write(Rope::CopyOf("first"));
  ASSERT_TRUE(Until([&] { return !kept.empty(); }));
  at_server_.received.Clear();
  for (int i = 0; i < 50; ++i) {
    client_->Write(Rope::CopyOf(std::string(10'000, 'y')));
  }
  ASSERT_TRUE(Until([&] { return at_server_.received.size() == 500'000; }));
  EXPECT_EQ(kept.text(), "first");
}

TEST_P(StreamTest, AnAbortedPeerIsReported) {
  Connect();
  server_->Write(Rope::CopyOf("never read"));
  server_->Close();
  EXPECT_TRUE(Until([&] { return at_client_.ended || at_client_.closed; }));
}

TEST(ConnectTest, ARefusedConnectionSaysSo) {
  Worker worker;
  SocketAddress address;
  {
    // A port that was free a moment ago.
    address = Listener::Open({&worker}, "tcp", "127.0.0.1:0", {}).value()->address();
  }
  Recorder recorder;
  std::unique_ptr<Stream> stream = ConnectPlain(worker, address, {});
  stream->Start(&recorder);
  ASSERT_TRUE(worker.RunUntil([&] { return recorder.closed.has_value(); }, seconds(5)));
  EXPECT_EQ(recorder.closed->code(), Code::kUnavailable);
  EXPECT_NE(recorder.closed->message().find("Connection refused"), std::string::npos);
}

TEST(ConnectTest, ASilentTlsPeerTimesOut) {
  Worker worker;
  auto listener = Listener::Open({&worker}, "tcp", "127.0.0.1:0", {}).value();
  TlsClientOptions options;
  options.insecure_skip_verify = true;
  Recorder recorder;
  StreamOptions stream_options;
  stream_options.connect_timeout = milliseconds(20);
  std::unique_ptr<Stream> stream =
      ConnectTls(worker, listener->address(), TlsClientContext::Create(options).value(),
                 "localhost", stream_options);
  stream->Start(&recorder);
  ASSERT_TRUE(worker.RunUntil([&] { return recorder.closed.has_value(); }, seconds(5)));
  EXPECT_NE(recorder.closed->message().find("timed out"), std::string::npos);
}

}  // namespace
}  // namespace gapless::net
