#include "service/graph/queue_host.h"

#include "pipeline/home_consumer.h"

namespace gapless::service {

// Lives as long as a batch may still be on its way to the queue; afterwards it refuses.
class QueueHost::Entry final : public pipeline::Consumer {
 public:
  void Consume(otlp::Batch batch, pipeline::Completion completion) override {
    if (!queue) {
      completion(Unavailable("this destination left the configuration"));
      return;
    }
    queue->Consume(std::move(batch), std::move(completion));
  }

  std::unique_ptr<queue::SendingQueue> queue;
};

QueueHost::QueueHost(net::Worker& home, QueuePlan plan, std::string place,
                     std::move_only_function<std::unique_ptr<queue::SendingQueue>()> make)
    : home_(home),
      plan_(std::move(plan)),
      place_(std::move(place)),
      entry_(std::make_shared<Entry>()),
      consumer_(std::make_shared<pipeline::HomeConsumer>(home, entry_)) {
  RunOn(home_, [&] { entry_->queue = make(); });
}

QueueHost::~QueueHost() {
  RunOn(home_, [this] { entry_->queue.reset(); });
}

void QueueHost::Reconfigure(QueuePlan plan, queue::SendingQueueOptions options) {
  retirement_.Renew();
  plan_ = std::move(plan);
  With([&](queue::SendingQueue& queue) { queue.Reconfigure(std::move(options)); });
}

void QueueHost::Retire(net::Worker& control, std::move_only_function<void()> drained) {
  Task tell = [&control, drained = retirement_.Guard(std::move(drained))]() mutable {
    control.Post(std::move(drained));
  };
  With([&](queue::SendingQueue& queue) { queue.Retire(std::move(tell)); });
}

void QueueHost::Shutdown(net::Worker& control, TimePoint deadline,
                         std::move_only_function<void(journal::Amount)> done) {
  closing_ = true;
  auto tell = [&control, done = std::move(done)](journal::Amount left) mutable {
    control.Post([done = std::move(done), left]() mutable { done(left); });
  };
  With([&](queue::SendingQueue& queue) { queue.Shutdown(deadline, std::move(tell)); });
}

void QueueHost::With(std::move_only_function<void(queue::SendingQueue&)> task) const {
  RunOn(home_, [&] { task(*entry_->queue); });
}

queue::QueueStatus QueueHost::status() const {
  queue::QueueStatus status;
  With([&](const queue::SendingQueue& queue) { status = queue.status(); });
  return status;
}

std::string QueueHost::tier() const {
  std::string tier;
  With([&](const queue::SendingQueue& queue) { tier = queue.journal().tier(); });
  return tier;
}

}  // namespace gapless::service
