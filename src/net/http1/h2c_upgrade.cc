#include "net/http1/h2c_upgrade.h"

#include "wire/base64.h"

#include <algorithm>
#include <string_view>

namespace gapless::net {
std::optional<std::string> TakeH2cUpgrade(HttpHeaders& headers) {
  constexpr std::string_view kSettings = "http2-settings";
  if (!headers.Has("upgrade") || std::ranges::count(headers, kSettings, &HttpHeader::name) != 1) {
    return std::nullopt;
  }
  const std::string connection = headers.Joined("connection");
  std::string settings;
  constexpr size_t kEntry = 6;  // RFC 9113 section 6.5.1
  if (!HasToken(headers.Joined("upgrade"), "h2c") || !HasToken(connection, "upgrade") ||
      !HasToken(connection, kSettings) || !wire::ParseBase64(*headers.Find(kSettings), &settings) ||
      settings.size() % kEntry != 0) {
    return std::nullopt;
  }
  for (const std::string_view name :
       {std::string_view("connection"), std::string_view("upgrade"), kSettings}) {
    headers.Remove(name);
  }
  return settings;
}

}  // namespace gapless::net
