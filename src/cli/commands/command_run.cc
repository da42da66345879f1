// `gapless`: runs the collector until a signal ends it.
#include "cli/commands/commands.h"
#include "cli/config/components.h"
#include "cli/config/default_config.h"
#include "cli/config/fetch.h"
#include "cli/process/file_watch.h"
#include "cli/process/inherited_sockets.h"
#include "cli/process/pid_file.h"
#include "cli/process/signals.h"
#include "net/server/listener_pool.h"
#include "service/service.h"

#include <algorithm>
#include <memory>
#include <thread>

#include <fmt/format.h>
#include <sched.h>
#include <signal.h>
#include <unistd.h>

namespace gapless::cli {
namespace {

constexpr Duration kSignalEcho = std::chrono::milliseconds(300);

size_t AvailableProcessors() {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof(set), &set) != 0) {
    return 1;
  }
  return static_cast<size_t>(std::max(1, CPU_COUNT(&set)));
}

// One run of the process on its main thread, which is the control worker.
class Process {
 public:
  Process(RunOptions options, SignalWatch signals)
      : options_(std::move(options)), factories_(Components()), signals_(std::move(signals)) {}

  int Run();

 private:
  void StartWorkers();
  void OnStarted(const Status& status);
  void OnSignal(int number);
  void Watch(const std::vector<std::string>& files);
  void Bring(Task then);
  void Reload();
  void Stop();

  const RunOptions options_;
  const service::Factories factories_;
  WebSources web_;
  std::vector<std::unique_ptr<net::Worker>> workers_;
  SignalWatch signals_;               // ends before its worker
  std::unique_ptr<FileWatch> watch_;  // as well
  std::unique_ptr<service::Service> service_;
  bool stopping_ = false;
  TimePoint stopping_since_{};
  int exit_status_ = 0;
  std::jthread refresher_;  // ends before what it posts to
};

void Process::StartWorkers() {
  const size_t count = options_.workers > 0 ? options_.workers : AvailableProcessors();
  for (size_t i = 0; i < count; ++i) {
    workers_.push_back(std::make_unique<net::Worker>(fmt::format("worker-{}", i), i));
  }
  for (size_t i = 1; i < count; ++i) {
    workers_[i]->Start();
  }
}

int Process::Run() {
  StartWorkers();
  std::vector<net::Worker*> workers;
  for (const auto& worker : workers_) {
    workers.push_back(worker.get());
  }
  net::Worker& control = *workers.front();
  service_ = std::make_unique<service::Service>(service::ServiceOptions{
      .factories = factories_,
      .resolve = options_.resolve,
      .sources = web_.sources(),
      .command = std::string(kCommand),
      .version = std::string(kVersion),
      .workers = workers,
      .before_reload = [this](Task then) { Bring(std::move(then)); },
      .on_loaded = [this](const std::vector<std::string>& files) { Watch(files); }});
  auto pid_file = PidFile::Create(options_.pid_file);
  if (!pid_file.ok()) {
    return Fail(pid_file.status());
  }
  signals_.Start(control, [this](int number) { OnSignal(number); });
  control.Post([this] { service_->Start([this](const Status& status) { OnStarted(status); }); });
  control.Run();
  for (size_t i = 1; i < workers_.size(); ++i) {
    workers_[i]->Stop();
    workers_[i]->Join();
  }
  service_.reset();
  return exit_status_;
}

void Process::OnStarted(const Status& status) {
  if (!status.ok()) {
    exit_status_ = Fail(status);
    workers_.front()->Stop();
    return;
  }
  for (const net::SocketAddress& unused : net::ListenerPool::Process().inherited()) {
    service_->log().Warn("No component of the configuration listens on an inherited socket",
                         {{"endpoint", unused.ToString()}});
  }
}

void Process::OnSignal(int number) {
  if (number == SIGHUP) {
    service_->log().Info("Received signal from OS", {{"signal", "hangup"}});
    Reload();
    return;
  }
  service_->log().Info("Received signal from OS",
                       {{"signal", number == SIGTERM ? "terminated" : "interrupt"}});
  if (stopping_) {
    // Some tools (timeout, process managers) signal the process and then its group: one wish, told
    // twice.
    if (workers_.front()->Now() - stopping_since_ < kSignalEcho) {
      return;
    }
    service_->log().Warn("Second signal: leaving at once");
    _exit(1);
  }
  Stop();
}

// --watch: the files that the running configuration was read from.
void Process::Watch(const std::vector<std::string>& files) {
  if (!options_.watch) {
    return;
  }
  Status status;
  if (!watch_) {
    auto opened = FileWatch::Open(*workers_.front(), [this] {
      service_->log().Info("A configuration file changed");
      Reload();
    });
    status = opened.status();
    watch_ = opened.ok() ? *std::move(opened) : nullptr;
  }
  if (watch_) {
    status = watch_->SetFiles(files);
  }
  if (!status.ok()) {
    service_->log().Warn("Configuration files are not watched", {{"cause", status.message()}});
  }
}

// What the configuration needs from the network is brought on a thread of its own.
void Process::Bring(Task then) {
  if (!web_.used()) {
    then();
    return;
  }
  refresher_ = std::jthread([this, then = std::move(then)]() mutable {
    web_.Bring(options_.resolve);
    workers_.front()->Post(std::move(then));
  });
}

void Process::Reload() {
  // What came of it is logged by the service.
  service_->Reload([this](const auto&) { web_.Forget(); });
}

void Process::Stop() {
  stopping_ = true;
  stopping_since_ = workers_.front()->Now();
  service_->Shutdown(options_.shutdown_timeout, [this](uint64_t items_left) {
    exit_status_ = items_left > 0 ? 1 : 0;
    workers_.front()->Stop();
  });
}

}  // namespace

int RunCommand(RunOptions options) {
  const bool with_default = options.resolve.configs.empty();
  if (with_default) {
    options.resolve.configs = {DefaultConfig()};
  }
  auto sockets = TakeInheritedSockets();
  if (!sockets.ok()) {
    return Fail(sockets.status());
  }
  net::ListenerPool::Process().Inherit(*std::move(sockets));
  auto signals = SignalWatch::Open({SIGTERM, SIGINT, SIGHUP});
  if (!signals.ok()) {
    return Fail(signals.status());
  }
  if (with_default) {
    PrintDefaultHint();
  }
  return Process(std::move(options), std::move(signals).value()).Run();
}

}  // namespace gapless::cli
