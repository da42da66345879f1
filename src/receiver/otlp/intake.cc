#include "receiver/otlp/intake.h"

#include "base/retry_delay.h"
#include "net/loop/worker.h"
#include "telemetry/inventory.h"

#include <algorithm>
#include <utility>

namespace gapless::otlp_receiver {
Status ForClient(Status status) {
  if (status.origin() == Origin::kPeer || !status.retryable()) {
    return status;
  }
  const bool repeated_by_code = Status(status.code(), "").retryable();
  const Code code = repeated_by_code ? status.code() : Code::kUnavailable;
  return Status(code, status.message())
      .WithRetryAfter(status.retry_after().value_or(kClientRetryDelay));
}

Status TooManyRequests() { return ForClient(NoRoom()); }

std::shared_ptr<const otlp::Metadata> MakeMetadata(const net::HttpHeaders& headers,
                                                   std::string_view authority) {
  auto metadata = std::make_shared<otlp::Metadata>();
  metadata->reserve(headers.size() + 2);
  for (const net::HttpHeader& header : headers) {
    metadata->emplace_back(header.name, header.value);
  }
  metadata->emplace_back(":authority", authority);
  metadata->emplace_back("host", authority);
  std::ranges::stable_sort(*metadata, {}, &otlp::Metadata::value_type::first);
  return metadata;
}

std::string ClientAddress(const net::PeerInfo& peer) {
  std::string address = peer.remote.HostString();
  constexpr std::string_view kMapped = "::ffff:";
  if (address.starts_with(kMapped) && address.contains('.')) {
    address.erase(0, kMapped.size());
  }
  return address;
}

Intake::Intake(const pipeline::Settings& settings, std::string_view transport,
               const pipeline::Outputs& outputs, size_t max_bytes, Mode mode, IntakeHelpers helpers)
    : outputs_(outputs),
      max_bytes_(max_bytes),
      mode_(mode),
      too_large_(transport == "http" ? Code::kInvalidArgument : Code::kResourceExhausted),
      helpers_(std::move(helpers)) {
  constexpr auto kAccepted = telemetry::MetricsBySignal("otelcol_receiver_accepted_");
  constexpr auto kRefused = telemetry::MetricsBySignal("otelcol_receiver_refused_");
  constexpr auto kFailed = telemetry::MetricsBySignal("otelcol_receiver_failed_");
  const telemetry::Labels labels = {{"receiver", settings.id.ToString()},
                                    {"transport", std::string(transport)}};
  for (size_t i = 0; i < books_.size(); ++i) {
    if (outputs_[i] != nullptr) {
      books_[i] = {settings.metrics.GetCounter(*kAccepted[i], labels),
                   settings.metrics.GetCounter(*kRefused[i], labels),
                   settings.metrics.GetCounter(*kFailed[i], labels)};
    }
  }
}

void Intake::Take(Request request, std::move_only_function<void(Status)> done) const {
  if (mode_ == Mode::kFarewell) {
    return done(ForClient(Unavailable("shutting down")));
  }
  if (!helpers_.unpacker || !request.worker) {
    Result<otlp::Batch> batch = Unpack(request, max_bytes_);
    return OnUnpacked(request.signal, std::move(batch), std::move(request.memory), std::move(done));
  }
  if (auto batch = UnpackQuickly(request, max_bytes_)) {
    return OnUnpacked(request.signal, *std::move(batch), std::move(request.memory),
                      std::move(done));
  }
  UnpackElsewhere(std::move(request), std::move(done));
}

void Intake::UnpackElsewhere(Request request, Done done) const {
  if (waiting_.fetch_add(1) >= kMaxWaiting) {
    waiting_.fetch_sub(1);
    return OnUnpacked(request.signal, NoRoom(), {}, std::move(done));
  }
  helpers_.unpacker->Post(
      [self = shared_from_this(), request = std::move(request), done = std::move(done)]() mutable {
        const bool wanted = !request.context || !request.context->cancelled;
        Result<otlp::Batch> batch = wanted ? Unpack(request, self->max_bytes_)
                                           : Result<otlp::Batch>(Cancelled("the client has left"));
        self->waiting_.fetch_sub(1);
        net::Worker* const worker = request.worker;
        const otlp::Signal signal = request.signal;
        net::BodyCharge memory = std::move(request.memory);
        worker->Post([self = std::move(self), signal, batch = std::move(batch),
                      memory = std::move(memory), done = std::move(done)]() mutable {
          self->OnUnpacked(signal, std::move(batch), std::move(memory), std::move(done));
        });
      });
}

void Intake::OnUnpacked(otlp::Signal signal, Result<otlp::Batch> batch, net::BodyCharge memory,
                        Done done) const {
  if (!batch.ok()) {
    const Status status = batch.status();
    if (status.code() == Code::kUnavailable || status.code() == Code::kCancelled) {
      if (helpers_.refusals && status.code() == Code::kUnavailable) {
        helpers_.refusals->OnRefused(net::RefusedRequest::kBodyBudget, net::SocketAddress());
      }
      return done(ForClient(status));
    }
    if (helpers_.refusals && status.code() == Code::kResourceExhausted) {
      helpers_.refusals->OnInflated(status.message());
    }
    // Never repeated: the same bytes would fail again.
    const Code code = status.code() == Code::kResourceExhausted ? too_large_ : status.code();
    return done(Status(code, status.message()).WithRetryable(false));
  }
  if (batch->context && batch->context->cancelled) {
    return done(Cancelled("the client has left"));  // and perhaps the receiver
  }
  if (batch->items == 0) {
    return done({});
  }
  const auto index = static_cast<size_t>(signal);
  const uint32_t items = batch->items;
  outputs_[index]->Consume(
      *std::move(batch),
      pipeline::Completion([books = books_[index], items, memory = std::move(memory),
                            refusals = helpers_.refusals,
                            done = std::move(done)](Status status) mutable {
        (status.ok() ? books.accepted : books.refused).Add(items);
        memory.Release();
        if (refusals && IsNoMemoryLeft(status)) {
          refusals->OnRefused(net::RefusedRequest::kMemory, net::SocketAddress());
        }
        done(ForClient(std::move(status)));
      }));
}

}  // namespace gapless::otlp_receiver
