#include "cli/config/probe_verdict.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace gapless::cli {
namespace {

using sending::AttemptResult;
using Kind = ProbeVerdict::Kind;

const AttemptResult kTaken;

AttemptResult Http(int status, std::string words) {
  const Code code = status == 401   ? Code::kUnauthenticated
                    : status == 404 ? Code::kUnimplemented
                    : status == 400 ? Code::kInvalidArgument
                                    : Code::kUnknown;
  return sending::ClassifyHttp(status, Status(code, std::move(words)).FromPeer());
}

AttemptResult Grpc(Code code, std::string words) {
  return sending::ClassifyGrpc(Status(code, std::move(words)).FromPeer());
}

AttemptResult Silent() { return sending::LocalFailure(Unavailable("connection refused")); }

struct Case {
  std::string_view situation;
  std::string_view form;  // encoding codec
  ProbeAnswers answers;
  Kind kind;
  std::string_view proofs;  // reachable, authenticated, encoding, codec: y n ?
  std::string_view says;
};

std::string Proofs(const ProbeVerdict& verdict) {
  std::string text;
  for (const Proof proof :
       {verdict.reachable, verdict.authenticated, verdict.encoding, verdict.codec}) {
    text += proof == Proof::kYes ? 'y' : proof == Proof::kNo ? 'n' : '?';
  }
  return text;
}

const AttemptResult kEmpty = Http(400, "nothing in it");
const Case kCases[] = {
    {"all is well", "proto gzip", {kTaken, kTaken, {}}, Kind::kOk, "yyyy", ""},
    {"no codec is configured", "proto none", {kTaken, {}, {}}, Kind::kOk, "yyy?", ""},
    {"nobody is there",
     "proto gzip",
     {Silent(), {}, {}},
     Kind::kFailed,
     "n???",
     "connection refused"},
    {"400 to what is empty",
     "proto gzip",
     {kEmpty, kEmpty, kEmpty},
     Kind::kAlive,
     "y???",
     "alive, says: INVALID_ARGUMENT: nothing in it"},
    {"gzip only",
     "proto zstd",
     {kTaken, Http(400, "unsupported compression: zstd"), {}},
     Kind::kFailed,
     "yyyn",
     "refuses zstd, takes it uncompressed: INVALID_ARGUMENT: unsupported compression: zstd"},
    {"gzip only, and 400 to what is empty",
     "proto zstd",
     {kEmpty, Http(400, "unsupported compression: zstd"), kEmpty},
     Kind::kFailed,
     "y??n",
     "refuses zstd: INVALID_ARGUMENT: unsupported compression: zstd"},
    {"415 for the codec",
     "proto lz4",
     {kTaken, Http(415, "lz4?"), {}},
     Kind::kFailed,
     "yyyn",
     "refuses lz4"},
    {"a codec that a gRPC server lacks",
     "proto snappy",
     {kTaken, Grpc(Code::kUnimplemented, "no decompressor for snappy"), {}},
     Kind::kFailed,
     "yyyn",
     "refuses snappy, takes it uncompressed"},
    {"the codec makes it acceptable",
     "proto gzip",
     {kEmpty, kTaken, kEmpty},
     Kind::kOk,
     "yyyy",
     ""},
    {"protobuf only",
     "json none",
     {Http(400, "no JSON here"), {}, kTaken},
     Kind::kFailed,
     "yyn?",
     "takes proto, not json: INVALID_ARGUMENT: no JSON here"},
    {"JSON only",
     "proto gzip",
     {Http(415, "media type"), {}, kTaken},
     Kind::kFailed,
     "yyn?",
     "takes json, not proto"},
    {"415 whatever is sent",
     "proto none",
     {Http(415, "media type"), {}, Http(415, "m")},
     Kind::kFailed,
     "y?n?",
     "does not take proto"},
    {"no credentials",
     "proto gzip",
     {Http(401, "no org id"), {}, {}},
     Kind::kFailed,
     "yn??",
     "no org id"},
    {"no permission over gRPC",
     "proto gzip",
     {Grpc(Code::kPermissionDenied, "no"), {}, {}},
     Kind::kFailed,
     "yn??",
     "no"},
    {"a header is missing",
     "proto gzip",
     {Http(422, "Field required: header x-tenant"), {}, {}},
     Kind::kFailed,
     "yn??",
     "header x-tenant"},
    {"a wrong path",
     "proto gzip",
     {Http(404, "page not found"), {}, Http(404, "page")},
     Kind::kFailed,
     "y???",
     "page not found"},
    {"a wrong path that is answered 400",
     "proto gzip",
     {Http(400, "unsupported path requested: \"/v1/x\""), {}, kEmpty},
     Kind::kFailed,
     "y???",
     "unsupported path"},
    {"a method that is not allowed",
     "proto gzip",
     {Http(405, "POST"), {}, Http(405, "POST")},
     Kind::kFailed,
     "y???",
     "POST"},
    {"a gRPC service that is not there",
     "proto gzip",
     {Grpc(Code::kUnimplemented, "unknown service"), {}, {}},
     Kind::kFailed,
     "y???",
     "unknown service"},
    {"ill",
     "proto gzip",
     {Http(503, "starting"), {}, Http(503, "starting")},
     Kind::kFailed,
     "y???",
     "starting"},
    {"throttled",
     "proto gzip",
     {Http(429, "slow down"), {}, {}},
     Kind::kAlive,
     "y???",
     "alive, says: UNKNOWN: slow down"},
    {"throttled at the second question",
     "proto gzip",
     {kTaken, Http(429, "slow down"), {}},
     Kind::kAlive,
     "yyy?",
     "alive, says: UNKNOWN: slow down"},
    {"gone at the second question",
     "proto gzip",
     {kTaken, Silent(), {}},
     Kind::kAlive,
     "yyy?",
     "connection refused"},
};

TEST(ProbeVerdictTest, SaysWhatTheAnswersProveAndNoMore) {
  for (const Case& c : kCases) {
    SCOPED_TRACE(c.situation);
    const size_t space = c.form.find(' ');
    const ProbeVerdict verdict = JudgeProbe({.encoding = std::string(c.form.substr(0, space)),
                                             .codec = std::string(c.form.substr(space + 1))},
                                            c.answers);
    EXPECT_EQ(verdict.kind, c.kind);
    EXPECT_EQ(Proofs(verdict), c.proofs);
    EXPECT_THAT(verdict.says, ::testing::HasSubstr(std::string(c.says)));
  }
}

TEST(ProbeVerdictTest, AsksOnlyWhatCanTellMore) {
  EXPECT_TRUE(WorthConfigured(kTaken));
  EXPECT_FALSE(WorthOther(kTaken));
  EXPECT_TRUE(WorthConfigured(Http(400, "empty")));
  EXPECT_TRUE(WorthOther(Http(400, "empty")));
  for (const AttemptResult& result : {Silent(), Http(401, "no"), Http(429, "slow")}) {
    EXPECT_FALSE(WorthConfigured(result)) << result.status.ToString();
    EXPECT_FALSE(WorthOther(result)) << result.status.ToString();
  }
}

}  // namespace
}  // namespace gapless::cli
