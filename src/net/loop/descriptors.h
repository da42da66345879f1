// File descriptors: how many the process may have, how servers leave some to others, and what is
// noted when there are none left. Thread-safe.
//
// What this process lacks says nothing about a peer: such a failure is marked
// (Origin::kOwnShortage), and whoever dials waits for it to pass.
#pragma once

#include "base/status.h"

#include <cstddef>
#include <cstdint>

namespace gapless::net {

// Raises the soft limit to the hard one, as Go's runtime does. Call it before any server listens.
void RaiseDescriptorLimit();

// How many connections the servers of the process may hold together: the limit of descriptors less
// what dialling, the disk, and our own pages need.
size_t ConnectionLimit();
// For tests; 0: as above.
void SetConnectionLimit(size_t limit);

// Whether errno says that this process, or the machine, has no descriptors or memory left.
bool IsShortage(int error);
// Whether no descriptor can be had at the moment (two system calls).
bool OutOfDescriptors();

enum class Shortage : uint8_t {
  kAccept,       // a client could not be accepted
  kDial,         // a destination could not be dialled, or its name not be looked up
  kConnections,  // clients waited, as ConnectionLimit or a listener's own limit was reached
};
inline constexpr size_t kShortages = 3;

// Noted here, and logged by whoever looks.
struct ShortageNote {
  uint64_t count = 0;
  int error = 0;  // errno of the last time; 0: none
};
void NoteShortage(Shortage kind, int error);
ShortageNote Noted(Shortage kind);

}  // namespace gapless::net
