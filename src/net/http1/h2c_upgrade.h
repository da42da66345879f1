// What a request over HTTP/1.1 says that wants to go on with HTTP/2 (RFC 7540 section 3.2; RFC 9113
// has dropped it, clients such as curl and Java's still ask). Pure.
#pragma once

#include "net/http/http.h"

#include <optional>
#include <string>

namespace gapless::net {

// Takes the fields of the wish out of `headers`; the payload of the client's SETTINGS frame.
// nullopt and no change: there is none, or it is not in order and the request stays an ordinary
// one.
std::optional<std::string> TakeH2cUpgrade(HttpHeaders& headers);

}  // namespace gapless::net
