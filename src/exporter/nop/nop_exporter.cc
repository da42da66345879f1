#include "exporter/nop/nop_exporter.h"

#include "net/worker.h"

#include <unordered_map>
#include <utility>

namespace gapless::exporter::nop {
namespace {

using delivery::AttemptCallback;
using delivery::AttemptId;

class NopTransport final : public delivery::Transport {
 public:
  explicit NopTransport(Loop& home) : loop_(home) {}

  // There is no connection, hence no news of it.
  void SetObserver(delivery::TransportObserver* /*observer*/) override {}
  void Start() override {}
  void Stop() override {}

  AttemptId Attempt(const otlp::Batch& /*batch*/, Duration /*timeout*/,
                    AttemptCallback done) override {
    return Answer(std::move(done));
  }
  void Cancel(AttemptId id) override { waiting_.erase(id); }
  void Probe(Duration /*timeout*/, AttemptCallback done) override { Answer(std::move(done)); }

 private:
  // OK on a later turn, unless it is cancelled or the transport is gone by then.
  AttemptId Answer(AttemptCallback done) {
    const AttemptId id = next_id_++;
    waiting_.emplace(id, std::move(done));
    loop_.Post([this, alive = std::weak_ptr(alive_), id] {
      if (alive.expired()) {
        return;
      }
      if (auto node = waiting_.extract(id)) {
        node.mapped()({});
      }
    });
    return id;
  }

  Loop& loop_;
  std::unordered_map<AttemptId, AttemptCallback> waiting_;
  AttemptId next_id_ = 1;
  const std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace

const config::Table<Config>& ConfigTable() {
  static const config::Table<Config> table({});
  return table;
}

NopExporter::NopExporter(const pipeline::Settings& /*settings*/, Config /*config*/) {}

void NopExporter::Shutdown(TimePoint /*deadline*/, std::move_only_function<void()> done) { done(); }

std::unique_ptr<delivery::Transport> NopExporter::CreateTransport(otlp::Signal /*signal*/,
                                                                  net::Worker& home,
                                                                  Duration /*suspect_after*/) {
  return MakeTransport(home);
}

std::unique_ptr<delivery::Transport> MakeTransport(Loop& home) {
  return std::make_unique<NopTransport>(home);
}

}  // namespace gapless::exporter::nop
