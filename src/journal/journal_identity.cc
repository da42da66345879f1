#include "journal/journal_identity.h"

#include "journal/segment_format.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <string_view>

#include <fmt/format.h>

namespace gapless::journal {

namespace {

constexpr std::string_view kFirstLine = "gapless journal\n";
constexpr size_t kSizeMax = 64 * 1024;
constexpr std::array<std::string_view, 6> kOwnNames = {"JOURNAL",      "JOURNAL.tmp",  "lock",
                                                       "checkpoint.0", "checkpoint.1", "damaged"};

// What follows `key` on its line.
std::optional<std::string_view> Line(std::string_view text, std::string_view key) {
  const size_t at = text.find(key);
  if (at == std::string_view::npos) {
    return std::nullopt;
  }
  text.remove_prefix(at + key.size());
  return text.substr(0, text.find('\n'));
}

std::optional<uint64_t> Number(std::optional<std::string_view> text, int base) {
  uint64_t value = 0;
  if (!text) {
    return std::nullopt;
  }
  const char* end = text->data() + text->size();
  const auto [stop, error] = std::from_chars(text->data(), end, value, base);
  return error == std::errc() && stop == end ? std::optional(value) : std::nullopt;
}

}  // namespace

Result<JournalIdentity> ReadIdentity(io::FileSystem& fs, const std::string& directory) {
  const std::string path = io::JoinPath(directory, "JOURNAL");
  ASSIGN_OR_RETURN(const std::string text, io::ReadWholeFile(fs, path, kSizeMax));
  const auto version = Number(Line(text, "\nformat: "), 10);
  const auto id = Number(Line(text, "\nid: "), 16);
  if (!text.starts_with(kFirstLine) || !version) {
    return DataLoss(fmt::format("{} is damaged", path));
  }
  if (*version > kFormatVersion) {
    return FailedPrecondition(fmt::format(
        "{}: format {} is newer than format {}, which this version of gapless reads: use "
        "a newer gapless, or another directory",
        path, *version, kFormatVersion));
  }
  if (!id || *id == 0) {
    return DataLoss(fmt::format("{} is damaged", path));
  }
  return JournalIdentity{.id = *id, .name = std::string(Line(text, "\nname: ").value_or(""))};
}

Status WriteIdentity(io::FileSystem& fs, const std::string& directory,
                     const JournalIdentity& identity) {
  const std::string text = fmt::format("{}format: {}\nid: {:016x}\nname: {}\n", kFirstLine,
                                       kFormatVersion, identity.id, identity.name);
  return io::WriteFileAtomically(fs, io::JoinPath(directory, "JOURNAL"), AsBytes(text));
}

Status CheckNoForeignFiles(io::FileSystem& fs, const std::string& directory) {
  ASSIGN_OR_RETURN(const std::vector<io::DirectoryEntry> entries, fs.List(directory));
  for (const io::DirectoryEntry& entry : entries) {
    if (!IsSegmentName(entry.name) && std::ranges::find(kOwnNames, entry.name) == kOwnNames.end()) {
      return FailedPrecondition(
          fmt::format("{} is not a journal of gapless: it holds {}; choose an empty directory",
                      directory, entry.name));
    }
  }
  return OkStatus();
}

}  // namespace gapless::journal
