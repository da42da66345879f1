// HTTP/2 client session (RFC 9113) over nghttp2.
//
// Request bodies leave as slices of their ropes (no copy). A stream that GOAWAY or REFUSED_STREAM
// leaves unprocessed ends with Fate::kUnprocessed. A response that passes the limits ends its
// stream with RESOURCE_EXHAUSTED and touches no other. Windows: 1 MiB per stream, 8 MiB per
// connection.
#pragma once

#include "net/http/client_session.h"

#include <memory>

namespace gapless::net {

std::unique_ptr<ClientSession> NewHttp2ClientSession(const ClientLimits& limits,
                                                     ClientSession::Owner* owner);

}  // namespace gapless::net
