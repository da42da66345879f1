// What the machine and the cgroup allow this process.
#pragma once

#include "io/file_system.h"

#include <cstdint>

namespace gapless::io {

// The smaller of physical memory (/proc/meminfo) and the memory limit of the process's cgroup and
// its parents (version 2 memory.max, version 1 memory.limit_in_bytes). 1 GiB if nothing can be
// read. Unit: bytes.
uint64_t MachineMemoryLimit(FileSystem& fs);

// Lets the allocator keep tens of MiB that were freed instead of giving them back at once: buffers
// of a MiB that come and go would cost a page fault per 4 KiB otherwise. Once, at the start of the
// process.
void KeepFreedMemory();

// The allocator keeps what a burst needed: gives it back to the system if that is more than `much`
// bytes. Takes milliseconds then, in which other threads may wait for memory.
void ReturnFreeMemory(uint64_t much);

}  // namespace gapless::io
