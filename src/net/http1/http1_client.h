// HTTP/1.1 client session (RFC 9112): one request at a time on a keep-alive connection.
//
// Bodies are sent with Content-Length. Cancelling a request in flight breaks the connection (there
// is no other way to take it back), so the session is finished afterwards.
#pragma once

#include "net/http/client_session.h"

#include <memory>

namespace gapless::net {

std::unique_ptr<ClientSession> NewHttp1ClientSession(const ClientLimits& limits,
                                                     ClientSession::Owner* owner);

}  // namespace gapless::net
