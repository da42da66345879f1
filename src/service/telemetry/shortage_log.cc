#include "service/telemetry/shortage_log.h"

#include "net/loop/address.h"

#include <utility>

namespace gapless::service {

void ShortageLog::Look(const telemetry::Logger& log, TimePoint now) {
  constexpr std::array<std::string_view, net::kShortages> kMessages = {
      "Clients cannot be accepted: this process has no file descriptors or memory left. Raise its "
      "limit (ulimit -n, LimitNOFILE)",
      "Destinations cannot be dialled: this process has no file descriptors or memory left. Raise "
      "its limit (ulimit -n, LimitNOFILE). Their levels are not blamed for it",
      "There are as many connections as there may be: those that are idle are closed for new ones"};
  for (size_t i = 0; i < kMessages.size(); ++i) {
    const net::ShortageNote note = net::Noted(static_cast<net::Shortage>(i));
    const uint64_t before = std::exchange(seen_[i], note.count);
    if (note.count != before) {
      lines_.Log(log, telemetry::LogLevel::kWarn, now, kMessages[i],
                 {{"times", note.count - before},
                  {"connections_max", net::ConnectionLimit()},
                  {"cause", note.error == 0 ? "limit" : net::ErrorText(note.error)}});
    }
  }
}

}  // namespace gapless::service
