#include "sending/channel_transport.h"

#include "net/loop/worker.h"

#include <algorithm>

namespace gapless::sending {
namespace {

// The same memory, not merely equal bytes.
bool SameBytes(const Rope& a, const Rope& b) {
  return !a.empty() &&
         std::ranges::equal(a.slices(), b.slices(), [](const Slice& x, const Slice& y) {
           return x.data() == y.data() && x.size() == y.size();
         });
}

}  // namespace

ChannelTransport::ChannelTransport(net::Worker& home, net::ClientChannelOptions options,
                                   std::unique_ptr<ExportProtocol> protocol,
                                   std::shared_ptr<MemoryLimit> memory)
    : home_(home),
      protocol_(std::move(protocol)),
      memory_(std::move(memory)),
      channel_(home, std::move(options), this) {}

ChannelTransport::~ChannelTransport() = default;

Result<ChannelTransport::Payload> ChannelTransport::EncodeOnce(const otlp::Batch& batch) {
  auto it = std::ranges::find_if(
      kept_, [&](const Payload& payload) { return SameBytes(payload.original, batch.body); });
  if (it != kept_.end()) {
    Payload payload = std::move(*it);
    kept_.erase(it);
    return payload;
  }
  Payload payload{.original = batch.body, .encoded = {}};
  ASSIGN_OR_RETURN(payload.encoded, protocol_->Encode(batch));
  if (!SameBytes(payload.original, payload.encoded)) {
    payload.memory = MemoryCharge(memory_, MemoryUse::kUnits);
    payload.memory.Add(payload.encoded.held_bytes());
  }
  return payload;
}

void ChannelTransport::Keep(Payload payload) {
  if (payload.encoded.empty() || SameBytes(payload.original, payload.encoded) ||
      !payload.memory.HasRoom()) {
    return;
  }
  if (kept_.size() >= kKeptPayloads) {
    kept_.pop_front();
  }
  kept_.push_back(std::move(payload));
  forget_ = home_.RunAfter(kKeepPayload, [this] { kept_.clear(); });
}

AttemptId ChannelTransport::Attempt(const otlp::Batch& batch, Duration timeout,
                                    AttemptCallback done) {
  if (timeout > Duration::zero()) {
    channel_.set_timeout(timeout);
  }
  const AttemptId id = next_id_++;
  Pending& pending = pending_[id];
  pending.done = std::move(done);
  Result<Payload> payload = EncodeOnce(batch);
  if (!payload.ok()) {
    AttemptResult result;
    result.outcome = OutcomeClass::kRejected;
    result.status = payload.status();
    pending.failure = home_.RunAfter(Duration::zero(), [this, id, result] { Finish(id, result); });
    return id;
  }
  pending.payload = *std::move(payload);
  Submit(id, std::make_shared<const net::HttpRequest>(
                 protocol_->Frame(pending.payload.encoded, timeout, false)));
  return id;
}

void ChannelTransport::Submit(AttemptId id, net::SharedRequest request) {
  auto done = [this, id, request](net::ExchangeResult result) {
    const auto found = pending_.find(id);
    if (found == pending_.end()) {
      return;
    }
    if (net::SharedRequest next = Follow(*request, result, found->second.redirects)) {
      ++found->second.redirects;
      return Submit(id, std::move(next));
    }
    Finish(id, Judge(result));
  };
  pending_.at(id).exchange = channel_.Send(std::move(request), std::move(done));
}

net::SharedRequest ChannelTransport::Follow(const net::HttpRequest& request,
                                            const net::ExchangeResult& result, int redirects) {
  if (!result.status.ok() || redirects >= kMaxRedirects) {
    return nullptr;
  }
  auto next = protocol_->Redirected(request, result.response, home_.WallNow());
  return next ? std::make_shared<const net::HttpRequest>(*std::move(next)) : nullptr;
}

void ChannelTransport::Finish(AttemptId id, AttemptResult result) {
  auto node = pending_.extract(id);
  if (node.empty()) {
    return;
  }
  if (result.outcome != OutcomeClass::kOk) {
    Keep(std::move(node.mapped().payload));
  }
  node.mapped().done(std::move(result));
}

void ChannelTransport::Cancel(AttemptId id) {
  auto node = pending_.extract(id);
  if (node.empty()) {
    return;
  }
  if (node.mapped().exchange) {
    channel_.Cancel(*node.mapped().exchange);
  }
  Keep(std::move(node.mapped().payload));
}

void ChannelTransport::Probe(Duration timeout, AttemptCallback done) {
  Ask(protocol_->Frame(Rope(), timeout, true), timeout, std::move(done));
}

void ChannelTransport::ProbeAsConfigured(Duration timeout, AttemptCallback done) {
  Result<Rope> body = protocol_->Encode(otlp::Batch());
  // Nothing is always encodable; a plain probe is at least a probe.
  Ask(body.ok() ? protocol_->Frame(std::move(*body), timeout, false)
                : protocol_->Frame(Rope(), timeout, true),
      timeout, std::move(done));
}

bool ChannelTransport::ProbeOtherEncoding(Duration timeout, AttemptCallback done) {
  std::optional<net::HttpRequest> request = protocol_->FrameOther();
  if (!request) {
    return false;
  }
  Ask(std::move(*request), timeout, std::move(done));
  return true;
}

void ChannelTransport::Ask(net::HttpRequest request, Duration timeout, AttemptCallback done,
                           int redirects) {
  auto shared = std::make_shared<const net::HttpRequest>(std::move(request));
  auto answered = [this, shared, timeout, redirects,
                   done = std::move(done)](net::ExchangeResult result) mutable {
    if (const net::SharedRequest next = Follow(*shared, result, redirects)) {
      return Ask(*next, timeout, std::move(done), redirects + 1);
    }
    done(Judge(result));
  };
  channel_.Ask(shared, timeout, std::move(answered));
}

AttemptResult ChannelTransport::Judge(const net::ExchangeResult& result) {
  AttemptResult out;
  const bool answered = result.status.ok() || (result.head && protocol_->HeadTells());
  if (answered) {
    out = protocol_->Read(result.response, home_.WallNow());
  } else if (result.fate == net::Fate::kAnswered) {
    out = ClassifyGrpc(result.status);  // a living peer reset this request alone
  } else {
    out = LocalFailure(result.status);
  }
  out.resent = result.resent;
  // The connection ended over it: whether the peer acted on it nobody knows.
  out.unknown = !answered && (result.fate == net::Fate::kLost || result.fate == net::Fate::kStale);
  return out;
}

void ChannelTransport::OnConnected() {
  if (observer_ != nullptr) {
    observer_->OnConnected();
  }
}

void ChannelTransport::OnDialFailed(const Status& status) {
  if (observer_ != nullptr) {
    observer_->OnDialFailed(status);
  }
}

void ChannelTransport::OnConnectionLost(const Status& status) {
  if (observer_ != nullptr) {
    observer_->OnConnectionLost(status);
  }
}

}  // namespace gapless::sending
