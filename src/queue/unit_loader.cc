#include "queue/unit_loader.h"

#include <utility>

namespace gapless::queue {
namespace {

// Units that are being read at once.
constexpr size_t kLoadingMax = 16;

}  // namespace

bool UnitLoader::HasRoom() const { return loading_ < kLoadingMax; }

void UnitLoader::Load(Unit& unit) {
  if (std::exchange(unit.content, Unit::Content::kReading) == Unit::Content::kReading) {
    return;
  }
  ++loading_;
  ReadParts(journal_, unit.parts, lifetime_.Guard([this, id = unit.id](ReadBatches batches) {
    OnRead(id, std::move(batches));
  }));
}

void UnitLoader::OnRead(uint64_t unit_id, ReadBatches batches) {
  --loading_;
  Unit* unit = owner_.FindUnit(unit_id);
  if (unit == nullptr) {
    owner_.OnLoadedInVain();
    return;
  }
  unit->content = Unit::Content::kUnread;
  Assembled made = Assemble(unit->parts, std::move(batches));
  for (const UnitPart& part : made.unread) {
    owner_.OnPartLost(part, std::nullopt);
  }
  for (const auto& [part, status] : made.damaged) {
    owner_.OnPartLost(part, status);
  }
  if (made.parts.empty()) {
    owner_.OnNothingToSend(*unit);
    return;
  }
  unit->parts = std::move(made.parts);
  const uint64_t bytes = from_disk_ ? made.batch.body.held_bytes() : made.inflated;
  owner_.Fill(*unit, std::move(made.batch), bytes);
  owner_.OnLoaded(*unit);
}

}  // namespace gapless::queue
