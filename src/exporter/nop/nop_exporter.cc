#include "exporter/nop/nop_exporter.h"

#include "net/loop/worker.h"
#include "sending/later_answers.h"

#include <utility>

namespace gapless::exporter::nop {
namespace {

using sending::AttemptCallback;
using sending::AttemptId;

class NopTransport final : public sending::Transport {
 public:
  explicit NopTransport(Loop& home) : answers_(home) {}

  // There is no connection, hence no news of it.
  void SetObserver(sending::TransportObserver* /*observer*/) override {}
  void Start() override {}
  void Stop() override {}

  AttemptId Attempt(const otlp::Batch& /*batch*/, Duration /*timeout*/,
                    AttemptCallback done) override {
    return answers_.Answer({}, std::move(done));
  }
  void Cancel(AttemptId id) override { answers_.Cancel(id); }
  void Probe(Duration /*timeout*/, AttemptCallback done) override {
    answers_.Answer({}, std::move(done));
  }

 private:
  sending::LaterAnswers answers_;
};

}  // namespace

const config::Table<Config>& ConfigTable() {
  static const config::Table<Config> table({});
  return table;
}

NopExporter::NopExporter(const pipeline::Settings& /*settings*/, Config /*config*/) {}

void NopExporter::Shutdown(TimePoint /*deadline*/, std::move_only_function<void()> done) { done(); }

std::unique_ptr<sending::Transport> NopExporter::CreateTransport(otlp::Signal /*signal*/,
                                                                 net::Worker& home,
                                                                 Duration /*suspect_after*/) {
  return MakeTransport(home);
}

std::unique_ptr<sending::Transport> MakeTransport(Loop& home) {
  return std::make_unique<NopTransport>(home);
}

}  // namespace gapless::exporter::nop
