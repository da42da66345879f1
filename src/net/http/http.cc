#include "net/http/http.h"

#include <algorithm>
#include <array>

namespace gapless::net {
namespace {

char Lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

bool IsTokenChar(char c) {
  return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
         std::string_view("!#$%&'*+-.^_`|~").contains(c);
}

}  // namespace

std::optional<std::string_view> HttpHeaders::Find(std::string_view name) const {
  for (const HttpHeader& header : headers_) {
    if (header.name == name) {
      return header.value;
    }
  }
  return std::nullopt;
}

std::string HttpHeaders::Joined(std::string_view name) const {
  std::string result;
  for (const HttpHeader& header : headers_) {
    if (header.name == name) {
      result += (result.empty() ? "" : ", ") + header.value;
    }
  }
  return result;
}

void HttpHeaders::Set(std::string_view name, std::string value) {
  Remove(name);
  headers_.push_back({std::string(name), std::move(value)});
}

void HttpHeaders::Remove(std::string_view name) {
  std::erase_if(headers_, [&](const HttpHeader& header) { return header.name == name; });
}

void AsciiLower(std::string& text) { std::ranges::transform(text, text.begin(), Lower); }

bool AsciiEqualsIgnoreCase(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, {}, Lower, Lower);
}

std::string_view TrimBlanks(std::string_view text) {
  const size_t begin = text.find_first_not_of(" \t");
  if (begin == std::string_view::npos) {
    return {};
  }
  return text.substr(begin, text.find_last_not_of(" \t") - begin + 1);
}

bool IsHeaderName(std::string_view name) {
  return !name.empty() && std::ranges::all_of(name, IsTokenChar);
}

bool IsHeaderValue(std::string_view value) {
  return std::ranges::all_of(
             value, [](char c) { return c == '\t' || static_cast<unsigned char>(c) >= 0x20; }) &&
         !value.contains('\x7f');
}

bool HasToken(std::string_view list, std::string_view token) {
  while (!list.empty()) {
    const size_t comma = std::min(list.find(','), list.size());
    if (AsciiEqualsIgnoreCase(TrimBlanks(list.substr(0, comma)), token)) {
      return true;
    }
    list.remove_prefix(std::min(comma + 1, list.size()));
  }
  return false;
}

bool IsConnectionField(const HttpHeader& field) {
  constexpr std::array<std::string_view, 5> kNames = {"connection", "proxy-connection",
                                                      "keep-alive", "transfer-encoding", "upgrade"};
  return std::ranges::find(kNames, field.name) != kNames.end() ||
         (field.name == "te" && field.value != "trailers");
}

std::string_view HttpReason(int status) {
  switch (status) {
    case 100:
      return "Continue";
    case 200:
      return "OK";
    case 202:
      return "Accepted";
    case 204:
      return "No Content";
    case 301:
      return "Moved Permanently";
    case 302:
      return "Found";
    case 304:
      return "Not Modified";
    case 307:
      return "Temporary Redirect";
    case 308:
      return "Permanent Redirect";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 408:
      return "Request Timeout";
    case 411:
      return "Length Required";
    case 413:
      return "Request Entity Too Large";
    case 414:
      return "Request URI Too Long";
    case 415:
      return "Unsupported Media Type";
    case 417:
      return "Expectation Failed";
    case 429:
      return "Too Many Requests";
    case 431:
      return "Request Header Fields Too Large";
    case 500:
      return "Internal Server Error";
    case 501:
      return "Not Implemented";
    case 502:
      return "Bad Gateway";
    case 503:
      return "Service Unavailable";
    case 504:
      return "Gateway Timeout";
    case 505:
      return "HTTP Version Not Supported";
    default:
      return "";
  }
}

}  // namespace gapless::net
