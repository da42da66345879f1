#include "net/loop/dns.h"

#include "fmt/format.h"
#include "net/loop/worker.h"

#include <algorithm>
#include <map>
#include <unordered_map>

#include <ares.h>
#include <netdb.h>

namespace gapless::net {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr Duration kMinTtl = seconds(1);
constexpr Duration kMaxTtl = seconds(30);

struct Cached {
  Resolver::Addresses addresses;  // without port
  TimePoint until;
};

Resolver::Addresses WithPort(const Resolver::Addresses& addresses, uint16_t port) {
  Resolver::Addresses out = addresses;
  for (SocketAddress& address : out) {
    address.set_port(port);
  }
  return out;
}

// c-ares wants its library initialised once per process, before any thread uses it.
void InitLibraryOnce() {
  static const int result = ares_library_init(ARES_LIB_INIT_ALL);
  GAPLESS_CHECK(result == ARES_SUCCESS);
}

}  // namespace

struct Resolver::Impl {
  explicit Impl(Worker& w) : worker(w) {}
  ~Impl() {
    queries.clear();
    if (channel != nullptr) {
      // Runs the callbacks of lookups in flight, which find their queries gone.
      ares_destroy(channel);
    }
  }

  struct Query {
    std::string host;
    uint16_t port;
    Callback done;
    Timer deadline;
  };
  // What c-ares holds for one lookup; freed in its callback, which always runs.
  struct Lookup {
    Impl* impl;
    uint64_t query;
  };

  Status OpenChannel();
  void Begin(uint64_t id);
  void Finish(uint64_t id, Result<Addresses> result);
  void FinishLater(uint64_t id, Result<Addresses> result);
  void OnAnswer(uint64_t id, int status, ares_addrinfo* info);
  void OnSocketState(int fd, bool readable, bool writable);
  void Process(int read_fd, int write_fd);
  void ArmTimer();
  void Remember(const std::string& host, Addresses addresses, int ttl);
  const Cached* Recall(const std::string& host) const {
    auto it = cache.find(host);
    return it == cache.end() ? nullptr : &it->second;
  }

  Worker& worker;
  ares_channel channel = nullptr;
  uint64_t next_id = 1;
  std::map<uint64_t, Query> queries;
  std::unordered_map<std::string, Cached> cache;
  std::unordered_map<int, IoWatch> watches;
  Timer timer;
};

Status Resolver::Impl::OpenChannel() {
  if (channel != nullptr) {
    return OkStatus();
  }
  InitLibraryOnce();
  ares_options options{};
  options.timeout = 1000;
  options.tries = 2;
  options.sock_state_cb = [](void* data, int fd, int readable, int writable) {
    static_cast<Impl*>(data)->OnSocketState(fd, readable != 0, writable != 0);
  };
  options.sock_state_cb_data = this;
  const int status = ares_init_options(
      &channel, &options, ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_SOCK_STATE_CB);
  if (status != ARES_SUCCESS) {
    channel = nullptr;
    return Unavailable(fmt::format("DNS: {}", ares_strerror(status)));
  }
  return OkStatus();
}

void Resolver::Impl::Begin(uint64_t id) {
  const std::string& host = queries.at(id).host;
  ares_addrinfo_hints hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  ares_getaddrinfo(
      channel, host.c_str(), nullptr, &hints,
      [](void* arg, int status, int, ares_addrinfo* info) {
        const std::unique_ptr<Lookup> lookup(static_cast<Lookup*>(arg));
        lookup->impl->OnAnswer(lookup->query, status, info);
        if (info != nullptr) {
          ares_freeaddrinfo(info);
        }
      },
      std::make_unique<Lookup>(Lookup{this, id}).release());
  ArmTimer();
}

void Resolver::Impl::Finish(uint64_t id, Result<Addresses> result) {
  auto node = queries.extract(id);
  if (!node.empty()) {
    node.mapped().done(std::move(result));
  }
}

void Resolver::Impl::FinishLater(uint64_t id, Result<Addresses> result) {
  queries.at(id).deadline = worker.RunAfter(
      Duration::zero(),
      [this, id, result = std::move(result)]() mutable { Finish(id, std::move(result)); });
}

void Resolver::Impl::OnAnswer(uint64_t id, int status, ares_addrinfo* info) {
  auto it = queries.find(id);
  if (it == queries.end()) {
    return;
  }
  Query& query = it->second;
  Addresses addresses;
  int ttl = 0;
  for (const ares_addrinfo_node* node = info == nullptr ? nullptr : info->nodes;
       node != nullptr && addresses.size() < kMaxAddresses; node = node->ai_next) {
    addresses.emplace_back(node->ai_addr, node->ai_addrlen);
    ttl = node->ai_ttl;
  }
  // This runs inside c-ares, and the callback may begin the next lookup: hence on a later turn.
  if (status == ARES_SUCCESS && !addresses.empty()) {
    Remember(query.host, addresses, ttl);
    FinishLater(id, WithPort(addresses, query.port));
  } else if (const Cached* old = Recall(query.host)) {
    FinishLater(id, WithPort(old->addresses, query.port));
  } else {
    FinishLater(id, Unavailable(fmt::format("DNS lookup of \"{}\": {}", query.host,
                                            addresses.empty() && status == ARES_SUCCESS
                                                ? "no address"
                                                : ares_strerror(status))));
  }
}

void Resolver::Impl::Remember(const std::string& host, Addresses addresses, int ttl) {
  if (cache.size() >= kMaxCached) {
    cache.clear();
  }
  const Duration keep = std::clamp<Duration>(seconds(ttl), kMinTtl, kMaxTtl);
  cache[host] = Cached{std::move(addresses), worker.Now() + keep};
}

void Resolver::Impl::OnSocketState(int fd, bool readable, bool writable) {
  if (!readable && !writable) {
    watches.erase(fd);
    return;
  }
  const uint32_t interest = (readable ? kIoRead : kIoNone) | (writable ? kIoWrite : kIoNone);
  auto it = watches.find(fd);
  if (it != watches.end()) {
    it->second.Update(interest);
    return;
  }
  watches[fd] = worker.Watch(fd, interest, [this, fd](uint32_t events) {
    const bool error = (events & kIoError) != 0;
    Process((events & kIoRead) != 0 || error ? fd : ARES_SOCKET_BAD,
            (events & kIoWrite) != 0 ? fd : ARES_SOCKET_BAD);
  });
}

void Resolver::Impl::Process(int read_fd, int write_fd) {
  ares_process_fd(channel, read_fd, write_fd);
  ArmTimer();
}

void Resolver::Impl::ArmTimer() {
  timeval left{};
  if (ares_timeout(channel, nullptr, &left) == nullptr) {
    timer.Cancel();
    return;
  }
  const Duration delay = seconds(left.tv_sec) + std::chrono::microseconds(left.tv_usec);
  timer = worker.RunAfter(delay + milliseconds(1),
                          [this] { Process(ARES_SOCKET_BAD, ARES_SOCKET_BAD); });
}

Resolver::Resolver(Worker& worker) : impl_(std::make_unique<Impl>(worker)) {}
Resolver::~Resolver() = default;

uint64_t Resolver::Resolve(const std::string& host, uint16_t port, Callback done) {
  const uint64_t id = impl_->next_id++;
  impl_->queries.emplace(id, Impl::Query{host, port, std::move(done), Timer()});
  if (auto numeric = SocketAddress::FromNumeric(host, port)) {
    impl_->FinishLater(id, Addresses{*numeric});
    return id;
  }
  const Cached* cached = impl_->Recall(host);
  if (cached != nullptr && cached->until > impl_->worker.Now()) {
    impl_->FinishLater(id, WithPort(cached->addresses, port));
    return id;
  }
  if (Status status = impl_->OpenChannel(); !status.ok()) {
    impl_->FinishLater(id, std::move(status));
    return id;
  }
  impl_->queries.at(id).deadline = impl_->worker.RunAfter(kTimeout, [impl = impl_.get(), id] {
    const Cached* old = impl->Recall(impl->queries.at(id).host);
    if (old != nullptr) {
      impl->Finish(id, WithPort(old->addresses, impl->queries.at(id).port));
    } else {
      impl->Finish(id, Unavailable(fmt::format("DNS lookup of \"{}\": no answer within 5s",
                                               impl->queries.at(id).host)));
    }
  });
  impl_->Begin(id);
  return id;
}

void Resolver::Cancel(uint64_t query) { impl_->queries.erase(query); }

}  // namespace gapless::net
