#include "net/loop/address.h"

#include "fmt/format.h"

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstring>
#include <system_error>

#include <arpa/inet.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/un.h>

namespace gapless::net {
namespace {

Result<uint16_t> ParsePort(std::string_view text, std::string_view whole) {
  uint16_t port = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc() || end != text.data() + text.size()) {
    return InvalidArgument(fmt::format("address \"{}\": invalid port \"{}\"", whole, text));
  }
  return port;
}

// Splits into host and the text after the last colon; nullopt for the port if there is none.
struct Split {
  std::string_view host;
  std::optional<std::string_view> port;
};

Result<Split> SplitHostPort(std::string_view text) {
  Split split;
  if (text.starts_with('[')) {
    size_t close = text.find(']');
    if (close == std::string_view::npos) {
      return InvalidArgument(fmt::format("address \"{}\": missing ']'", text));
    }
    split.host = text.substr(1, close - 1);
    std::string_view rest = text.substr(close + 1);
    if (rest.starts_with(':')) {
      split.port = rest.substr(1);
    } else if (!rest.empty()) {
      return InvalidArgument(fmt::format("address \"{}\": unexpected text after ']'", text));
    }
    return split;
  }
  size_t colon = text.find(':');
  if (colon == std::string_view::npos) {
    split.host = text;
    return split;
  }
  if (text.find(':', colon + 1) != std::string_view::npos) {
    return InvalidArgument(fmt::format("address \"{}\": too many colons in address", text));
  }
  split.host = text.substr(0, colon);
  split.port = text.substr(colon + 1);
  return split;
}

}  // namespace

Result<HostPort> HostPort::Parse(std::string_view text) {
  ASSIGN_OR_RETURN(Split split, SplitHostPort(text));
  if (!split.port) {
    return InvalidArgument(fmt::format("address \"{}\": missing port in address", text));
  }
  ASSIGN_OR_RETURN(uint16_t port, ParsePort(*split.port, text));
  return HostPort{std::string(split.host), port};
}

Result<HostPort> HostPort::ParseWithDefault(std::string_view text, uint16_t default_port) {
  ASSIGN_OR_RETURN(Split split, SplitHostPort(text));
  if (!split.port) {
    return HostPort{std::string(split.host), default_port};
  }
  ASSIGN_OR_RETURN(uint16_t port, ParsePort(*split.port, text));
  return HostPort{std::string(split.host), port};
}

std::string HostPort::ToString() const {
  return host.find(':') == std::string::npos ? fmt::format("{}:{}", host, port)
                                             : fmt::format("[{}]:{}", host, port);
}

SocketAddress::SocketAddress(const sockaddr* address, socklen_t size) {
  size_ = std::min(size, static_cast<socklen_t>(sizeof(storage_)));
  std::memcpy(&storage_, address, size_);
}

std::optional<SocketAddress> SocketAddress::FromNumeric(const std::string& host, uint16_t port) {
  sockaddr_in v4{};
  if (inet_pton(AF_INET, host.c_str(), &v4.sin_addr) == 1) {
    v4.sin_family = AF_INET;
    v4.sin_port = htons(port);
    return SocketAddress(reinterpret_cast<sockaddr*>(&v4), sizeof(v4));
  }
  sockaddr_in6 v6{};
  std::string bare = host.substr(0, host.find('%'));
  if (inet_pton(AF_INET6, bare.c_str(), &v6.sin6_addr) != 1) {
    return std::nullopt;
  }
  if (bare.size() != host.size()) {
    v6.sin6_scope_id = if_nametoindex(host.substr(bare.size() + 1).c_str());
    if (v6.sin6_scope_id == 0) {
      return std::nullopt;
    }
  }
  v6.sin6_family = AF_INET6;
  v6.sin6_port = htons(port);
  return SocketAddress(reinterpret_cast<sockaddr*>(&v6), sizeof(v6));
}

Result<SocketAddress> SocketAddress::FromUnixPath(std::string_view path) {
  sockaddr_un address{};
  if (path.empty() || path.size() >= sizeof(address.sun_path)) {
    return InvalidArgument(fmt::format("unix socket path \"{}\" must have 1 to {} characters", path,
                                       sizeof(address.sun_path) - 1));
  }
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.data(), path.size());
  size_t size = offsetof(sockaddr_un, sun_path) + path.size();
  if (path[0] == '@') {
    address.sun_path[0] = '\0';
  } else {
    ++size;
  }
  return SocketAddress(reinterpret_cast<sockaddr*>(&address), static_cast<socklen_t>(size));
}

uint16_t SocketAddress::port() const {
  if (family() == AF_INET) {
    return ntohs(reinterpret_cast<const sockaddr_in*>(&storage_)->sin_port);
  }
  if (family() == AF_INET6) {
    return ntohs(reinterpret_cast<const sockaddr_in6*>(&storage_)->sin6_port);
  }
  return 0;
}

void SocketAddress::set_port(uint16_t port) {
  if (family() == AF_INET) {
    reinterpret_cast<sockaddr_in*>(&storage_)->sin_port = htons(port);
  } else if (family() == AF_INET6) {
    reinterpret_cast<sockaddr_in6*>(&storage_)->sin6_port = htons(port);
  }
}

std::string SocketAddress::HostString() const {
  char buffer[INET6_ADDRSTRLEN] = {};
  if (family() == AF_INET) {
    inet_ntop(AF_INET, &reinterpret_cast<const sockaddr_in*>(&storage_)->sin_addr, buffer,
              sizeof(buffer));
    return buffer;
  }
  if (family() == AF_INET6) {
    inet_ntop(AF_INET6, &reinterpret_cast<const sockaddr_in6*>(&storage_)->sin6_addr, buffer,
              sizeof(buffer));
    return buffer;
  }
  if (family() != AF_UNIX || size_ <= offsetof(sockaddr_un, sun_path)) {
    return "";
  }
  const auto* address = reinterpret_cast<const sockaddr_un*>(&storage_);
  size_t size = size_ - offsetof(sockaddr_un, sun_path);
  if (address->sun_path[0] == '\0') {
    return "@" + std::string(address->sun_path + 1, size - 1);
  }
  return std::string(address->sun_path, strnlen(address->sun_path, size));
}

std::array<uint8_t, 16> SocketAddress::Ip() const {
  std::array<uint8_t, 16> ip{};
  if (family() == AF_INET) {
    ip[10] = ip[11] = 0xff;
    std::memcpy(&ip[12], &reinterpret_cast<const sockaddr_in*>(&storage_)->sin_addr, 4);
  } else if (family() == AF_INET6) {
    std::memcpy(ip.data(), &reinterpret_cast<const sockaddr_in6*>(&storage_)->sin6_addr, 16);
  }
  return ip;
}

bool IsMappedIpv4(const std::array<uint8_t, 16>& ip) {
  return std::all_of(ip.begin(), ip.begin() + 10, [](uint8_t byte) { return byte == 0; }) &&
         ip[10] == 0xff && ip[11] == 0xff;
}

std::string SocketAddress::ToString() const {
  if (family() == AF_INET || family() == AF_INET6) {
    return HostPort{HostString(), port()}.ToString();
  }
  return HostString();
}

SocketAddress AddressOf(int fd, int (*ask)(int, sockaddr*, socklen_t*)) {
  sockaddr_storage storage{};
  socklen_t size = sizeof(storage);
  if (ask(fd, reinterpret_cast<sockaddr*>(&storage), &size) != 0) {
    return {};
  }
  return SocketAddress(reinterpret_cast<sockaddr*>(&storage), size);
}

std::string ErrorText(int error) {
  return std::error_code(error, std::generic_category()).message();
}

}  // namespace gapless::net
