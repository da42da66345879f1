#include "net/tls/tls.h"

#include "net/loop/stream.h"
#include "net/loop/worker.h"
#include "net/tls/test_certificates.h"

#include <fstream>
#include <optional>

#include <gtest/gtest.h>
#include <sys/socket.h>

namespace gapless::net {
namespace {

using std::chrono::seconds;

struct Side final : StreamHandler {
  void OnConnected() override { connected = true; }
  void OnData(Slice) override {}
  void OnEnd() override {}
  void OnClosed(Status reason) override { closed = std::move(reason); }
  bool done() const { return connected || closed; }
  bool connected = false;
  std::optional<Status> closed;
};

struct Outcome {
  Side server;
  Side client;
  std::string server_sees;  // subject of the client
  std::string alpn;
};

class TlsTest : public testing::Test {
 protected:
  TlsTest() {
    PemPair pair = ca_.Issue("server", "DNS:collector.test,IP:127.0.0.1");
    server_.cert_pem = pair.cert;
    server_.key_pem = pair.key;
    client_.ca_pem = ca_.pem();
  }

  Outcome Shake(const std::string& name) {
    auto server_context = TlsServerContext::Create(server_);
    auto client_context = TlsClientContext::Create(client_);
    EXPECT_TRUE(server_context.ok()) << server_context.status().ToString();
    EXPECT_TRUE(client_context.ok()) << client_context.status().ToString();
    return Shake(name, *server_context, *client_context);
  }

  Outcome Shake(const std::string& name, std::shared_ptr<TlsServerContext> server_context,
                std::shared_ptr<TlsClientContext> client_context) {
    Worker worker;
    Outcome outcome;
    std::string path = testing::TempDir() + "tls_test." + std::to_string(getpid());
    Fd listening(socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0));
    SocketAddress address = SocketAddress::FromUnixPath(path).value();
    unlink(path.c_str());
    EXPECT_EQ(bind(listening.get(), address.get(), address.size()), 0);
    EXPECT_EQ(listen(listening.get(), 4), 0);
    auto client = ConnectTls(worker, address, std::move(client_context), name, {});
    client->Start(&outcome.client);
    Fd accepted(accept4(listening.get(), nullptr, nullptr, SOCK_NONBLOCK));
    auto server = AcceptTls(worker, std::move(accepted), std::move(server_context), {});
    server->Start(&outcome.server);
    EXPECT_TRUE(worker.RunUntil([&] { return outcome.client.done() && outcome.server.done(); },
                                seconds(10)));
    outcome.server_sees = server->tls()->peer_subject;
    outcome.alpn = client->tls()->alpn;
    unlink(path.c_str());
    return outcome;
  }

  TestCa ca_;
  TlsServerOptions server_;
  TlsClientOptions client_;
};

TEST_F(TlsTest, VerifiesTheNameOfTheServer) {
  EXPECT_TRUE(Shake("collector.test").client.connected);
  EXPECT_TRUE(Shake("127.0.0.1").client.connected);
  Outcome wrong = Shake("other.test");
  ASSERT_TRUE(wrong.client.closed);
  EXPECT_NE(wrong.client.closed->message().find("mismatch"), std::string::npos)
      << wrong.client.closed->message();
}

TEST_F(TlsTest, RefusesAServerOfAnotherCaUnlessToldToSkip) {
  client_.ca_pem = TestCa().pem();
  EXPECT_TRUE(Shake("collector.test").client.closed);
  client_.insecure_skip_verify = true;
  EXPECT_TRUE(Shake("collector.test").client.connected);
}

TEST_F(TlsTest, ServerNameOverrideReplacesTheDialledName) {
  client_.server_name_override = "collector.test";
  EXPECT_TRUE(Shake("10.0.0.1").client.connected);
}

TEST_F(TlsTest, ClientCaFileDemandsAClientCertificate) {
  const std::string path = testing::TempDir() + "client_ca.pem";
  std::ofstream(path) << ca_.pem();
  server_.client_ca_file = path;
  EXPECT_TRUE(Shake("collector.test").server.closed);
  PemPair pair = ca_.Issue("alice", "");
  client_.cert_pem = pair.cert;
  client_.key_pem = pair.key;
  Outcome outcome = Shake("collector.test");
  EXPECT_TRUE(outcome.server.connected);
  EXPECT_EQ(outcome.server_sees, "CN=alice");
}

TEST_F(TlsTest, AlpnPicksTheServersFirstCommonProtocol) {
  server_.alpn = {"h2", "http/1.1"};
  client_.alpn = {"http/1.1", "h2"};
  EXPECT_EQ(Shake("collector.test").alpn, "h2");
  client_.alpn = {"http/1.1"};
  EXPECT_EQ(Shake("collector.test").alpn, "http/1.1");
  client_.alpn = {};
  EXPECT_EQ(Shake("collector.test").alpn, "");
  client_.alpn = {"spdy"};
  EXPECT_TRUE(Shake("collector.test").server.closed);
}

TEST_F(TlsTest, VersionsMustOverlap) {
  server_.min_version = TlsVersion::k13;
  client_.max_version = TlsVersion::k12;
  EXPECT_TRUE(Shake("collector.test").client.closed);
}

TEST_F(TlsTest, ReloadsTheCertificateFileAfterTheInterval) {
  const std::string cert = testing::TempDir() + "reload_cert.pem";
  const std::string key = testing::TempDir() + "reload_key.pem";
  auto write = [&](const std::string& name) {
    PemPair pair = ca_.Issue("server", "DNS:" + name);
    std::ofstream(cert) << pair.cert;
    std::ofstream(key) << pair.key;
  };
  server_ = {};
  server_.cert_file = cert;
  server_.key_file = key;
  server_.reload_interval = std::chrono::nanoseconds(1);
  write("one.test");
  auto server_context = TlsServerContext::Create(server_).value();
  auto client_context = TlsClientContext::Create(client_).value();
  EXPECT_TRUE(Shake("one.test", server_context, client_context).client.connected);
  write("two.test");
  EXPECT_TRUE(Shake("two.test", server_context, client_context).client.connected);
  std::ofstream(cert) << "garbage";
  EXPECT_TRUE(Shake("two.test", server_context, client_context).client.connected)
      << "a failed reload keeps the old pair";
}

TEST_F(TlsTest, ErrorsNameWhatIsWrong) {
  struct Case {
    std::function<void(TlsServerOptions&)> change;
    std::string expected;
  };
  const std::vector<Case> cases = {
      {[](auto& o) { o = {}; }, "must include both certificate and key for server"},
      {[](auto& o) { o.key_pem.clear(); }, "provide both certificate and key, or neither"},
      {[](auto& o) { o.cert_file = "/nowhere/cert.pem"; }, "but not both"},
      {[](auto& o) {
         o.cert_pem.clear();
         o.cert_file = "/nowhere/cert.pem";
       },
       "open /nowhere/cert.pem: No such file"},
      {[](auto& o) { o.client_ca_file = "/nowhere/ca.pem"; }, "open /nowhere/ca.pem"},
      {[this](auto& o) { o.key_pem = ca_.Issue("x", "").key; }, "does not belong to certificate"},
      {[](auto& o) { o.cipher_suites = {"TLS_FOO"}; }, "invalid TLS cipher suite: \"TLS_FOO\""},
      {[](auto& o) { o.cipher_suites = {"TLS_RSA_WITH_AES_128_CBC_SHA"}; },
       "invalid TLS cipher suite"},
      {[](auto& o) {
         o.min_version = TlsVersion::k13;
         o.max_version = TlsVersion::k12;
       },
       "min_version cannot be greater than max_version"},
      {[](auto& o) { o.curve_preferences = {"P999"}; }, "invalid curve type"},
  };
  for (const Case& c : cases) {
    TlsServerOptions options = server_;
    c.change(options);
    auto context = TlsServerContext::Create(options);
    ASSERT_FALSE(context.ok()) << c.expected;
    EXPECT_NE(context.status().message().find(c.expected), std::string::npos)
        << context.status().message();
  }
}

TEST_F(TlsTest, AnIntermediateOrTheLeafItselfIsAnAnchorAsInGosPools) {
  const TestCa intermediate(ca_);
  const PemPair leaf = intermediate.Issue("server", "DNS:collector.test");
  server_.cert_pem = leaf.cert;
  server_.key_pem = leaf.key;
  EXPECT_FALSE(Shake("collector.test").client.connected) << "the root alone knows no leaf";
  for (const std::string& anchor : {intermediate.pem(), leaf.cert}) {
    client_.ca_pem = anchor;
    EXPECT_TRUE(Shake("collector.test").client.connected);
    EXPECT_FALSE(Shake("other.test").client.connected);
  }
}

TEST_F(TlsTest, AReceiverTrustsTheIntermediateOfItsClients) {
  const TestCa intermediate(ca_);
  const PemPair leaf = intermediate.Issue("agent", "DNS:agent.test");
  const std::string path = testing::TempDir() + "client_ca." + std::to_string(getpid()) + ".pem";
  std::ofstream(path) << intermediate.pem();
  server_.client_ca_file = path;
  client_.cert_pem = leaf.cert;
  client_.key_pem = leaf.key;
  EXPECT_TRUE(Shake("collector.test").server.connected);
  unlink(path.c_str());
}

TEST_F(TlsTest, NamesAreTheAlternativeOnesAndWildcardsAreWholeLabels) {
  struct Case {
    const char* common_name;
    const char* alt_names;
    bool accepted;
  };
  for (const Case& c : {Case{"collector.sub.test", "", false}, Case{"x", "DNS:*.sub.test", true},
                        Case{"x", "DNS:c*.sub.test", false}}) {
    const PemPair pair = ca_.Issue(c.common_name, c.alt_names);
    server_.cert_pem = pair.cert;
    server_.key_pem = pair.key;
    EXPECT_EQ(Shake("collector.sub.test").client.connected, c.accepted) << c.alt_names;
  }
}

TEST_F(TlsTest, PlainFilesInTheSystemsDirectoriesAreTrusted) {
  std::string directory = testing::TempDir() + "cas.XXXXXX";
  ASSERT_NE(mkdtemp(directory.data()), nullptr);
  const std::string file = directory + "/corp.pem";
  // As a mounted ConfigMap, with something in front that is no certificate.
  std::ofstream(file) << "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
                      << ca_.pem();
  client_.ca_pem.clear();
  EXPECT_FALSE(Shake("collector.test").client.connected);
  setenv("SSL_CERT_DIR", ("/nowhere:" + directory).c_str(), 1);
  EXPECT_TRUE(Shake("collector.test").client.connected);
  unsetenv("SSL_CERT_DIR");
  setenv("SSL_CERT_FILE", file.c_str(), 1);
  EXPECT_TRUE(Shake("collector.test").client.connected);
  unsetenv("SSL_CERT_FILE");
  EXPECT_FALSE(Shake("collector.test").client.connected);
  unlink(file.c_str());
  rmdir(directory.c_str());
}

}  // namespace
}  // namespace gapless::net
