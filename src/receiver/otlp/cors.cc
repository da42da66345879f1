#include "receiver/otlp/cors.h"

#include <algorithm>
#include <array>
#include <string>

namespace gapless::otlp_receiver {
namespace {

// Allowed without being listed, as upstream.
constexpr std::array<std::string_view, 4> kUsualHeaders = {"accept", "content-type",
                                                           "x-requested-with", "content-encoding"};

std::string Lower(std::string_view text) {
  std::string lower(text);
  net::AsciiLower(lower);
  return lower;
}

bool Matches(std::string_view pattern, std::string_view text) {
  // Greedy matching with one point to return to: linear in practice, quadratic at worst.
  size_t p = 0;
  size_t t = 0;
  size_t star = std::string_view::npos;
  size_t resume = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      resume = t;
    } else if (p < pattern.size() && pattern[p] == text[t]) {
      ++p;
      ++t;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      t = ++resume;
    } else {
      return false;
    }
  }
  return pattern.find_first_not_of('*', p) == std::string_view::npos;
}

bool HeaderAllowed(const endpoint::CorsConfig& cors, const std::string& name) {
  return std::ranges::find(kUsualHeaders, name) != kUsualHeaders.end() ||
         std::ranges::any_of(cors.allowed_headers, [&](const std::string& allowed) {
           return allowed == "*" || Lower(allowed) == name;
         });
}

bool AllHeadersAllowed(const endpoint::CorsConfig& cors, std::string_view list) {
  while (!list.empty()) {
    const size_t comma = std::min(list.find(','), list.size());
    std::string name = Lower(list.substr(0, comma));
    std::erase(name, ' ');
    if (!name.empty() && !HeaderAllowed(cors, name)) {
      return false;
    }
    list.remove_prefix(std::min(comma + 1, list.size()));
  }
  return true;
}

std::string Join(const std::vector<std::string>& names) {
  std::string joined;
  for (const std::string& name : names) {
    joined += (joined.empty() ? "" : ", ") + name;
  }
  return joined;
}

}  // namespace

bool OriginAllowed(const endpoint::CorsConfig& cors, std::string_view origin) {
  const std::string lower = Lower(origin);
  return std::ranges::any_of(cors.allowed_origins, [&](const std::string& pattern) {
    return Matches(Lower(pattern), lower);
  });
}

std::optional<net::HttpResponse> AnswerPreflight(const endpoint::CorsConfig& cors,
                                                 const net::HttpRequest& request) {
  const auto method = request.headers.Find("access-control-request-method");
  if (request.method != "OPTIONS" || !method) {
    return std::nullopt;
  }
  net::HttpResponse response;
  response.status = 204;
  response.headers.Add("vary",
                       "Origin, Access-Control-Request-Method, Access-Control-Request-Headers");
  const std::string_view origin = request.headers.Find("origin").value_or("");
  const std::string wanted = request.headers.Joined("access-control-request-headers");
  if (!OriginAllowed(cors, origin) || *method != "POST" || !AllHeadersAllowed(cors, wanted)) {
    return response;  // without permission; the browser then refuses
  }
  response.headers.Add("access-control-allow-origin", std::string(origin));
  response.headers.Add("access-control-allow-methods", "POST");
  response.headers.Add("access-control-allow-credentials", "true");
  if (!wanted.empty()) {
    response.headers.Add("access-control-allow-headers", wanted);
  }
  if (cors.max_age > 0) {
    response.headers.Add("access-control-max-age", std::to_string(cors.max_age));
  }
  return response;
}

void AddCorsHeaders(const endpoint::CorsConfig& cors, std::string_view origin,
                    net::HttpResponse& response) {
  response.headers.Add("vary", "Origin");
  if (origin.empty() || !OriginAllowed(cors, origin)) {
    return;
  }
  response.headers.Add("access-control-allow-origin", std::string(origin));
  response.headers.Add("access-control-allow-credentials", "true");
  if (!cors.exposed_headers.empty()) {
    response.headers.Add("access-control-expose-headers", Join(cors.exposed_headers));
  }
}

}  // namespace gapless::otlp_receiver
