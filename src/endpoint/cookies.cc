#include "endpoint/cookies.h"

#include "otlp/status_map.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <utility>

namespace gapless::endpoint {
namespace {

std::string Lower(std::string_view text) {
  std::string out(text);
  net::AsciiLower(out);
  return out;
}

// The next piece of `text` up to `mark`, without blanks; takes it off.
std::string_view Next(std::string_view& text, char mark) {
  const size_t end = std::min(text.find(mark), text.size());
  const std::string_view piece = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return net::TrimBlanks(piece);
}

// RFC 6265 section 5.1.4: the path of a cookie that names none.
std::string DefaultPath(std::string_view path) {
  path = path.substr(0, path.find('?'));
  const size_t slash = path.rfind('/');
  return slash == 0 || slash == std::string_view::npos ? "/" : std::string(path.substr(0, slash));
}

bool PathMatches(std::string_view cookie, std::string_view path) {
  path = path.substr(0, path.find('?'));
  return path.starts_with(cookie) &&
         (path.size() == cookie.size() || cookie.ends_with('/') || path[cookie.size()] == '/');
}

}  // namespace

CookieJar::CookieJar(std::string_view host, bool https) : host_(Lower(host)), https_(https) {}

void CookieJar::Take(const net::HttpHeaders& answer, std::string_view path, WallTime now) {
  std::erase_if(cookies_,
                [now](const Cookie& cookie) { return cookie.expires && *cookie.expires <= now; });
  for (const net::HttpHeader& header : answer) {
    if (header.name == "set-cookie" && header.value.size() <= kMaxCookieBytes) {
      TakeOne(header.value, path, now);
    }
  }
}

void CookieJar::TakeOne(std::string_view field, std::string_view path, WallTime now) {
  std::string_view value = Next(field, ';');
  if (!value.contains('=')) {
    return;
  }
  Cookie cookie;
  cookie.name = Next(value, '=');
  cookie.value = net::TrimBlanks(value);
  cookie.path = DefaultPath(path);
  if (!net::IsHeaderName(cookie.name)) {
    return;
  }
  while (!field.empty()) {
    if (!TakeAttribute(Next(field, ';'), now, cookie)) {
      return;
    }
  }
  std::erase_if(cookies_, [&](const Cookie& other) {
    return other.name == cookie.name && other.path == cookie.path;
  });
  if (cookie.expires && *cookie.expires <= now) {
    return;
  }
  if (cookies_.size() >= kMaxCookies) {
    cookies_.erase(cookies_.begin());
  }
  cookies_.push_back(std::move(cookie));
}

bool CookieJar::TakeAttribute(std::string_view attribute, WallTime now, Cookie& cookie) const {
  const std::string name = Lower(Next(attribute, '='));
  const std::string_view value = net::TrimBlanks(attribute);
  if (name == "secure") {
    return https_;
  }
  if (name == "path" && value.starts_with('/')) {
    cookie.path = value;
  } else if (name == "domain") {
    std::string domain = Lower(value);
    domain.erase(0, domain.starts_with('.') ? 1 : 0);
    return domain.empty() || host_ == domain || host_.ends_with("." + domain);
  } else if (name == "max-age") {
    int64_t seconds = 0;
    const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), seconds);
    if (error == std::errc() && end == value.data() + value.size()) {
      constexpr int64_t kLongest = 400 * 24 * 3600;  // seconds; RFC 6265bis section 5.5
      cookie.expires = now + std::chrono::seconds(std::min(seconds, kLongest));
    }
  } else if (name == "expires" && !cookie.expires) {
    // A date, read as that of Retry-After is.
    if (const auto left = otlp::ParseRetryAfter(value, now)) {
      cookie.expires = now + *left;
    }
  }
  return true;
}

std::string CookieJar::For(std::string_view path) const {
  std::string text;
  for (const Cookie& cookie : cookies_) {
    if (PathMatches(cookie.path, path)) {
      text += (text.empty() ? "" : "; ") + cookie.name + "=" + cookie.value;
    }
  }
  return text;
}

}  // namespace gapless::endpoint
