// The words of a peer: what an answer says about an error, as one line that is safe to show.
// Pure; any thread. Input is hostile.
#pragma once

#include "net/http/http.h"

#include <cstddef>
#include <string>
#include <string_view>

namespace gapless::endpoint {

// Of a body, in bytes, where it is cut.
inline constexpr size_t kMaxBodyWords = 256;
// Of grpc-message and of a partial success, which programs write for programs.
inline constexpr size_t kMaxStatusWords = 1024;
// Of an error body so much is looked at, as upstream; compressed ones may inflate to as much.
inline constexpr size_t kMaxErrorBytes = size_t{64} * 1024;

// Without parameters, in lower case; empty: none.
std::string MediaType(const net::HttpResponse& response);

// One line of printable UTF-8: each run of white space and of control characters (C0, C1, those
// that change the direction of text) becomes one space, what is no UTF-8 one '?'. Text above
// `limit` bytes is cut between characters and ends in "...".
std::string OneLine(std::string_view text, size_t limit);

// Replaces in `text` the values of `sent`, the headers that were configured (names in lower case):
// some peers quote what they did not like. What describes the content stays. Short values (below
// kMinSecret) stay: they are hardly secrets, and words would be mistaken for them.
inline constexpr size_t kMinSecret = 6;
std::string WithoutSecrets(std::string text, const net::HttpHeaders& sent);

// What the body of an error answer says: plain text, HTML without tags, the member of a JSON object
// that tells what is wrong, the message of a google.rpc.Status. Empty: nothing that can be shown.
// At most kMaxBodyWords, without secrets.
std::string PeerWords(const net::HttpResponse& response, const net::HttpHeaders& sent);

}  // namespace gapless::endpoint
