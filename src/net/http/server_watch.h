// ServerWatch: hears of what a server turns away, to count it and to say so.
#pragma once

#include "net/loop/address.h"

#include <cstdint>
#include <string_view>

namespace gapless::net {

// A request that was not handed to the handler, or given up.
enum class RefusedRequest : uint8_t {
  kHeaderTooLarge,
  kHeaderBudget,  // headers of open requests take what they may
  kBodyTooLarge,
  kBodyBudget,  // bodies take what they may
  kMemory,      // the process holds all that it may
  kTooSlow,     // the body did not come, or too slowly
  kBadRequest,
  kReset,  // by the client, before the answer
  kUnread  // the client does not let its answer be sent
};
inline constexpr size_t kRefusedRequests = 9;

// A connection that was ended, or never began.
enum class RefusedConnection : uint8_t {
  kFlood,      // of frames that carry nothing
  kProtocol,   // a violation of HTTP
  kUnread,     // the client does not read its answers
  kHandshake,  // TLS
  kWrongPort,  // another protocol
  kAccept      // the system has no descriptor, or no memory
};
inline constexpr size_t kRefusedConnections = 6;

// Called on any of a server's workers, on several at the same time, and often where there is an
// attack: must be quick.
class ServerWatch {
 public:
  virtual ~ServerWatch() = default;
  virtual void OnRefused(RefusedRequest reason, const SocketAddress& client) = 0;
  // `detail`: what happened, for a log; may be empty. The client of kAccept is not known.
  virtual void OnRefused(RefusedConnection reason, const SocketAddress& client,
                         std::string_view detail) = 0;
};

}  // namespace gapless::net
