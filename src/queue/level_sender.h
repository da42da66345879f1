// LevelSender: the way of units to one level: through the processors of each of its paths, to the
// path's sender, and back. A unit is delivered when every path has delivered it. Used for live data
// and for backfill. Home loop.
#pragma once

#include "queue/queue_level.h"
#include "queue/unit.h"
#include "sending/lanes.h"
#include "sending/sender.h"

#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

namespace gapless::queue {

class LevelSender {
 public:
  enum class News : uint8_t { kDialFailed, kConnectionLost, kConnected };
  // What became of a unit's items. Of several paths: an item counts as filtered by processors, or
  // as refused by its destination, only where no path sent it.
  struct Taken {
    uint64_t filtered = 0;
    uint64_t refused = 0;
    uint64_t delivered = 0;
  };

  // Hears of the units that were sent. Inside Send only if a processor ends a unit.
  struct SentUnit {
    uint64_t id = 0;
    uint64_t items = 0;
  };
  class Client {
   public:
    // Null: it has ended.
    virtual Unit* FindUnit(uint64_t id) = 0;
    virtual void OnAttempt(LevelSender& level, size_t path, Unit& unit,
                           const sending::AttemptResult& result) = 0;
    // unit.paths[path] says how much of it went there.
    virtual void OnPathDelivered(LevelSender& level, size_t path, Unit& unit,
                                 const sending::AttemptResult& result) = 0;
    // By every path, the last one with `result`.
    virtual void OnDelivered(LevelSender& level, Unit& unit, const Taken& taken,
                             const sending::AttemptResult& result) = 0;
    // Rejected or given up by one path; the unit is released.
    virtual void OnFailed(LevelSender& level, Unit& unit, sending::DeliveryEnd end,
                          const sending::AttemptResult& result) = 0;
    // An attempt of a unit that was released has ended; it may be settled by now. `sent`: the unit
    // as it was then.
    virtual void OnLate(LevelSender& level, const SentUnit& sent,
                        const sending::AttemptResult& result) = 0;
    // Of the connection of one path, and of room.
    virtual void OnNews(LevelSender& level, size_t path, News news, const Status& status) = 0;
    virtual void OnRoom() = 0;

   protected:
    ~Client() = default;
  };

  // `index`: of the level in its queue. The client outlives it.
  LevelSender(const QueueLevel& level, size_t index, Client& client);
  ~LevelSender();
  LevelSender(const LevelSender&) = delete;
  LevelSender& operator=(const LevelSender&) = delete;

  const std::string& name() const { return name_; }
  size_t index() const { return index_; }
  size_t paths() const { return paths_.size(); }

  bool HasRoom() const;
  // Lanes in which something is under way.
  sending::Lanes busy_lanes() const;
  // The smaller of `max` and what the paths take at once, in items; 0: any number.
  uint64_t ItemCap(uint64_t max = 0) const;
  // A destination asks for less than it gets.
  bool IsLimited(TimePoint now) const;
  // How many units may be under way at once.
  size_t slots() const;
  void ForgetThrottle();

  // Precondition: the unit is read, its level is this one's, and its lanes are not busy. `how`:
  // everything but the batch.
  void Send(Unit& unit, const sending::SendRequest& how);
  // The unit is not under way any more; attempts that run on may still deliver it: counted in the
  // unit and in its track.
  void Release(Unit& unit);
  // Its further attempts on this path go over a connection of their own.
  void Isolate(Unit& unit, size_t path);
  // Others may go in the unit's lanes from now on.
  void FreeLanes(const Unit& unit);

  // The level has left its queue, or changed: only late answers matter from now on. Precondition:
  // no unit is under way.
  void Detach() { detached_ = true; }
  bool detached() const { return detached_; }
  // Nothing is under way here any more: no answer is waited for, and its senders, unless `now` has
  // them too, have none for anybody else.
  bool IsDone(const LevelSender* now) const;

 private:
  class Path;
  // False: a processor has ended the unit here.
  bool SendOnPath(Unit& unit, size_t index, const sending::SendRequest& how);
  static Taken TakenOf(const Unit& unit);
  void OnPathEnd(size_t path, Unit& unit, const sending::AttemptResult& result);

  const std::string name_;
  const size_t index_;
  Client& client_;
  bool detached_ = false;
  std::vector<std::unique_ptr<Path>> paths_;
};

}  // namespace gapless::queue
