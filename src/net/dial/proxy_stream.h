// Streams through an HTTP proxy: CONNECT (RFC 9110 section 9.3.6), then whatever the target speaks.
#pragma once

#include "net/loop/stream.h"
#include "net/tls/tls.h"

#include <memory>
#include <string>

namespace gapless::net {

struct ProxyRoute {
  // The target as the proxy is asked for it: "host:port".
  std::string target;
  // Value of Proxy-Authorization; empty: none.
  std::string authorization;
};

// As ConnectPlain and ConnectTls, by way of the proxy at `proxy`. A refusal of the proxy is
// UNAVAILABLE with its status in OnClosed. `tls` (null: none) is spoken with the target, not with
// the proxy.
std::unique_ptr<Stream> ConnectViaProxy(Worker& worker, const SocketAddress& proxy,
                                        const ProxyRoute& route,
                                        std::shared_ptr<TlsClientContext> tls,
                                        const std::string& server_name,
                                        const StreamOptions& options);

}  // namespace gapless::net
