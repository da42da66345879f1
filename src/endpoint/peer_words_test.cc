#include "endpoint/peer_words.h"

#include "otlp/service.h"
#include "wire/compression.h"

#include <gtest/gtest.h>

namespace gapless::endpoint {
namespace {

net::HttpResponse Answer(std::string_view type, std::string_view body) {
  net::HttpResponse response;
  response.status = 400;
  if (!type.empty()) {
    response.headers.Add("content-type", std::string(type));
  }
  response.body = Rope::CopyOf(body);
  return response;
}

std::string Words(std::string_view type, std::string_view body) {
  return PeerWords(Answer(type, body), {});
}

struct Heard {
  std::string_view from;
  std::string_view type;
  std::string_view body;
  std::string_view words;
};

// Bodies of error answers as servers wrote them.
constexpr Heard kHeard[] = {
    {"Prometheus, an older sample", "text/plain; charset=utf-8", "out of order sample\n",
     "out of order sample"},
    {"Prometheus, zstd", "text/plain; charset=utf-8",
     "unsupported compression: zstd. Only \"gzip\" or no compression supported\n",
     "unsupported compression: zstd. Only \"gzip\" or no compression supported"},
    {"VictoriaMetrics, a wrong path", "text/plain; charset=utf-8",
     "remoteAddr: \"127.0.0.1:40312\"; requestURI: /v1/metrics; unsupported path requested: "
     "\"/v1/metrics\"",
     "remoteAddr: \"127.0.0.1:40312\"; requestURI: /v1/metrics; unsupported path requested: "
     "\"/v1/metrics\""},
    {"VictoriaLogs, read-only", "text/plain; charset=utf-8",
     "cannot add rows into storage in read-only mode; the storage can be in read-only mode\n"
     "because of lack of free disk space",
     "cannot add rows into storage in read-only mode; the storage can be in read-only mode "
     "because of lack of free disk space"},
    {"Cortex, no tenant", "text/plain; charset=utf-8", "no org id\n", "no org id"},
    {"Cortex, a limit", "", "per-user series limit of 40 exceeded",
     "per-user series limit of 40 exceeded"},
    {"FastAPI", "application/json", R"({"detail":"Unprocessable content type"})",
     "Unprocessable content type"},
    {"FastAPI, validation", "application/json",
     R"({"detail":[{"loc":["header","x-id"],"msg":"Field required","type":"missing"}]})",
     "Field required: header x-id"},
    {"MLflow", "application/json", R"({"error_code":"BAD_REQUEST","message":"no experiment"})",
     "no experiment"},
    {"Spring", "application/json",
     R"({"timestamp":1,"status":400,"error":"Bad Request","message":"no body","path":"/v1"})",
     "no body"},
    {"Prometheus API", "application/json",
     R"({"status":"error","errorType":"bad_data","error":"bad query"})", "bad query"},
    {"Google", "application/json", R"({"error":{"code":403,"message":"no permission"}})",
     "no permission"},
    {"problem details", "application/problem+json",
     R"({"type":"about:blank","title":"Bad","detail":"the time lies ahead"})",
     "the time lies ahead"},
    {"OTLP in JSON", "application/json", R"({"code":3,"message":"bad span","details":[]})",
     "bad span"},
    {"JSON as text", "text/plain", R"({"error":"quota exceeded"})", "quota exceeded"},
    {"JSON of its own kind", "application/json", R"({"ok":false,"id":7})",
     R"({"ok":false,"id":7})"},
    {"JSON that breaks off", "application/json", R"({"message":"no)", R"({"message":"no)"},
    {"a JSON string", "application/json", R"("just text")", "just text"},
    {"nginx", "text/html",
     "<html>\r\n<head><title>413 Request Entity Too "
     "Large</title></head>\r\n<body>\r\n<center><h1>413"
     " Request Entity Too Large</h1></center>\r\n<hr><center>nginx/1.22.1</center>\r\n</body>",
     "413 Request Entity Too Large nginx/1.22.1"},
    {"HTML with a title only", "text/html", "<html><head><title>Log in</title></head></html>",
     "Log in"},
    {"HTML with scripts", "text/html",
     "<!DOCTYPE html><!-- a > b --><style>p{}</style><SCRIPT>if (a<b) x()</SCRIPT><p>a &lt; b "
     "&amp;c",
     "a < b &c"},
    {"Azure", "application/xml", "<?xml version=\"1.0\"?><Error><Message>denied</Message></Error>",
     "denied"},
    {"bytes", "application/octet-stream", "text?", ""},
    {"bytes without a type", "", std::string_view("\x01\x02\x00", 3), ""},
    {"nothing but space", "text/plain", " \r\n", ""},
    {"colours and bells", "text/plain",
     "a\x1b[31mb\x07\x07 c\x7f"
     "d",
     "a [31mb c d"},
    {"reversed text", "text/plain",
     "a\xe2\x80\xae"
     "b\xc2\x9b"
     "c",
     "a b c"},
    {"broken UTF-8", "text/plain",
     "a\xff"
     "b\xc3",
     "a?b?"},
};

TEST(PeerWordsTest, ErrorBodiesAreShownAsOneLine) {
  for (const Heard& heard : kHeard) {
    EXPECT_EQ(Words(heard.type, heard.body), heard.words) << heard.from;
  }
}

TEST(PeerWordsTest, AStatusMessageIsRead) {
  EXPECT_EQ(Words("application/x-protobuf", otlp::EncodeStatus(InvalidArgument("bad span"))),
            "bad span");
  EXPECT_EQ(Words("application/x-protobuf", "\xff\xff"), "");
}

TEST(PeerWordsTest, LongTextIsCutBetweenCharacters) {
  const std::string text(300, 'x');
  EXPECT_EQ(Words("text/plain", text), text.substr(0, 256) + "...");
  EXPECT_EQ(Words("text/plain", text.substr(0, 256)), text.substr(0, 256));
  EXPECT_EQ(OneLine("ab\xc3\xa4", 3), "ab...");
  EXPECT_EQ(OneLine("ab\xc3\xa4", 4), "ab\xc3\xa4");
  // A body far above what is looked at.
  const std::string huge(kMaxErrorBytes * 3, 'y');
  EXPECT_EQ(Words("text/plain", huge).size(), 259u);
}

TEST(PeerWordsTest, CompressedBodiesAreInflatedUpToALimit) {
  const std::pair<const char*, wire::Codec> codecs[] = {
      {"gzip", wire::Codec::kGzip}, {"deflate", wire::Codec::kZlib}, {"zstd", wire::Codec::kZstd}};
  for (const auto& [name, codec] : codecs) {
    net::HttpResponse response = Answer("text/plain", "");
    response.headers.Add("content-encoding", name);
    response.body = *wire::Compress(codec, wire::kDefaultLevel, Rope::CopyOf("no org id"));
    EXPECT_EQ(PeerWords(response, {}), "no org id") << name;
    response.body = *wire::Compress(codec, wire::kDefaultLevel,
                                    Rope::CopyOf(std::string(size_t{64} << 20, 'x')));
    EXPECT_EQ(PeerWords(response, {}), "") << name;
    response.body = Rope::CopyOf("not compressed");
    EXPECT_EQ(PeerWords(response, {}), "") << name;
  }
  net::HttpResponse brotli = Answer("text/plain", "xyz");
  brotli.headers.Add("content-encoding", "br");
  EXPECT_EQ(PeerWords(brotli, {}), "");
}

TEST(PeerWordsTest, SecretsAreTakenOutBeforeTheTextIsCut) {
  const net::HttpHeaders sent = {{"authorization", "Bearer s3cr3t-t0ken"},
                                 {"x-scope-orgid", "7"},
                                 {"content-type", "application/x-protobuf"}};
  EXPECT_EQ(PeerWords(Answer("text/plain", "unknown token s3cr3t-t0ken"), sent),
            "unknown token [REDACTED]");
  EXPECT_EQ(PeerWords(Answer("text/plain", "got \"Bearer s3cr3t-t0ken\", 7 tries"), sent),
            "got \"[REDACTED]\", 7 tries");
  EXPECT_EQ(PeerWords(Answer("text/plain", "no application/x-protobuf here"), sent),
            "no application/x-protobuf here");
  const std::string before(250, 'x');
  EXPECT_EQ(PeerWords(Answer("text/plain", before + "s3cr3t-t0ken"), sent), before + "[REDAC...");
}

TEST(PeerWordsTest, DeepAndWideJsonIsBounded) {
  std::string deep;
  for (int i = 0; i < 1000; ++i) {
    deep += R"({"error":)";
  }
  EXPECT_EQ(Words("application/json", deep).size(), 259u);
  EXPECT_EQ(Words("application/json", R"({"error":{"error":{"error":{"error":{"error":"x"}}}}})"),
            R"({"error":{"error":{"error":{"error":{"error":"x"}}}}})");
}

}  // namespace
}  // namespace gapless::endpoint
