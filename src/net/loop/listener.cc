#include "net/loop/listener.h"

#include "fmt/format.h"
#include "net/loop/descriptors.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include <linux/filter.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>

namespace gapless::net {
namespace {

constexpr int kAcceptsPerTurn = 64;
// When descriptors or connections have run out: look again after this time.
constexpr auto kPause = std::chrono::milliseconds(50);
// The same if somebody may make room at once.
constexpr auto kRoomPause = std::chrono::milliseconds(20);

// Connections of all listeners, as ConnectionLimit counts them.
std::atomic<size_t> open_connections{0};

// The listeners of this control worker that accept.
std::vector<Listener*>& Accepting() {
  thread_local std::vector<Listener*> listeners;
  return listeners;
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

std::string Prefix(std::string_view transport, std::string_view endpoint) {
  return fmt::format("listen {} {}", transport.empty() ? "tcp" : transport, endpoint);
}

}  // namespace

ConnectionSlot::ConnectionSlot(std::shared_ptr<std::vector<std::atomic<uint32_t>>> counts,
                               size_t index)
    : counts_(std::move(counts)), index_(index) {
  (*counts_)[index_].fetch_add(1, std::memory_order_relaxed);
  open_connections.fetch_add(1, std::memory_order_relaxed);
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
    open_connections.fetch_sub(1, std::memory_order_relaxed);
    counts_ = nullptr;
  }
}

Result<std::unique_ptr<Listener>> Listener::Open(std::vector<Worker*> workers,
                                                 std::string_view transport,
                                                 std::string_view endpoint,
                                                 const ListenerOptions& options) {
  ASSIGN_OR_RETURN(SocketAddress address, Resolve(transport, endpoint));
  ASSIGN_OR_RETURN(int family, FamilyOf(transport));
  const bool any_host = family == AF_UNSPEC && endpoint.starts_with(':');
  Result<Fd> fd = BindAny(address, any_host, family, options.backlog);
  RETURN_IF_ERROR(fd.status().Annotate(Prefix(transport, endpoint)));
  address = AddressOf(fd->get(), getsockname);
  std::unique_ptr<Listener> listener(
      new Listener(std::move(workers), *std::move(fd), address, options));
  struct stat info{};
  const std::string path = address.HostString();
  if (family == AF_UNIX && !path.starts_with('@') && stat(path.c_str(), &info) == 0) {
    listener->unlink_path_ = path;
    listener->unlink_file_ = {info.st_dev, info.st_ino};
  }
  return listener;
}

Result<SocketAddress> Listener::Resolve(std::string_view transport, std::string_view endpoint) {
  ASSIGN_OR_RETURN(int family, FamilyOf(transport));
  if (family == AF_UNIX) {
    return SocketAddress::FromUnixPath(endpoint);
  }
  ASSIGN_OR_RETURN(HostPort where, HostPort::Parse(endpoint));
  Result<SocketAddress> found = LookUp(where, family);
  RETURN_IF_ERROR(found.status().Annotate(Prefix(transport, endpoint)));
  return found;
}

std::unique_ptr<Listener> Listener::Adopt(std::vector<Worker*> workers, Fd fd,
                                          const ListenerOptions& options) {
  const SocketAddress address = AddressOf(fd.get(), getsockname);
  std::unique_ptr<Listener> listener(
      new Listener(std::move(workers), std::move(fd), address, options));
  listener->inherited_ = true;
  return listener;
}

Listener::Listener(std::vector<Worker*> workers, Fd fd, SocketAddress address,
                   const ListenerOptions& options)
    : workers_(std::move(workers)),
      options_(options),
      fd_(std::move(fd)),
      address_(address),
      counts_(std::make_shared<std::vector<std::atomic<uint32_t>>>(workers_.size())) {
  GAPLESS_CHECK(!workers_.empty());
}

Listener::~Listener() {
  watch_.Reset();
  std::erase(Accepting(), this);
  RemoveFile();
}

// Somebody else may listen at the same path by now.
void Listener::RemoveFile() {
  struct stat info{};
  const std::string path = std::exchange(unlink_path_, {});
  if (!path.empty() && stat(path.c_str(), &info) == 0 &&
      unlink_file_ == std::pair<uint64_t, uint64_t>(info.st_dev, info.st_ino)) {
    unlink(path.c_str());
  }
}

void Listener::TurnAway() {
  if (address_.family() == AF_UNIX) {
    return RemoveFile();
  }
  // The program sees the TCP header. A packet with SYN and without ACK is dropped.
  constexpr uint32_t kFlags = 13;
  constexpr uint32_t kSyn = 0x02;
  constexpr uint32_t kAck = 0x10;
  std::array program = std::to_array<sock_filter>({
      {BPF_LD | BPF_B | BPF_ABS, 0, 0, kFlags},
      {BPF_ALU | BPF_AND | BPF_K, 0, 0, kSyn | kAck},
      {BPF_JMP | BPF_JEQ | BPF_K, 0, 1, kSyn},
      {BPF_RET | BPF_K, 0, 0, 0},
      {BPF_RET | BPF_K, 0, 0, UINT32_MAX},
  });
  const sock_fprog filter{.len = static_cast<unsigned short>(program.size()),
                          .filter = program.data()};
  // A kernel that refuses resets a few who come at the wrong moment.
  setsockopt(fd_.get(), SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof filter);
}

bool Listener::TakeIn() {
  const int ignored = 0;
  return address_.family() != AF_UNIX &&
         setsockopt(fd_.get(), SOL_SOCKET, SO_DETACH_FILTER, &ignored, sizeof ignored) == 0;
}

void Listener::AcceptAll() {
  while (acceptor_ && AcceptOne()) {
  }
}

void Listener::SetMaxConnections(size_t connections) {
  GAPLESS_CHECK(workers_[0]->InThread());
  options_.max_connections = connections;
  rest_.Cancel();
  UpdateWatch();
}

Fd Listener::Release() {
  GAPLESS_CHECK(inherited_);
  SetAcceptor(nullptr);
  return std::move(fd_);
}

void Listener::SetAcceptor(std::shared_ptr<Acceptor> acceptor) {
  GAPLESS_CHECK(workers_[0]->InThread());
  acceptor_ = std::move(acceptor);
  std::erase(Accepting(), this);
  if (acceptor_) {
    Accepting().push_back(this);
  }
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
    if (Full()) {
      acceptor_->OnAcceptFailed("the limit of connections is reached");
      NoteShortage(Shortage::kConnections, 0);
      return WaitForRoom();
    }
    if (!AcceptOne()) {
      return;
    }
  }
}

bool Listener::Full() const {
  return (options_.max_connections > 0 && connections() >= options_.max_connections) ||
         (!options_.reserved &&
          open_connections.load(std::memory_order_relaxed) >= ConnectionLimit());
}

// Who has most connections gives some away. Its own limit is a listener's own affair.
void Listener::WaitForRoom() {
  Listener* largest = this;
  if (options_.max_connections == 0 || connections() < options_.max_connections) {
    largest = *std::ranges::max_element(Accepting(), {}, &Listener::connections);
  }
  const std::shared_ptr<Acceptor> acceptor = largest->acceptor_;
  acceptor->MakeRoom();
  RestFor(kRoomPause);
}

bool Listener::AcceptOne() {
  Fd fd(accept4(fd_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
  if (!fd.valid()) {
    if (errno == ECONNABORTED || errno == EINTR) {
      return true;
    }
    if (const int error = errno; error != EAGAIN) {
      acceptor_->OnAcceptFailed(ErrorText(error));
      if (IsShortage(error)) {
        NoteShortage(Shortage::kAccept, error);
        WaitForRoom();
      } else {
        RestFor(kPause);
      }
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
