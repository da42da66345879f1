#include "net/loop/dns.h"

#include "fmt/format.h"
#include "net/loop/descriptors.h"
#include "net/loop/resolv_conf.h"
#include "net/loop/worker.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <map>
#include <unordered_map>
#include <utility>

#include <ares.h>
#include <netdb.h>
#include <sys/stat.h>
#include <unistd.h>

namespace gapless::net {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr Duration kMinTtl = seconds(1);
constexpr Duration kMaxTtl = seconds(30);
// As Go: the configuration of the resolver is looked at again so often.
constexpr Duration kLookAgain = seconds(5);
constexpr Duration kTryTime = seconds(1);  // unless resolv.conf says
constexpr int kTries = 2;                  // as well
constexpr Duration kMaxTimeout = seconds(30);
constexpr const char* kNsswitch = "/etc/nsswitch.conf";
constexpr size_t kMaxConfBytes = 64 * 1024;

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

// What tells that a file has changed; all zero: it is not there.
using FileStamp = std::array<int64_t, 4>;
FileStamp StampOf(const std::string& path) {
  struct stat info{};
  if (stat(path.c_str(), &info) != 0) {
    return {};
  }
  return {static_cast<int64_t>(info.st_ino), info.st_size, info.st_mtim.tv_sec,
          info.st_mtim.tv_nsec};
}

std::string BeginningOf(const std::string& path) {
  const std::unique_ptr<FILE, int (*)(FILE*)> file(std::fopen(path.c_str(), "rbe"), std::fclose);
  std::string text(kMaxConfBytes, '\0');
  text.resize(file ? std::fread(text.data(), 1, text.size(), file.get()) : 0);
  return text;
}

std::string HostName() {
  std::array<char, 256> name{};
  return gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "";
}

// c-ares wants its library initialised once per process, before any thread uses it.
void InitLibraryOnce() {
  static const int result = ares_library_init(ARES_LIB_INIT_ALL);
  GAPLESS_CHECK(result == ARES_SUCCESS);
}

// A channel of c-ares, and its descriptors on the loop. One answers from the hosts file only, the
// other asks name servers only: the list of names is walked here, as c-ares ends at the first
// error.
class Channel {
 public:
  explicit Channel(Worker& worker) : worker_(worker) {}
  // Callbacks of lookups in flight run with ARES_EDESTRUCTION.
  ~Channel() { Close(); }
  Channel(const Channel&) = delete;
  Channel& operator=(const Channel&) = delete;

  Status Open(const char* lookups, const ResolvConf& conf, const Resolver::Sources& sources);
  void Close() {
    if (channel_ != nullptr) {
      ares_destroy(std::exchange(channel_, nullptr));
    }
  }
  void Ask(const std::string& name, ares_addrinfo_callback done, void* arg) {
    ares_addrinfo_hints hints{};
    hints.ai_family = AF_UNSPEC;
    hints.ai_socktype = SOCK_STREAM;
    ares_getaddrinfo(channel_, name.c_str(), nullptr, &hints, done, arg);
    ArmTimer();
  }

 private:
  void OnSocketState(int fd, bool readable, bool writable);
  void Process(int read_fd, int write_fd) {
    ares_process_fd(channel_, read_fd, write_fd);
    ArmTimer();
  }
  void ArmTimer();

  Worker& worker_;
  ares_channel channel_ = nullptr;
  std::unordered_map<int, IoWatch> watches_;
  Timer timer_;
};

Status Channel::Open(const char* lookups, const ResolvConf& conf,
                     const Resolver::Sources& sources) {
  InitLibraryOnce();
  std::string order(lookups);
  std::string path(sources.resolv_conf);
  ares_options options{};
  options.timeout = static_cast<int>(conf.timeout.value_or(kTryTime) / milliseconds(1));
  options.tries = conf.attempts.value_or(kTries);
  options.udp_port = sources.port;
  options.tcp_port = sources.port;
  options.lookups = order.data();
  options.ndomains = 0;  // names are asked for as they are
  options.resolvconf_path = path.data();
  options.sock_state_cb = [](void* data, int fd, int readable, int writable) {
    static_cast<Channel*>(data)->OnSocketState(fd, readable != 0, writable != 0);
  };
  options.sock_state_cb_data = this;
  const int port = sources.port == 0 ? 0 : ARES_OPT_UDP_PORT | ARES_OPT_TCP_PORT;
  const int status =
      ares_init_options(&channel_, &options,
                        ARES_OPT_DOMAINS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_LOOKUPS |
                            ARES_OPT_RESOLVCONF | ARES_OPT_SOCK_STATE_CB | port);
  if (status != ARES_SUCCESS) {
    channel_ = nullptr;
    return Unavailable(fmt::format("DNS: {}", ares_strerror(status)));
  }
  return OkStatus();
}

void Channel::OnSocketState(int fd, bool readable, bool writable) {
  if (!readable && !writable) {
    watches_.erase(fd);
    return;
  }
  const uint32_t interest = (readable ? kIoRead : kIoNone) | (writable ? kIoWrite : kIoNone);
  auto it = watches_.find(fd);
  if (it != watches_.end()) {
    it->second.Update(interest);
    return;
  }
  watches_[fd] = worker_.Watch(fd, interest, [this, fd](uint32_t events) {
    const bool error = (events & kIoError) != 0;
    Process((events & kIoRead) != 0 || error ? fd : ARES_SOCKET_BAD,
            (events & kIoWrite) != 0 ? fd : ARES_SOCKET_BAD);
  });
}

void Channel::ArmTimer() {
  timeval left{};
  if (ares_timeout(channel_, nullptr, &left) == nullptr) {
    timer_.Cancel();
    return;
  }
  const Duration delay = seconds(left.tv_sec) + std::chrono::microseconds(left.tv_usec);
  timer_ = worker_.RunAfter(delay + milliseconds(1),
                            [this] { Process(ARES_SOCKET_BAD, ARES_SOCKET_BAD); });
}

}  // namespace

struct Resolver::Impl {
  Impl(Worker& w, Sources s) : worker(w), sources(std::move(s)) {}
  ~Impl() {
    // Callbacks of lookups in flight find their queries gone.
    queries.clear();
    files.reset();
    servers.reset();
  }

  struct Query {
    std::string host;
    uint16_t port;
    Callback done;
    Timer deadline;
    std::vector<std::string> names = {};  // to ask name servers for, once the hosts file was asked
    size_t next = 0;
    Timer step = {};
    std::string error = {};  // about the name as written, if there is one
  };
  // What c-ares holds for one lookup; freed in its callback, which always runs.
  struct Lookup {
    Impl* impl;
    uint64_t query;
  };

  // Reads the configuration if it is time and it has changed; lookups in flight begin anew then.
  Status Refresh();
  void Begin(uint64_t id);
  void Ask(uint64_t id, Channel& channel, const std::string& name);
  void AskNext(uint64_t id);
  Duration Limit() const;
  void Expire(uint64_t id);
  void Finish(uint64_t id, Result<Addresses> result);
  void FinishLater(uint64_t id, Result<Addresses> result);
  void OnAnswer(uint64_t id, int status, ares_addrinfo* info);
  void Fail(uint64_t id);
  void Remember(const std::string& host, Addresses addresses, int ttl);
  const Cached* Recall(const std::string& host) const {
    auto it = cache.find(host);
    return it == cache.end() ? nullptr : &it->second;
  }

  Worker& worker;
  const Sources sources;
  ResolvConf conf;
  std::array<FileStamp, 2> stamps{};
  TimePoint looked_at{};
  std::unique_ptr<Channel> files;
  std::unique_ptr<Channel> servers;
  uint64_t next_id = 1;
  std::map<uint64_t, Query> queries;
  std::unordered_map<std::string, Cached> cache;
};

Status Resolver::Impl::Refresh() {
  if (servers && worker.Now() - looked_at < kLookAgain) {
    return OkStatus();
  }
  if (OutOfDescriptors()) {
    return servers ? OkStatus() : Unavailable("DNS: no descriptors").FromOwnShortage();
  }
  looked_at = worker.Now();
  const std::array<FileStamp, 2> now = {StampOf(sources.resolv_conf), StampOf(kNsswitch)};
  if (servers && now == stamps) {
    return OkStatus();
  }
  conf = ParseResolvConf(BeginningOf(sources.resolv_conf), HostName());
  auto from_files = std::make_unique<Channel>(worker);
  auto from_servers = std::make_unique<Channel>(worker);
  RETURN_IF_ERROR(from_files->Open("f", conf, sources));
  RETURN_IF_ERROR(from_servers->Open("b", conf, sources));
  stamps = now;
  files = std::move(from_files);
  servers = std::move(from_servers);
  for (auto& [host, known] : cache) {
    known.until = {};  // what another server says may differ
  }
  for (auto& [id, query] : queries) {
    if (!query.names.empty()) {
      Begin(id);
    }
  }
  return OkStatus();
}

// One question after the other to every server, at least kTimeout.
Duration Resolver::Impl::Limit() const {
  return std::clamp<Duration>(conf.timeout.value_or(kTryTime) * conf.attempts.value_or(kTries),
                              kTimeout, kMaxTimeout);
}

void Resolver::Impl::Begin(uint64_t id) {
  Query& query = queries.at(id);
  query.names = NamesFor(query.host, conf);
  query.next = 0;
  query.error.clear();
  query.step =
      worker.RunAfter(Duration::zero(), [this, id] { Ask(id, *files, queries.at(id).host); });
}

void Resolver::Impl::Ask(uint64_t id, Channel& channel, const std::string& name) {
  channel.Ask(
      name,
      [](void* arg, int status, int, ares_addrinfo* info) {
        const std::unique_ptr<Lookup> lookup(static_cast<Lookup*>(arg));
        if (status != ARES_EDESTRUCTION) {
          lookup->impl->OnAnswer(lookup->query, status, info);
        }
        if (info != nullptr) {
          ares_freeaddrinfo(info);
        }
      },
      std::make_unique<Lookup>(Lookup{this, id}).release());
}

void Resolver::Impl::AskNext(uint64_t id) {
  Query& query = queries.at(id);
  const std::string name = query.names[query.next++];
  Ask(id, *servers, name);
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
    return FinishLater(id, WithPort(addresses, query.port));
  }
  const bool asked_servers = query.next > 0;
  if (asked_servers && (query.error.empty() || query.names[query.next - 1] == query.host)) {
    query.error = status == ARES_SUCCESS ? "no address" : ares_strerror(status);
  }
  if (query.next < query.names.size()) {
    query.step = worker.RunAfter(Duration::zero(), [this, id] { AskNext(id); });
  } else {
    Fail(id);
  }
}

void Resolver::Impl::Fail(uint64_t id) {
  Query& query = queries.at(id);
  const Cached* old = Recall(query.host);
  if (old != nullptr) {
    return FinishLater(id, WithPort(old->addresses, query.port));
  }
  const Status failed =
      Unavailable(fmt::format("DNS lookup of \"{}\": {}", query.host, query.error));
  // Without a descriptor neither the hosts file nor a name server can be asked.
  FinishLater(id, OutOfDescriptors() ? failed.FromOwnShortage() : failed);
}

void Resolver::Impl::Expire(uint64_t id) {
  const Query& query = queries.at(id);
  if (const Cached* old = Recall(query.host)) {
    return Finish(id, WithPort(old->addresses, query.port));
  }
  Finish(id, Unavailable(fmt::format("DNS lookup of \"{}\": no answer within {}s", query.host,
                                     Limit() / seconds(1))));
}

void Resolver::Impl::Remember(const std::string& host, Addresses addresses, int ttl) {
  if (cache.size() >= kMaxCached) {
    cache.clear();
  }
  const Duration keep = std::clamp<Duration>(seconds(ttl), kMinTtl, kMaxTtl);
  cache[host] = Cached{std::move(addresses), worker.Now() + keep};
}

Resolver::Resolver(Worker& worker) : Resolver(worker, Sources()) {}
Resolver::Resolver(Worker& worker, Sources sources)
    : impl_(std::make_unique<Impl>(worker, std::move(sources))) {}
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
  if (Status status = impl_->Refresh(); !status.ok()) {
    impl_->FinishLater(id, std::move(status));
    return id;
  }
  impl_->queries.at(id).deadline =
      impl_->worker.RunAfter(impl_->Limit(), [impl = impl_.get(), id] { impl->Expire(id); });
  impl_->Begin(id);
  return id;
}

void Resolver::Cancel(uint64_t query) { impl_->queries.erase(query); }

}  // namespace gapless::net
