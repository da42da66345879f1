#include "service/graph/queue_host.h"

#include "pipeline/home_consumer.h"

#include <future>

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

void RunOn(net::Worker& worker, std::move_only_function<void()> task) {
  if (worker.InThread()) {
    task();
    return;
  }
  std::promise<void> done;
  worker.Post([&] {
    task();
    done.set_value();
  });
  done.get_future().wait();
}

QueueHost::QueueHost(net::Worker& home, QueuePlan plan, std::string place)
    : home_(home),
      plan_(std::move(plan)),
      place_(std::move(place)),
      entry_(std::make_shared<Entry>()),
      consumer_(std::make_shared<pipeline::HomeConsumer>(home, entry_)) {}

QueueHost::~QueueHost() {
  RunOn(home_, [this] { entry_->queue.reset(); });
}

Status QueueHost::Create(
    std::move_only_function<Result<std::unique_ptr<queue::SendingQueue>>()> make) {
  Status status;
  RunOn(home_, [&] {
    auto queue = make();
    if (queue.ok()) {
      entry_->queue = std::move(queue).value();
    } else {
      status = queue.status();
    }
  });
  return status;
}

bool QueueHost::Reconfigure(QueuePlan plan, queue::SendingQueueOptions options) {
  bool open = false;
  RunOn(home_, [&] {
    open = entry_->queue->CanComeBack();
    if (open) {
      entry_->queue->Reconfigure(std::move(options));
    }
  });
  if (open) {
    plan_ = std::move(plan);
  }
  return open;
}

void QueueHost::Retire(net::Worker& control, std::move_only_function<void()> done) {
  RunOn(home_, [&] {
    entry_->queue->Retire([&control, done = std::move(done)]() mutable {
      control.Post([done = std::move(done)]() mutable { done(); });
    });
  });
}

void QueueHost::Shutdown(net::Worker& control, TimePoint deadline,
                         std::move_only_function<void(journal::Amount)> done) {
  RunOn(home_, [&] {
    entry_->queue->Shutdown(
        deadline, [&control, done = std::move(done)](journal::Amount left) mutable {
          control.Post([done = std::move(done), left]() mutable { done(left); });
        });
  });
}

void QueueHost::With(std::move_only_function<void(queue::SendingQueue&)> task) const {
  RunOn(home_, [&] { task(*entry_->queue); });
}

queue::QueueStatus QueueHost::status() const {
  queue::QueueStatus status;
  RunOn(home_, [&] {
    if (entry_->queue->CanComeBack()) {
      status = entry_->queue->status();
    }
  });
  return status;
}

std::string QueueHost::tier() const {
  std::string tier;
  RunOn(home_, [&] { tier = entry_->queue->journal().tier(); });
  return tier;
}

}  // namespace gapless::service
