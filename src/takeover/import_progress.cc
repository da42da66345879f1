#include "takeover/import_progress.h"

#include <cinttypes>
#include <cstdio>

#include <fmt/format.h>

namespace gapless::takeover {
namespace {

constexpr size_t kMaxBytes = 4096;

}  // namespace

std::string ProgressPath(const std::string& queue_file) { return queue_file + ".importing"; }

uint64_t ReadProgress(io::FileSystem& fs, const std::string& queue_file,
                      const ImportProgress& wanted) {
  const auto text = io::ReadWholeFile(fs, ProgressPath(queue_file), kMaxBytes);
  ImportProgress found;
  const bool whole =
      text.ok() &&
      std::sscanf(text->c_str(), "transaction %" SCNu64 "\nsize %" SCNu64 "\ndone %" SCNu64 "\n",
                  &found.transaction, &found.size, &found.done) == 3;
  return whole && found.transaction == wanted.transaction && found.size == wanted.size ? found.done
                                                                                       : 0;
}

Status WriteProgress(io::FileSystem& fs, const std::string& queue_file,
                     const ImportProgress& progress) {
  const std::string text = fmt::format("transaction {}\nsize {}\ndone {}\n", progress.transaction,
                                       progress.size, progress.done);
  return io::WriteFileAtomically(fs, ProgressPath(queue_file), AsBytes(text));
}

}  // namespace gapless::takeover
