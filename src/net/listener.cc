#include "net/listener.h"

#include "fmt/format.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>

namespace gapless::net {
namespace {

constexpr int kAcceptsPerTurn = 64;
// When descriptors or connections have run out: look again after this time.
constexpr auto kPause = std::chrono::milliseconds(50);

std::string ErrorText(int error) {
  return std::error_code(error, std::generic_category()).message();
}

Result<int> FamilyOf(std::string_view transport) {
  if (transport.empty() || transport == "tcp") {
    return AF_UNSPEC;
  }
  if (transport == "tcp4") {
    return AF_INET;
  }
  if (transport == "tcp6") {
    return AF_INET6;
  }
  if (transport == "unix") {
    return AF_UNIX;
  }
  return InvalidArgument(fmt::format("listening on transport \"{}\" is not supported", transport));
}

Result<SocketAddress> LookUp(const HostPort& where, int family) {
  if (where.host.empty()) {
    return *SocketAddress::FromNumeric(family == AF_INET ? "0.0.0.0" : "::", where.port);
  }
  std::optional<SocketAddress> numeric = SocketAddress::FromNumeric(where.host, where.port);
  if (numeric && (family == AF_UNSPEC || numeric->family() == family)) {
    return *numeric;
  }
  addrinfo hints{};
  hints.ai_family = family;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int error = getaddrinfo(where.host.c_str(), nullptr, &hints, &found);
  if (error != 0) {
    return Unavailable(fmt::format("lookup {}: {}", where.host, gai_strerror(error)));
  }
  std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> guard(found, freeaddrinfo);
  const addrinfo* chosen = found;
  for (const addrinfo* entry = found; entry; entry = entry->ai_next) {
    if (entry->ai_family == AF_INET) {
      chosen = entry;
      break;
    }
  }
  SocketAddress address(chosen->ai_addr, chosen->ai_addrlen);
  address.set_port(where.port);
  return address;
}

// A socket file that a dead process left behind stands in the way; one that answers is in use.
void RemoveStaleSocketFile(const SocketAddress& address) {
  struct stat info{};
  const std::string path = address.HostString();
  if (path.starts_with('@') || stat(path.c_str(), &info) != 0 || !S_ISSOCK(info.st_mode)) {
    return;
  }
  Fd probe(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (connect(probe.get(), address.get(), address.size()) != 0 && errno == ECONNREFUSED) {
    unlink(path.c_str());
  }
}

Result<Fd> BindAndListen(const SocketAddress& address, int backlog) {
  Fd fd(socket(address.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd.valid()) {
    return Unavailable(fmt::format("socket: {}", ErrorText(errno)));
  }
  const int on = 1;
  const int off = 0;
  setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  if (address.family() == AF_INET6) {
    setsockopt(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
  }
  if (address.family() == AF_UNIX) {
    RemoveStaleSocketFile(address);
  }
  if (bind(fd.get(), address.get(), address.size()) != 0) {
    return Unavailable(fmt::format("bind: {}", ErrorText(errno)));
  }
  if (listen(fd.get(), backlog) != 0) {
    return Unavailable(fmt::format("listen: {}", ErrorText(errno)));
  }
  return fd;
}

Result<Fd> BindAny(SocketAddress& address, bool any_host, int family, int backlog) {
  Result<Fd> fd = BindAndListen(address, backlog);
  if (!fd.ok() && any_host && family == AF_UNSPEC) {
    // A system without IPv6.
    address = *SocketAddress::FromNumeric("0.0.0.0", address.port());
    return BindAndListen(address, backlog);
  }
  return fd;
}

}  // namespace

ConnectionSlot::ConnectionSlot(std::shared_ptr<std::vector<std::atomic<uint32_t>>> counts,
                               size_t index)
    : counts_(std::move(counts)), index_(index) {
  (*counts_)[index_].fetch_add(1, std::memory_order_relaxed);
}

ConnectionSlot& ConnectionSlot::operator=(ConnectionSlot&& other) noexcept {
  if (this != &other) {
    Release();
    counts_ = std::move(other.counts_);
    index_ = other.index_;
  }
  return *this;
}

void ConnectionSlot::Release() {
  if (counts_) {
    (*counts_)[index_].fetch_sub(1, std::memory_order_relaxed);
    counts_ = nullptr;
  }
}

Result<std::unique_ptr<Listener>> Listener::Open(std::vector<Worker*> workers,
                                                 std::string_view transport,
                                                 std::string_view endpoint,
                                                 const ListenerOptions& options) {
  const std::string prefix =
      fmt::format("listen {} {}", transport.empty() ? "tcp" : transport, endpoint);
  ASSIGN_OR_RETURN(int family, FamilyOf(transport));
  SocketAddress address;
  bool any_host = false;
  if (family == AF_UNIX) {
    ASSIGN_OR_RETURN(address, SocketAddress::FromUnixPath(endpoint));
  } else {
    ASSIGN_OR_RETURN(HostPort where, HostPort::Parse(endpoint));
    any_host = where.host.empty();
    Result<SocketAddress> found = LookUp(where, family);
    RETURN_IF_ERROR(found.status().Annotate(prefix));
    address = *found;
  }
  Result<Fd> fd = BindAny(address, any_host, family, options.backlog);
  RETURN_IF_ERROR(fd.status().Annotate(prefix));
  sockaddr_storage bound{};
  socklen_t size = sizeof(bound);
  if (getsockname(fd->get(), reinterpret_cast<sockaddr*>(&bound), &size) == 0) {
    address = SocketAddress(reinterpret_cast<sockaddr*>(&bound), size);
  }
  return std::unique_ptr<Listener>(
      new Listener(std::move(workers), *std::move(fd), address, options));
}

Listener::Listener(std::vector<Worker*> workers, Fd fd, SocketAddress address,
                   const ListenerOptions& options)
    : workers_(std::move(workers)),
      options_(options),
      fd_(std::move(fd)),
      address_(address),
      counts_(std::make_shared<std::vector<std::atomic<uint32_t>>>(workers_.size())) {
  GAPLESS_CHECK(!workers_.empty());
  if (address_.family() == AF_UNIX && !address_.HostString().starts_with('@')) {
    unlink_path_ = address_.HostString();
  }
}

Listener::~Listener() {
  watch_.Reset();
  if (!unlink_path_.empty()) {
    unlink(unlink_path_.c_str());
  }
}

void Listener::SetAcceptor(std::shared_ptr<Acceptor> acceptor) {
  GAPLESS_CHECK(workers_[0]->InThread());
  acceptor_ = std::move(acceptor);
  UpdateWatch();
}

void Listener::ClearAcceptor(const Acceptor* acceptor) {
  if (acceptor_.get() == acceptor) {
    SetAcceptor(nullptr);
  }
}

void Listener::UpdateWatch() {
  if (!acceptor_ || rest_.armed()) {
    watch_.Reset();
  } else if (!watch_.active()) {
    watch_ = workers_[0]->Watch(fd_.get(), kIoRead, [this](uint32_t) { OnReadable(); });
  }
}

size_t Listener::connections() const {
  size_t total = 0;
  for (const std::atomic<uint32_t>& count : *counts_) {
    total += count.load(std::memory_order_relaxed);
  }
  return total;
}

size_t Listener::LeastLoaded() const {
  const auto least = std::ranges::min_element(
      *counts_, {}, [](const auto& count) { return count.load(std::memory_order_relaxed); });
  return static_cast<size_t>(least - counts_->begin());
}

void Listener::RestFor(Duration pause) {
  rest_ = workers_[0]->RunAfter(pause, [this] { UpdateWatch(); });
  UpdateWatch();
}

void Listener::OnReadable() {
  for (int i = 0; i < kAcceptsPerTurn && acceptor_; ++i) {
    if (options_.max_connections > 0 && connections() >= options_.max_connections) {
      return RestFor(kPause);
    }
    if (!AcceptOne()) {
      return;
    }
  }
}

bool Listener::AcceptOne() {
  Fd fd(accept4(fd_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
  if (!fd.valid()) {
    if (errno == ECONNABORTED || errno == EINTR) {
      return true;
    }
    if (errno != EAGAIN) {
      RestFor(kPause);  // out of descriptors or memory
    }
    return false;
  }
  const size_t index = LeastLoaded();
  ConnectionSlot slot(counts_, index);
  Worker* worker = workers_[index];
  if (worker->InThread()) {
    // The acceptor may be replaced by its own callback.
    std::shared_ptr<Acceptor> acceptor = acceptor_;
    acceptor->OnAccept(*worker, index, std::move(fd), std::move(slot));
    return true;
  }
  worker->Post(
      [worker, index, acceptor = acceptor_, fd = std::move(fd), slot = std::move(slot)]() mutable {
        acceptor->OnAccept(*worker, index, std::move(fd), std::move(slot));
      });
  return true;
}

}  // namespace gapless::net
