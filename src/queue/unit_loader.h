// UnitLoader: reads units from the journal before they are sent. Home loop.
#pragma once

#include "base/lifetime.h"
#include "queue/assemble.h"
#include "queue/unit.h"

#include <optional>

namespace gapless::queue {

class UnitLoader {
 public:
  class Owner {
   public:
    // Null: it has ended.
    virtual Unit* FindUnit(uint64_t id) = 0;
    // What is left of its parts. `made`: bytes of memory that this took, beside the journal's.
    virtual void Fill(Unit& unit, otlp::Batch batch, uint64_t made) = 0;
    // Of this part nothing could be read. Damaged: the journal has settled and counted its record,
    // unless `unreadable` says what is wrong with its content.
    virtual void OnPartLost(const UnitPart& part, const std::optional<Status>& unreadable) = 0;
    virtual void OnLoaded(Unit& unit) = 0;
    // Nothing of it could be read.
    virtual void OnNothingToSend(Unit& unit) = 0;
    // A unit that had ended meanwhile gives its place free.
    virtual void OnLoadedInVain() = 0;

   protected:
    ~Owner() = default;
  };
  // Both outlive it.
  UnitLoader(journal::Journal& journal, Owner& owner)
      : journal_(journal), owner_(owner), from_disk_(journal.tier() != "memory") {}

  bool HasRoom() const;
  // Does nothing if the unit is being read already. May answer inside the call.
  void Load(Unit& unit);

 private:
  void OnRead(uint64_t unit_id, ReadBatches batches);

  journal::Journal& journal_;
  Owner& owner_;
  const bool from_disk_;
  size_t loading_ = 0;
  Lifetime lifetime_;
};

}  // namespace gapless::queue
