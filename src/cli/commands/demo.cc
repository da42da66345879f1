#include "cli/commands/demo.h"

#include "base/clock.h"
#include "cli/commands/commands.h"
#include "cli/process/child.h"
#include "cli/traffic/demo_tally.h"
#include "cli/traffic/load.h"

#include <fstream>
#include <iterator>

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

namespace gapless::cli {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr Duration kRetryInterval = seconds(2);
constexpr Duration kSwitchBackMax = kRetryInterval + seconds(2);
constexpr int kBacklogFillers = 16;

std::string ReadFile(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

// One way of losing the primary, and when it happened.
struct Outage {
  std::string name;
  Duration switch_max;
  int64_t began_ns = 0;
  int64_t ended_ns = 0;
};

std::string CollectorConfig(int grpc, int http, int primary, int secondary) {
  constexpr const char* kText = R"(yaml:
receivers:
  otlp: {{protocols: {{grpc: {{endpoint: "127.0.0.1:{}"}}, http: {{endpoint: "127.0.0.1:{}"}}}}}}
exporters:
  otlp/primary: {{endpoint: "127.0.0.1:{}", tls: {{insecure: true}}}}
  otlp/secondary: {{endpoint: "127.0.0.1:{}", tls: {{insecure: true}}}}
connectors:
  failover:
    priority_levels: [[otlp/primary], [otlp/secondary]]
    retry_interval: 2s
    hold: 1s
service:
  telemetry: {{metrics: {{level: none, readers: []}}}}
  admin: {{endpoint: ""}}
  pipelines:
    traces/in: {{receivers: [otlp], exporters: [failover]}}
    traces/primary: {{receivers: [failover], exporters: [otlp/primary]}}
    traces/secondary: {{receivers: [failover], exporters: [otlp/secondary]}}
    metrics/in: {{receivers: [otlp], exporters: [failover]}}
    metrics/primary: {{receivers: [failover], exporters: [otlp/primary]}}
    metrics/secondary: {{receivers: [failover], exporters: [otlp/secondary]}}
    logs/in: {{receivers: [otlp], exporters: [failover]}}
    logs/primary: {{receivers: [failover], exporters: [otlp/primary]}}
    logs/secondary: {{receivers: [failover], exporters: [otlp/secondary]}}
)";
  return fmt::format(fmt::runtime(kText), grpc, http, primary, secondary);
}

class Demo {
 public:
  Demo() : worker_("demo"), live_(isatty(STDOUT_FILENO) != 0) {}
  ~Demo();
  Status Run();
  // Prints the table; true if everything held.
  bool Report();

 private:
  Status StartSink(Child& child, const std::string& name, int port);
  Status StartAll();
  Status WaitForCollector(int port);
  void Pass(Duration time);
  void ShowProgress();
  void Say(const std::string& text);
  void Begin(std::string name, Duration switch_max);
  void End() { outages_.back().ended_ns = JourneyNow(); }
  Status Refused();
  void BlackHole();
  void Unavailable();
  bool ReportOutage(const Outage& outage, const DemoTally& primary, const DemoTally& secondary);

  std::string folder_;
  net::Worker worker_;
  const bool live_;
  Child primary_;
  Child secondary_;
  Child collector_;
  int primary_port_ = 0;
  int secondary_port_ = 0;
  std::vector<Outage> outages_;
  std::unique_ptr<Load> load_;
  bool load_done_ = false;
};

Demo::~Demo() {
  load_.reset();
  collector_ = Child();
  primary_ = Child();
  secondary_ = Child();
  for (const char* name : {"primary.log", "secondary.log", "primary.out", "secondary.out"}) {
    unlink((folder_ + "/" + name).c_str());
  }
}

void Demo::Say(const std::string& text) {
  fmt::print("{}{}\n", live_ ? "\r\033[K" : "", text);
  std::fflush(stdout);
}

void Demo::ShowProgress() {
  if (!live_) {
    return;
  }
  const LoadCounts counts = load_->counts();
  fmt::print("\r\033[K  accepted {:>8} items, {:>3} requests waiting for an answer",
             counts.acknowledged_items, counts.unanswered_requests);
  std::fflush(stdout);
}

void Demo::Pass(Duration time) {
  const TimePoint end = MonotonicNow() + time;
  while (MonotonicNow() < end) {
    worker_.RunUntil([] { return false; },
                     std::min<Duration>(milliseconds(200), end - MonotonicNow()));
    ShowProgress();
  }
}

Status Demo::StartSink(Child& child, const std::string& name, int port) {
  auto started = Child::StartSelf(
      {"sink", "--grpc", fmt::format("127.0.0.1:{}", port), "--http", "127.0.0.1:0", "--backlog",
       "1", "--log", fmt::format("{}/{}.log", folder_, name)},
      fmt::format("{}/{}.out", folder_, name));
  if (!started.ok()) {
    return started.status();
  }
  child = std::move(started).value();
  return OkStatus();
}

Status Demo::WaitForCollector(int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<uint16_t>(port));
  const bool up = worker_.RunUntil(
      [&] {
        const net::Fd fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
        return connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0;
      },
      seconds(10));
  return up ? OkStatus()
            : gapless::Unavailable(
                  fmt::format("the collector did not start: see {}/collector.out", folder_));
}

Status Demo::StartAll() {
  std::string name = "/tmp/gapless-demo-XXXXXX";
  if (mkdtemp(name.data()) == nullptr) {
    return Internal("mkdtemp failed");
  }
  folder_ = name;
  int ports[4] = {};
  for (int& port : ports) {
    ASSIGN_OR_RETURN(port, FreePort());
  }
  primary_port_ = ports[2];
  secondary_port_ = ports[3];
  RETURN_IF_ERROR(StartSink(primary_, "primary", primary_port_));
  RETURN_IF_ERROR(StartSink(secondary_, "secondary", secondary_port_));
  auto collector = Child::StartSelf(
      {"--config", CollectorConfig(ports[0], ports[1], primary_port_, secondary_port_)},
      folder_ + "/collector.out");
  if (!collector.ok()) {
    return collector.status();
  }
  collector_ = std::move(collector).value();
  RETURN_IF_ERROR(WaitForCollector(ports[0]));
  auto load = Load::Start(worker_,
                          {.grpc = fmt::format("127.0.0.1:{}", ports[0]),
                           .http = fmt::format("127.0.0.1:{}", ports[1]),
                           .rate = 60,
                           .items = 50,
                           .duration = Duration::zero()},
                          [this] { load_done_ = true; });
  if (!load.ok()) {
    return load.status();
  }
  load_ = std::move(load).value();
  return OkStatus();
}

void Demo::Begin(std::string name, Duration switch_max) {
  outages_.push_back({.name = std::move(name), .switch_max = switch_max, .began_ns = JourneyNow()});
}

Status Demo::Refused() {
  Say("Outage 1: the primary dies; connections are refused.");
  Begin("refused", milliseconds(500));
  primary_.Signal(SIGKILL);
  primary_.Wait();
  Pass(seconds(5));
  Say("          … and it is started again.");
  RETURN_IF_ERROR(StartSink(primary_, "primary", primary_port_));
  End();
  Pass(kSwitchBackMax + seconds(1));
  return OkStatus();
}

// A peer that exists and says nothing: stopped, with a full accept backlog, so that new dials hang
// as well.
void Demo::BlackHole() {
  Say("Outage 2: the primary becomes a black hole; it stops reading, its accept backlog is full.");
  primary_.Signal(SIGSTOP);
  Begin("black hole", seconds(3));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<uint16_t>(primary_port_));
  std::vector<net::Fd> fillers;
  for (int i = 0; i < kBacklogFillers; ++i) {
    fillers.emplace_back(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    connect(fillers.back().get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address));
  }
  Pass(seconds(6));
  Say("          … and it wakes up.");
  fillers.clear();
  primary_.Signal(SIGCONT);
  End();
  Pass(kSwitchBackMax + seconds(1));
}

void Demo::Unavailable() {
  Say("Outage 3: the primary answers UNAVAILABLE to everything.");
  Begin("UNAVAILABLE", milliseconds(2500));
  primary_.Signal(SIGUSR1);
  Pass(seconds(5));
  Say("          … and it recovers.");
  primary_.Signal(SIGUSR1);
  End();
  Pass(kSwitchBackMax + seconds(1));
}

Status Demo::Run() {
  RETURN_IF_ERROR(StartAll());
  Say("Two backends, gapless between them and a client that sends traces, metrics and logs over\n"
      "gRPC and HTTP. All data goes to the primary now.");
  Pass(seconds(3));
  RETURN_IF_ERROR(Refused());
  BlackHole();
  Unavailable();
  Say("The client stops; gapless drains.");
  load_->Stop();
  worker_.RunUntil([this] { return load_done_; }, seconds(10));
  collector_.Signal(SIGTERM);
  const int status = collector_.Wait();
  if (status != 0) {
    return Internal(
        fmt::format("the collector left with status {}: see {}/collector.out", status, folder_));
  }
  for (Child* sink : {&primary_, &secondary_}) {
    sink->Signal(SIGTERM);
    sink->Wait();
  }
  return OkStatus();
}

bool Demo::ReportOutage(const Outage& outage, const DemoTally& primary,
                        const DemoTally& secondary) {
  const auto seconds_since = [](std::optional<int64_t> at, int64_t since) {
    return at ? static_cast<double>(*at - since) / 1e9 : -1.0;
  };
  const double away = seconds_since(secondary.FirstAfter(outage.began_ns), outage.began_ns);
  const double back = seconds_since(primary.FirstAfter(outage.ended_ns), outage.ended_ns);
  const double away_max = std::chrono::duration<double>(outage.switch_max).count();
  const double back_max = std::chrono::duration<double>(kSwitchBackMax).count();
  const bool held = away >= 0 && away < away_max && back >= 0 && back < back_max;
  fmt::print("  {:<12} {:>8.2f} s (limit {:.1f} s) {:>8.2f} s (limit {:.1f} s)   {}\n", outage.name,
             away, away_max, back, back_max, held ? "held" : "NOT HELD");
  return held;
}

bool Demo::Report() {
  DemoTally primary;
  DemoTally secondary;
  primary.Read(ReadFile(folder_ + "/primary.log"));
  secondary.Read(ReadFile(folder_ + "/secondary.log"));
  std::array<std::vector<SequenceRange>, 3> accepted;
  for (const otlp::Signal signal : otlp::kSignals) {
    accepted[static_cast<size_t>(signal)] = load_->acknowledged(signal);
  }
  const DemoResult result = Account(primary, secondary, accepted);
  fmt::print("\n  {:<12} {:<23} {}\n", "outage", "switch to secondary", "switch back");
  bool held = result.lost == 0;
  for (const Outage& outage : outages_) {
    held = ReportOutage(outage, primary, secondary) && held;
  }
  fmt::print(
      "\n  accepted from the client   {:>10} items\n  delivered to the primary   {:>10}\n"
      "  delivered to the secondary {:>10}\n  lost                       {:>10}   {}\n"
      "  possible duplicates        {:>10}   ({} on both backends, {} twice on one)\n\n"
      "  retry_interval {} s, hold 1 s. The collector's own story: {}/collector.out\n",
      result.accepted, result.on_primary, result.on_secondary, result.lost,
      result.lost == 0 ? "held" : "NOT HELD", result.on_both + result.repeated, result.on_both,
      result.repeated, kRetryInterval / seconds(1), folder_);
  return held;
}

}  // namespace

int DemoCommand() {
  signal(SIGPIPE, SIG_IGN);
  Demo demo;
  if (Status status = demo.Run(); !status.ok()) {
    return Fail(status);
  }
  return demo.Report() ? 0 : 1;
}

}  // namespace gapless::cli
