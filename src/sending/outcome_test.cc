// The whole table of docs/failover.md, "Outcome classes".
#include "sending/outcome.h"

#include <array>
#include <chrono>
#include <set>

#include <gtest/gtest.h>

namespace gapless::sending {
namespace {

using enum OutcomeClass;

struct GrpcRow {
  Code code;
  OutcomeClass plain;
  OutcomeClass with_delay;
  OutcomeClass about_size;
};

constexpr std::array kGrpc = {
    GrpcRow{Code::kCancelled, kTransport, kTransport, kTransport},
    GrpcRow{Code::kUnknown, kFaulty, kFaulty, kFaulty},
    GrpcRow{Code::kInvalidArgument, kRejected, kRejected, kRejected},
    GrpcRow{Code::kDeadlineExceeded, kTransport, kTransport, kTransport},
    GrpcRow{Code::kNotFound, kDenied, kDenied, kDenied},
    GrpcRow{Code::kAlreadyExists, kFaulty, kFaulty, kFaulty},
    GrpcRow{Code::kPermissionDenied, kDenied, kDenied, kDenied},
    GrpcRow{Code::kResourceExhausted, kFaulty, kThrottled, kRejected},
    GrpcRow{Code::kFailedPrecondition, kRejected, kRejected, kRejected},
    GrpcRow{Code::kAborted, kTransport, kTransport, kTransport},
    GrpcRow{Code::kOutOfRange, kRejected, kRejected, kRejected},
    GrpcRow{Code::kUnimplemented, kDenied, kDenied, kDenied},
    GrpcRow{Code::kInternal, kFaulty, kFaulty, kFaulty},
    GrpcRow{Code::kUnavailable, kTransport, kThrottled, kTransport},
    GrpcRow{Code::kDataLoss, kTransport, kTransport, kTransport},
    GrpcRow{Code::kUnauthenticated, kDenied, kDenied, kDenied},
};

// As grpc-go, grpc-java, grpc-core, tonic and grpc-dotnet say it.
constexpr std::array<std::string_view, 6> kSizeWords = {
    "grpc: received message larger than max (5000000 vs. 4194304)",
    "gRPC message exceeds maximum size 4194304: 5000000",
    "Received message larger than max (5000000 vs. 4194304)",
    "message too large, limit is max_recv_msg_size",
    "Error, decoded message length too large: found 5000000 bytes, the limit is: 4194304 bytes",
    "Received message exceeds the maximum configured message size.",
};

TEST(OutcomeTest, EveryGrpcCodeHasItsClass) {
  ASSERT_EQ(kGrpc.size(), 16U);
  for (const GrpcRow& row : kGrpc) {
    SCOPED_TRACE(CodeName(row.code));
    const Status plain = Status(row.code, "no").FromPeer();
    EXPECT_EQ(ClassifyGrpc(plain).outcome, row.plain);
    EXPECT_FALSE(ClassifyGrpc(plain).too_large);
    EXPECT_EQ(ClassifyGrpc(plain).status.code(), row.code);
    const Status delayed = plain.WithRetryAfter(std::chrono::seconds(1));
    EXPECT_EQ(ClassifyGrpc(delayed).outcome, row.with_delay);
    for (const std::string_view words : kSizeWords) {
      const AttemptResult result = ClassifyGrpc(Status(row.code, std::string(words)).FromPeer());
      EXPECT_EQ(result.outcome, row.about_size) << words;
      EXPECT_EQ(result.too_large,
                row.code == Code::kResourceExhausted || row.code == Code::kOutOfRange)
          << words;
    }
  }
  EXPECT_EQ(ClassifyGrpc(OkStatus()).outcome, kOk);
}

TEST(OutcomeTest, ADelayMakesASizeErrorAThrottle) {
  const AttemptResult result =
      ClassifyGrpc(Status(Code::kResourceExhausted, std::string(kSizeWords[0]))
                       .FromPeer()
                       .WithRetryAfter(std::chrono::seconds(1)));
  EXPECT_EQ(result.outcome, kThrottled);
  EXPECT_FALSE(result.too_large);
}

OutcomeClass HttpClass(int status, bool has_delay) {
  switch (status) {
    case 400:
    case 413:
    case 422:
      return kRejected;
    case 429:
      return kThrottled;
    case 502:
    case 504:
      return kTransport;
    case 503:
      return has_delay ? kThrottled : kTransport;
    case 408:
      return kFaulty;
    default:
      // 401, 403 and 404, and every other 4xx and redirect: a wrong address or a wrong key.
      return status < 500 ? kDenied : kFaulty;
  }
}

TEST(OutcomeTest, EveryHttpStatusHasItsClass) {
  for (int status = 300; status < 600; ++status) {
    for (const bool has_delay : {false, true}) {
      Status answer = Status(Code::kUnknown, "no").FromPeer();
      if (has_delay) {
        answer = answer.WithRetryAfter(std::chrono::seconds(1));
      }
      const AttemptResult result = ClassifyHttp(status, answer);
      EXPECT_EQ(result.outcome, HttpClass(status, has_delay)) << status << " " << has_delay;
      EXPECT_EQ(result.too_large, status == 413) << status;
    }
  }
}

TEST(OutcomeTest, A400ThatSpeaksOfTheBodysSizeIsToBeCut) {
  for (const char* words : {"http: request body too large", "413 Request Entity Too Large"}) {
    const AttemptResult result = ClassifyHttp(400, InvalidArgument(words).FromPeer());
    EXPECT_EQ(result.outcome, kRejected);
    EXPECT_TRUE(result.too_large) << words;
  }
  EXPECT_FALSE(ClassifyHttp(400, InvalidArgument("out of order sample")).too_large);
  EXPECT_FALSE(ClassifyHttp(500, Internal("request body too large")).too_large);
}

TEST(OutcomeTest, AProxysAnswerAboutSizeInFrontOfGrpcIsToBeCut) {
  for (int status = 300; status < 600; ++status) {
    const AttemptResult result =
        ClassifyHttpOfGrpc(status, Status(Code::kUnknown, "no").FromPeer());
    const bool size = status == 413 || status == 431;
    EXPECT_EQ(result.too_large, size) << status;
    EXPECT_EQ(result.outcome, size ? kRejected : kFaulty) << status;
  }
  const AttemptResult unavailable =
      ClassifyHttpOfGrpc(502, Status(Code::kUnavailable, "no").FromPeer());
  EXPECT_EQ(unavailable.outcome, kTransport);
}

TEST(OutcomeTest, WhatFailsBeforeAPeerAnswersIsTransport) {
  const AttemptResult result = LocalFailure(Unavailable("connection refused"));
  EXPECT_EQ(result.outcome, kTransport);
  EXPECT_EQ(result.status.origin(), Origin::kLocal);
}

TEST(OutcomeTest, NamesAreDistinct) {
  std::set<std::string_view> names;
  for (const OutcomeClass outcome : {kOk, kTransport, kFaulty, kThrottled, kDenied, kRejected}) {
    names.insert(ToString(outcome));
  }
  EXPECT_EQ(names.size(), 6U);
}

}  // namespace
}  // namespace gapless::sending
