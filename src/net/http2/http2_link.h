// What the parts of an HTTP/2 server's connection ask of it. Internal to net.
#pragma once

namespace gapless::net {

class Http2Link {
 public:
  // Sends the frames that were submitted: now, or together with others of this turn.
  virtual void Flush() = 0;
  virtual void ScheduleFlush() = 0;
  // The connection has nothing more to do.
  virtual void Finish() = 0;

 protected:
  ~Http2Link() = default;
};

}  // namespace gapless::net
