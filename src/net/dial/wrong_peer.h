// WrongPeer: what it means when the first bytes of a peer are not of the protocol that it was
// dialled for, in a sentence for whoever wrote the address. Pure.
#pragma once

#include <string>
#include <string_view>

namespace gapless::net {

// What to do about a peer that speaks ..., in words of the configuration. Each may be empty.
struct WrongPeerHints {
  std::string http1;
  std::string http2;
  std::string tls;    // where none was expected
  std::string plain;  // where TLS was expected
  std::string mute;   // it ends the connection without a word, as some of the others do
};

// `begin`: the first bytes that came. `http2`: the protocol that was expected, else HTTP/1.1.
// Empty: nothing is wrong with them, or nobody knows what it is.
std::string WrongPeer(std::string_view begin, bool http2, const WrongPeerHints& hints);
// "text: hint", or the text alone.
std::string WithHint(std::string_view text, std::string_view hint);

}  // namespace gapless::net
