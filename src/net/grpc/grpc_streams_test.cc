#include "net/grpc/grpc_frame.h"
#include "net/grpc/grpc_health.h"
#include "net/grpc/grpc_reflection.h"
#include "net/http2/test_http2_client.h"
#include "net/server/http_server.h"
#include "net/server/test_server.h"
#include "wire/compression.h"
#include "wire/proto.h"

#include <gtest/gtest.h>

namespace gapless::net {
namespace {

using std::chrono::seconds;

const std::vector<std::pair<std::string, std::string>> kGrpc = {
    {"content-type", "application/grpc"}};

std::string Framed(std::string_view message) {
  return FrameGrpcMessage(Rope::CopyOf(message), false).ToString();
}
// A message with one field of text.
std::string Text(uint32_t number, std::string_view text) {
  std::string out;
  wire::Writer(&out).Bytes(number, text);
  return out;
}
// HealthCheckResponse.
std::string Status(int status) { return {'\x08', static_cast<char>(status)}; }

class GrpcStreamsTest : public testing::Test {
 protected:
  TestHttp2Client& Serve(bool serving = true) {
    auto grpc = std::make_shared<GrpcServer>(GrpcServerOptions{.encodings = {"gzip"}});
    AddGrpcHealth(*grpc, {"a.B"}, serving);
    std::string file = Text(1, "x.proto") + Text(2, "a");
    file += Text(4, Text(1, "M") + Text(2, Text(1, "field")) + Text(3, Text(1, "Inner")));
    file += Text(5, Text(1, "E") + Text(2, Text(1, "V"))) +
            Text(6, Text(1, "B") + Text(2, Text(1, "Do")));
    file_ = file;
    AddGrpcReflection(*grpc, std::make_shared<const ReflectionIndex>(
                                 ReflectionIndex::Create({file}, {"a.B", "x.Y"}).value()));
    HttpServerOptions options;
    options.http1 = false;
    server_.emplace(worker_, options, grpc);
    client_.emplace(worker_, ConnectPlain(worker_, server_->listener->address(), {}));
    return *client_;
  }
  TestHttp2Client::Response& Body(int32_t id, const std::string& body) {
    EXPECT_TRUE(client_->Until([&] {
      return client_->responses[id].body.size() >= body.size() || client_->responses[id].ended;
    }));
    EXPECT_EQ(client_->responses[id].body, body);
    return client_->responses[id];
  }

  Worker worker_;
  std::string file_;
  std::optional<TestServer> server_;
  std::optional<TestHttp2Client> client_;
};

TEST_F(GrpcStreamsTest, CheckTellsOfTheServerAndOfServices) {
  TestHttp2Client& client = Serve();
  const auto check = [&](const std::string& message) {
    return client.Await(client.Post("/grpc.health.v1.Health/Check", Framed(message), kGrpc));
  };
  EXPECT_EQ(check("").body, Framed(Status(1)));
  EXPECT_EQ(check(Text(1, "a.B")).body, Framed(Status(1)));
  EXPECT_EQ(check(Text(1, "a.C")).headers["grpc-status"], "5");
  EXPECT_EQ(check("\xff").headers["grpc-status"], "13");
  auto fields = kGrpc;
  fields.emplace_back("grpc-encoding", "gzip");
  const auto zipped = wire::Compress(wire::Codec::kGzip, 6, Rope::CopyOf(Text(1, "a.B")));
  const std::string body = FrameGrpcMessage(*zipped, true).ToString();
  EXPECT_EQ(client.Await(client.Post("/grpc.health.v1.Health/Check", body, fields)).body,
            Framed(Status(1)));
}

TEST_F(GrpcStreamsTest, WhoWatchesHearsOfTheEndAndDoesNotHoldItUp) {
  TestHttp2Client& client = Serve();
  const int32_t known = client.Post("/grpc.health.v1.Health/Watch", Framed(""), kGrpc);
  const int32_t unknown =
      client.Post("/grpc.health.v1.Health/Watch", Framed(Text(1, "a.C")), kGrpc);
  EXPECT_FALSE(Body(known, Framed(Status(1))).ended);
  EXPECT_FALSE(Body(unknown, Framed(Status(3))).ended) << "it may come one day";
  bool drained = false;
  server_->listener->SetAcceptor(nullptr);
  server_->server->Drain(worker_.Now() + seconds(60), [&] { drained = true; });
  EXPECT_EQ(client.Await(known).body, Framed(Status(1)) + Framed(Status(2)));
  EXPECT_EQ(client.responses[known].headers["grpc-status"], "14");
  EXPECT_TRUE(worker_.RunUntil([&] { return drained; }, seconds(10)));
}

TEST_F(GrpcStreamsTest, AServerThatDoesNotServeSaysSo) {
  TestHttp2Client& client = Serve(false);
  EXPECT_EQ(client.Await(client.Post("/grpc.health.v1.Health/Check", Framed(""), kGrpc)).body,
            Framed(Status(2)));
  auto& watched = client.Await(client.Post("/grpc.health.v1.Health/Watch", Framed(""), kGrpc));
  EXPECT_EQ(watched.headers["grpc-status"], "14");
}

TEST_F(GrpcStreamsTest, AWatchThatIsResetIsForgotten) {
  TestHttp2Client& client = Serve();
  const int32_t id = client.Post("/grpc.health.v1.Health/Watch", Framed(""), kGrpc, true);
  Body(id, Framed(Status(1)));
  client.Reset(id);
  const int32_t next = client.Post("/grpc.health.v1.Health/Check", Framed(""), kGrpc);
  EXPECT_EQ(client.Await(next).body, Framed(Status(1)));
}

TEST_F(GrpcStreamsTest, ReflectionAnswersEveryQuestionOfAConversation) {
  TestHttp2Client& client = Serve();
  for (const std::string version : {"v1", "v1alpha"}) {
    const std::string list = Text(7, "");
    const std::string symbol = Text(4, "a.M.Inner");
    const std::string questions = Framed(list) + Framed(symbol);
    const std::string path = "/grpc.reflection." + version + ".ServerReflection/";
    auto& answer = client.Await(client.Post(path + "ServerReflectionInfo", questions, kGrpc));
    EXPECT_EQ(answer.headers["grpc-status"], "0");
    EXPECT_EQ(answer.body,
              Framed(Text(2, list) + Text(6, Text(1, Text(1, "a.B")) + Text(1, Text(1, "x.Y")))) +
                  Framed(Text(2, symbol) + Text(4, Text(1, file_))));
  }
}

TEST_F(GrpcStreamsTest, AnswersComeWhileTheClientMayAskOn) {
  TestHttp2Client& client = Serve();
  const int32_t id = client.Post("/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
                                 Framed(Text(3, "x.proto")), kGrpc, true);
  EXPECT_FALSE(Body(id, Framed(Text(2, Text(3, "x.proto")) + Text(4, Text(1, file_)))).ended);
}

TEST(ReflectionIndexTest, KnowsEveryNameOfAFile) {
  const std::string file =
      Text(1, "x.proto") + Text(2, "a") +
      Text(4, Text(1, "M") + Text(2, Text(1, "field")) + Text(4, Text(1, "Color"))) +
      Text(6, Text(1, "B") + Text(2, Text(1, "Do")));
  const auto index = ReflectionIndex::Create({file}, {}).value();
  for (const std::string_view name : {"a.M", "a.M.field", "a.M.Color", "a.B", "a.B.Do"}) {
    EXPECT_EQ(index.Answer(AsBytes(Text(4, name))).value(),
              Text(2, Text(4, name)) + Text(4, Text(1, file)))
        << name;
  }
  const std::string unknown = index.Answer(AsBytes(Text(4, "a.X"))).value();
  EXPECT_EQ(unknown, Text(2, Text(4, "a.X")) + Text(7, "\x08\x05" + Text(2, "not found: a.X")));
  EXPECT_FALSE(index.Answer(AsBytes(std::string_view(""))).ok());
  EXPECT_FALSE(index.Answer(AsBytes(std::string_view("\xff"))).ok());
  EXPECT_FALSE(ReflectionIndex::Create({"\xff"}, {}).ok());
}

TEST_F(GrpcStreamsTest, MessagesThatAreTooLargeOrCutEndTheCall) {
  TestHttp2Client& client = Serve();
  const std::string path = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo";
  const std::string large("\0\0\x10\0\0", 5);
  EXPECT_EQ(client.Await(client.Post(path, large, kGrpc, true)).headers["grpc-status"], "8");
  EXPECT_EQ(client.Await(client.Post(path, large.substr(0, 3), kGrpc)).headers["grpc-status"],
            "13");
}

TEST_F(GrpcStreamsTest, AClientThatAsksAndNeverReadsIsLeft) {
  TestHttp2Client& client = Serve();
  client.hold_window = true;
  std::string questions;
  for (int i = 0; i < 20'000; ++i) {
    questions += Framed(Text(3, "x.proto"));
  }
  const int32_t id = client.Post("/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
                                 questions, kGrpc, true);
  EXPECT_TRUE(client.Until([&] { return client.responses[id].reset.has_value(); }));
  EXPECT_EQ(client.responses[id].reset, NGHTTP2_ENHANCE_YOUR_CALM);
}

}  // namespace
}  // namespace gapless::net
