// HTTP requests and responses without a wire format: shared by HTTP/1.1, HTTP/2 and gRPC, servers
// and clients.
#pragma once

#include "base/bytes.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace gapless::net {

struct HttpHeader {
  std::string name;  // lower case
  std::string value;
  bool operator==(const HttpHeader&) const = default;
};

// Header fields in order of arrival; a name may occur more than once.
class HttpHeaders {
 public:
  HttpHeaders() = default;
  HttpHeaders(std::initializer_list<HttpHeader> headers) : headers_(headers) {}

  // `name` must be lower case. The first value, or nullopt.
  std::optional<std::string_view> Find(std::string_view name) const;
  // All values of `name` joined with ", "; empty if there is none.
  std::string Joined(std::string_view name) const;
  bool Has(std::string_view name) const { return Find(name).has_value(); }
  void Add(std::string name, std::string value) {
    headers_.push_back({std::move(name), std::move(value)});
  }
  // Replaces every value of `name`.
  void Set(std::string_view name, std::string value);
  void Remove(std::string_view name);

  bool empty() const { return headers_.empty(); }
  size_t size() const { return headers_.size(); }
  auto begin() const { return headers_.begin(); }
  auto end() const { return headers_.end(); }
  bool operator==(const HttpHeaders&) const = default;

 private:
  std::vector<HttpHeader> headers_;
};

struct HttpRequest {
  std::string method = "GET";
  std::string scheme;        // "http" or "https"; clients may leave it to the connection
  std::string authority;     // Host or :authority
  std::string target = "/";  // path and query as sent
  HttpHeaders headers;       // without Host, without pseudo headers
  Rope body;

  std::string_view path() const { return std::string_view(target).substr(0, target.find('?')); }
  std::string_view query() const {
    size_t at = target.find('?');
    return at == std::string::npos ? std::string_view() : std::string_view(target).substr(at + 1);
  }
};

struct HttpResponse {
  int status = 200;
  HttpHeaders headers;
  Rope body;
  // Sent after the body on HTTP/2 (and as chunked trailers never: HTTP/1.1 drops them).
  HttpHeaders trailers;
  // The body went on: it was above the limit, or broke off. What is here is its beginning.
  bool cut = false;
};

// Lower case in place, ASCII only.
void AsciiLower(std::string& text);
bool AsciiEqualsIgnoreCase(std::string_view a, std::string_view b);
// Without blanks and tabs at either end: they are no part of a field value (RFC 9110 5.5).
std::string_view TrimBlanks(std::string_view text);
// RFC 9110 tokens and field values: what may stand in a header.
bool IsHeaderName(std::string_view name);
bool IsHeaderValue(std::string_view value);
// Whether `token` is in a comma-separated list, without regard to case.
bool HasToken(std::string_view list, std::string_view token);
// Fields that speak of the connection, which HTTP/2 forbids (RFC 9113 section 8.2.2).
bool IsConnectionField(const HttpHeader& field);
// "OK" for 200 and so on; "" if unknown.
std::string_view HttpReason(int status);

}  // namespace gapless::net
