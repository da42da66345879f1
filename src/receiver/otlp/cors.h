// CORS (Fetch standard, "CORS protocol"): which browsers' pages may send. Pure.
#pragma once

#include "endpoint/server.h"
#include "net/http/http.h"

#include <optional>
#include <string_view>

namespace gapless::otlp_receiver {

// Whether `origin` is allowed; `*` in a pattern stands for any run of characters. Letter case does
// not matter.
bool OriginAllowed(const endpoint::CorsConfig& cors, std::string_view origin);

// The answer to a preflight request; nullopt if it is none.
std::optional<net::HttpResponse> AnswerPreflight(const endpoint::CorsConfig& cors,
                                                 const net::HttpRequest& request);

// What browsers want to see on the response to a request from `origin`; empty: not from a browser.
void AddCorsHeaders(const endpoint::CorsConfig& cors, std::string_view origin,
                    net::HttpResponse& response);

}  // namespace gapless::otlp_receiver
