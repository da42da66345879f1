#include "net/http/client_session.h"

#include "fmt/format.h"

#include <algorithm>
#include <utility>

namespace gapless::net {

Status ClientExchange::TakeBody(ByteSpan bytes, const ClientLimits& limits) {
  const size_t kept = std::min(bytes.size(), limits.max_response_bytes - response.body.size());
  if (kept > 0) {
    packer.Append(bytes.first(kept), response.body);
  }
  dropped_bytes += bytes.size() - kept;
  response.cut = response.cut || kept < bytes.size();
  return dropped_bytes <= kMaxDroppedBytes
             ? OkStatus()
             : ResourceExhausted(fmt::format("the response is larger than {} bytes",
                                             limits.max_response_bytes + kMaxDroppedBytes));
}

ExchangeResult ClientExchange::End(Status status, Fate fate) {
  ExchangeResult result{std::move(status), fate, {}};
  result.head = !result.status.ok() && head;
  if (result.status.ok() || result.head) {
    result.response = std::move(response);
    result.response.cut = result.response.cut || result.head;
  }
  return result;
}

}  // namespace gapless::net
