// Addresses: host and port as written in a configuration, and the numeric socket address that
// sockets use.
#pragma once

#include "base/status.h"

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <sys/socket.h>

namespace gapless::net {

// "host:port" taken apart; not resolved. An empty host means every local address when listening,
// loopback when dialling.
struct HostPort {
  std::string host;  // without brackets
  uint16_t port = 0;

  // Accepts `host:port`, `1.2.3.4:port`, `[v6]:port`, `:port`. The port is required, in decimal.
  static Result<HostPort> Parse(std::string_view text);
  // Like Parse, but a missing port becomes `default_port`.
  static Result<HostPort> ParseWithDefault(std::string_view text, uint16_t default_port);
  // Brackets around IPv6.
  std::string ToString() const;

  bool operator==(const HostPort&) const = default;
};

// A numeric IPv4 or IPv6 address with port, or a unix socket path. Value type.
class SocketAddress {
 public:
  SocketAddress() = default;
  SocketAddress(const sockaddr* address, socklen_t size);

  // Numeric hosts only ("127.0.0.1", "::1", "fe80::1%eth0"); nullopt for names.
  static std::optional<SocketAddress> FromNumeric(const std::string& host, uint16_t port);
  // A path of a unix socket; a leading '@' means the abstract namespace.
  static Result<SocketAddress> FromUnixPath(std::string_view path);

  int family() const { return storage_.ss_family; }
  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage_); }
  socklen_t size() const { return size_; }
  // 0 for unix sockets.
  uint16_t port() const;
  void set_port(uint16_t port);
  // "127.0.0.1:4317", "[::1]:4317", "/run/x.sock".
  std::string ToString() const;
  // 16 bytes, an IPv4 address mapped into IPv6; all zero for unix sockets.
  std::array<uint8_t, 16> Ip() const;
  // Without the port; the path for unix sockets.
  std::string HostString() const;

  bool operator==(const SocketAddress& other) const { return ToString() == other.ToString(); }

 private:
  sockaddr_storage storage_{};
  socklen_t size_ = 0;
};

// Of the form ::ffff:a.b.c.d.
bool IsMappedIpv4(const std::array<uint8_t, 16>& ip);

// What getsockname or getpeername says of a descriptor; empty if it fails.
SocketAddress AddressOf(int fd, int (*ask)(int, sockaddr*, socklen_t*));

// "Connection refused".
std::string ErrorText(int error);

}  // namespace gapless::net
