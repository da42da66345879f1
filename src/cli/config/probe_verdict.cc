#include "cli/config/probe_verdict.h"

#include "net/http/http.h"

#include <algorithm>
#include <array>
#include <span>

#include <fmt/format.h>

namespace gapless::cli {
namespace {

using sending::AttemptResult;
using sending::OutcomeClass;
using Kind = ProbeVerdict::Kind;

bool IsOk(const AttemptResult& result) { return result.outcome == OutcomeClass::kOk; }

bool Answered(const AttemptResult& result) {
  return IsOk(result) || result.status.origin() == Origin::kPeer;
}

bool Says(const AttemptResult& result, std::span<const std::string_view> words) {
  std::string text = result.status.message();
  net::AsciiLower(text);
  return std::ranges::any_of(words, [&](std::string_view word) { return text.contains(word); });
}

// Also a 400 or 422 for a header that is missing: a key or a tenant.
bool LacksCredentials(const AttemptResult& result) {
  constexpr std::array<std::string_view, 3> kWords = {"header", "org id", "api key"};
  const Code code = result.status.code();
  return code == Code::kUnauthenticated || code == Code::kPermissionDenied ||
         result.http_status == 407 ||
         ((result.http_status == 400 || result.http_status == 422) && Says(result, kWords));
}

// 404 and its like, and backends that say it with a 400.
bool LacksPath(const AttemptResult& result) {
  constexpr std::array<std::string_view, 6> kWords = {"unsupported path", "unknown path",
                                                      "invalid path",     "no such path",
                                                      "path not found",   "no handler"};
  const int http = result.http_status;
  const Code code = result.status.code();
  return http == 404 || http == 405 || http == 410 || http == 501 || (http >= 300 && http < 400) ||
         code == Code::kUnimplemented || code == Code::kNotFound ||
         (http == 400 && Says(result, kWords));
}

// It does not like what is in the request, which is nothing.
bool DislikesContent(const AttemptResult& result) {
  return result.outcome == OutcomeClass::kRejected || result.http_status == 415 ||
         result.http_status == 406;
}

bool SpeaksOfCodec(const AttemptResult& result, const std::string& codec) {
  const std::array<std::string_view, 4> words = {"compress", "content-encoding", "grpc-encoding",
                                                 codec};
  return result.http_status == 415 || Says(result, words);
}

Proof CodecProof(const std::string& codec, const AttemptResult& plain,
                 const AttemptResult& configured) {
  if (IsOk(configured)) {
    return Proof::kYes;
  }
  if (!Answered(configured) || configured.outcome == OutcomeClass::kThrottled) {
    return Proof::kUnknown;
  }
  const bool contrast =
      IsOk(plain) || (SpeaksOfCodec(configured, codec) && !SpeaksOfCodec(plain, codec));
  return contrast ? Proof::kNo : Proof::kUnknown;
}

ProbeVerdict& Failed(ProbeVerdict& verdict, std::string says) {
  verdict.kind = Kind::kFailed;
  verdict.says = std::move(says);
  return verdict;
}

}  // namespace

bool WorthConfigured(const AttemptResult& plain) {
  return IsOk(plain) || (DislikesContent(plain) && !LacksPath(plain));
}

bool WorthOther(const AttemptResult& plain) {
  return !IsOk(plain) && Answered(plain) && !LacksCredentials(plain) &&
         plain.outcome != OutcomeClass::kThrottled;
}

ProbeVerdict JudgeProbe(const sending::Transport::Form& form, const ProbeAnswers& answers) {
  const AttemptResult& plain = answers.plain;
  const std::string words = plain.status.ToString();
  ProbeVerdict verdict;
  verdict.reachable = Answered(plain) ? Proof::kYes : Proof::kNo;
  if (verdict.reachable == Proof::kNo) {
    return Failed(verdict, words);
  }
  if (LacksCredentials(plain)) {
    verdict.authenticated = Proof::kNo;
    return Failed(verdict, words);
  }
  const bool other_ok = answers.other && IsOk(*answers.other);
  if (!IsOk(plain) && (other_ok || plain.http_status == 415)) {
    verdict.authenticated = other_ok ? Proof::kYes : Proof::kUnknown;
    verdict.encoding = Proof::kNo;
    const std::string_view other = form.encoding == "json" ? "proto" : "json";
    return Failed(verdict, other_ok
                               ? fmt::format("takes {}, not {}: {}", other, form.encoding, words)
                               : fmt::format("does not take {}: {}", form.encoding, words));
  }
  if (!IsOk(plain) && (LacksPath(plain) ||
                       (!DislikesContent(plain) && plain.outcome != OutcomeClass::kThrottled))) {
    return Failed(verdict, words);
  }
  verdict.kind = Kind::kAlive;
  verdict.says = "alive, says: " + words;
  if (IsOk(plain)) {
    verdict.authenticated = verdict.encoding = Proof::kYes;
    verdict.kind = Kind::kOk;
    verdict.says = plain.warning;
  }
  if (!answers.configured) {
    return verdict;
  }
  const AttemptResult& configured = *answers.configured;
  verdict.codec = CodecProof(form.codec, plain, configured);
  if (verdict.codec == Proof::kNo) {
    return Failed(verdict, fmt::format("refuses {}{}: {}", form.codec,
                                       IsOk(plain) ? ", takes it uncompressed" : "",
                                       configured.status.ToString()));
  }
  if (verdict.codec == Proof::kYes) {
    verdict.authenticated = verdict.encoding = Proof::kYes;
    verdict.kind = Kind::kOk;
    verdict.says = configured.warning;
  } else if (IsOk(plain)) {
    verdict.kind = Kind::kAlive;
    verdict.says = "alive, says: " + configured.status.ToString();
  }
  return verdict;
}

}  // namespace gapless::cli
