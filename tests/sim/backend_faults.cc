// What happens to the backends of a life and to its machine: faults begin, and each ends after a
// while.
#include "tests/sim/backend_life.h"
#include "tests/sim/between.h"

#include <algorithm>

namespace gapless::sim {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

// The product gives a disk half a minute to read something back.
constexpr Duration kDiskTroubleMax = seconds(20);
constexpr Duration kUnreadableMax = seconds(5);

}  // namespace

std::vector<std::string_view> BackendLife::Kinds() const {
  std::vector<std::string_view> kinds;
  for (const NamedFeature& promise : kPromises) {
    const bool happens = promise.on == &Features::read_only || promise.on == &Features::forgets ||
                         promise.on == &Features::bad_items || promise.on == &Features::killers;
    if (happens && features_.*promise.on) {
      kinds.push_back(promise.name);
    }
  }
  for (const NamedFeature& circumstance : kCircumstances) {
    if (circumstance.on == &Features::crashes) {
      break;  // what follows does not happen to backends
    }
    if (features_.*circumstance.on) {
      kinds.push_back(circumstance.name);
    }
  }
  if (features_.slow_disk || features_.full_disk || features_.disk_errors) {
    kinds.push_back("disk");
  }
  return kinds;
}

void BackendLife::BeginFault() {
  const auto kinds = Kinds();
  if (kinds.empty()) {
    return;
  }
  // Long and rare: half of the faults, or the others hide it.
  const std::string_view kind = features_.read_only && fault_rng_.Chance(0.5)
                                    ? "read_only"
                                    : kinds[fault_rng_.Below(kinds.size())];
  if (kind == "bad_items") {
    PoisonItem();
    return;
  }
  if (kind == "killers") {
    PlantKiller();
    return;
  }
  if (kind == "disk") {
    BeginDiskTrouble();
    return;
  }
  const PeerGroup& peers = levels_[fault_rng_.Below(levels_.size())].peers;
  SimPeer& peer = *peers[fault_rng_.Below(peers.size())];
  if (std::ranges::find(faults_, &peer, &Fault::peer) != faults_.end() ||
      peer.backend.state == SimBackend::State::kWrongPath) {
    return;  // one at a time
  }
  const Duration lasts = kind == "read_only" ? Between(fault_rng_, seconds(10), minutes(5))
                         : fault_rng_.Chance(0.5)
                             ? Between(fault_rng_, milliseconds(100), seconds(5))
                             : Between(fault_rng_, seconds(5), seconds(60));
  Tell("fault: " + peer.name() + " " + std::string(kind) + " for " +
       std::to_string(lasts / milliseconds(1)) + " ms");
  faults_.push_back({.peer = &peer, .until = loop_.Now() + lasts});
  BeginFaultOf(peer, kind);
}

void BackendLife::BeginFaultOf(SimPeer& peer, std::string_view kind) {
  using Mode = SimPeer::Mode;
  if (kind == "refused") {
    peer.SetLink(SimPeer::Link::kRefused);
  } else if (kind == "black_hole") {
    peer.SetLink(SimPeer::Link::kBlackHole);
  } else if (kind == "resets") {
    peer.Reset();
  } else if (kind == "unavailable") {
    peer.mode = Mode::kUnavailable;
  } else if (kind == "faulty") {
    if (fault_rng_.Chance(0.5)) {
      peer.failure_rate = fault_rng_.Uniform() * 0.5;
    } else {
      peer.mode = Mode::kFaulty;
    }
  } else if (kind == "denies") {
    peer.mode = Mode::kDenied;
  } else if (kind == "hangs") {
    peer.mode = fault_rng_.Chance(0.5) ? Mode::kHangs : Mode::kTakesAndHangs;
  } else if (kind == "takes_and_fails") {
    peer.mode = Mode::kTakesAndFails;
  } else if (kind == "throttles") {
    peer.mode = Mode::kThrottled;
    peer.throttle_delay = Between(fault_rng_, milliseconds(100), seconds(30));
  } else if (kind == "size_limit") {
    peer.max_bytes = 300 + fault_rng_.Below(3000);
  } else if (kind == "slow") {
    peer.latency = Between(fault_rng_, milliseconds(100), seconds(8));
  } else if (kind == "read_only") {
    peer.backend.state =
        fault_rng_.Chance(0.6) ? SimBackend::State::kReadOnly429 : SimBackend::State::kReadOnly503;
  } else if (kind == "forgets") {
    Crash(peer);
  }
}

// It stays away for long enough that its level falls.
void BackendLife::Crash(SimPeer& peer) {
  peer.Crash(loop_.Now());
  peer.SetLink(SimPeer::Link::kRefused);
  faults_.back().until = std::max(faults_.back().until, loop_.Now() + seconds(1));
}

void BackendLife::Mend(SimPeer& peer) {
  peer.SetLink(SimPeer::Link::kUp);
  peer.mode = SimPeer::Mode::kOk;
  peer.failure_rate = 0;
  peer.max_bytes = SIZE_MAX;
  peer.latency = Between(fault_rng_, milliseconds(1), milliseconds(50));
  if (peer.backend.state != SimBackend::State::kWrongPath) {
    peer.backend.state = SimBackend::State::kWell;
  }
}

void BackendLife::EndFaults(TimePoint now) {
  for (const Fault& fault : faults_) {
    if (fault.until <= now) {
      Tell("the fault of " + fault.peer->name() + " ends");
      Mend(*fault.peer);
    }
  }
  std::erase_if(faults_, [now](const Fault& fault) { return fault.until <= now; });
  if (repair_at_ && *repair_at_ <= now) {
    Repair();
  }
  if (disk_until_ && *disk_until_ <= now) {
    Tell("the disk is well again");
    disk_until_.reset();
    disk_.Mend();
  }
}

// One at a time.
void BackendLife::BeginDiskTrouble() {
  if (disk_until_) {
    return;
  }
  disk_until_ = loop_.Now() + Between(fault_rng_, milliseconds(100), kDiskTroubleMax);
  std::vector<bool Features::*> kinds;
  for (const auto kind : {&Features::slow_disk, &Features::full_disk, &Features::disk_errors}) {
    if (features_.*kind) {
      kinds.push_back(kind);
    }
  }
  const auto kind = kinds[fault_rng_.Below(kinds.size())];
  if (kind == &Features::slow_disk) {
    const Duration each = Between(fault_rng_, milliseconds(10), seconds(2));
    Tell("fault: the disk takes " + std::to_string(each / milliseconds(1)) + " ms");
    disk_.BeSlow(each);
  } else if (kind == &Features::full_disk) {
    const uint64_t left = fault_rng_.Below(128 * 1024);
    Tell("fault: the disk has " + std::to_string(left) + " bytes left");
    disk_.BeFull(left);
  } else if (fault_rng_.Chance(0.4)) {
    const uint64_t call = 1 + fault_rng_.Below(20);
    Tell("fault: disk call " + std::to_string(call) + " from now fails");
    disk_.FailCall(call, fault_rng_.Chance(0.7) ? Unavailable("Input/output error")
                                                : ResourceExhausted("No space left on device"));
  } else {
    const bool writes = fault_rng_.Chance(0.5);
    Tell(writes ? "fault: writes fail" : "fault: reads fail");
    writes ? disk_.FailWrites() : disk_.FailReads();
    if (!writes) {  // a record that cannot be read for longer counts as damaged (read_ahead.h)
      disk_until_ = std::min(*disk_until_, loop_.Now() + kUnreadableMax);
    }
  }
}

// Somebody corrects the path.
void BackendLife::Repair() {
  repair_at_.reset();
  Tell("the wrong paths are repaired");
  for (const Level& level : levels_) {
    for (const auto& peer : level.peers) {
      peer->backend.state = SimBackend::State::kWell;
    }
  }
}

// An item of the near future that some or all backends call invalid, with all that comes with it.
void BackendLife::PoisonItem() {
  const uint64_t number = next_item_ + fault_rng_.Below(100);
  const bool everywhere = fault_rng_.Chance(0.5);
  for (const Level& level : levels_) {
    for (const auto& peer : level.peers) {
      peer->backend.invalid.insert(number);
      if (everywhere || fault_rng_.Chance(0.3)) {
        peer->poison.insert(number);
      }
    }
  }
  Tell("item " + std::to_string(number) + " is invalid" + (everywhere ? " everywhere" : ""));
  oracle_.Poisonous(number);
}

// A request of the near future that makes the backends fail.
void BackendLife::PlantKiller() {
  const uint64_t number = next_item_ + fault_rng_.Below(100);
  killers_.insert(number);
  for (const Level& level : levels_) {
    for (const auto& peer : level.peers) {
      peer->faulty.insert(number);
    }
  }
  Tell("backends fail at item " + std::to_string(number));
}

void BackendLife::Heal() {
  Tell("all faults end");
  EndFaults(TimePoint::max());
  for (const Level& level : levels_) {
    for (const auto& peer : level.peers) {
      peer->faulty.clear();
    }
  }
  if (return_at_) {
    Return();
  }
  level_watch_.Excuse(loop_.Now());
  for (size_t i = 0; overridden_ && i < levels_.size(); ++i) {
    queue_->SetOverride(i, routing::Override::kAuto);
  }
  overridden_ = false;
}

}  // namespace gapless::sim
