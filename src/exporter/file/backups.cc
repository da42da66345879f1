#include "exporter/file/backups.h"

#include "fmt/format.h"

#include <algorithm>
#include <ctime>

namespace gapless::exporter::file {
namespace {

struct NameParts {
  std::string_view stem;       // "data"
  std::string_view extension;  // ".json", or nothing
};

NameParts SplitName(std::string_view file_name) {
  const size_t dot = file_name.rfind('.');
  return dot == std::string_view::npos ? NameParts{file_name, {}}
                                       : NameParts{file_name.substr(0, dot), file_name.substr(dot)};
}

std::string TimeText(WallTime when, bool localtime) {
  const auto whole = std::chrono::floor<std::chrono::milliseconds>(when.time_since_epoch());
  const auto seconds = std::chrono::floor<std::chrono::seconds>(whole);
  const std::time_t unix_seconds = seconds.count();
  std::tm parts = {};
  if (localtime) {
    localtime_r(&unix_seconds, &parts);
  } else {
    gmtime_r(&unix_seconds, &parts);
  }
  return fmt::format("{:04}-{:02}-{:02}T{:02}-{:02}-{:02}.{:03}", parts.tm_year + 1900,
                     parts.tm_mon + 1, parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec,
                     (whole - seconds).count());
}

// The time in the name of a backup; empty if it is none.
std::string_view TimeOf(std::string_view file_name, std::string_view name) {
  constexpr std::string_view kShape = "0000-00-00T00-00-00.000";
  const NameParts parts = SplitName(file_name);
  if (name.size() != parts.stem.size() + 1 + kShape.size() + parts.extension.size() ||
      !name.starts_with(parts.stem) || name[parts.stem.size()] != '-' ||
      !name.ends_with(parts.extension)) {
    return {};
  }
  const std::string_view time = name.substr(parts.stem.size() + 1, kShape.size());
  for (size_t i = 0; i < kShape.size(); ++i) {
    const bool digit = time[i] >= '0' && time[i] <= '9';
    if (kShape[i] == '0' ? !digit : time[i] != kShape[i]) {
      return {};
    }
  }
  return time;
}

}  // namespace

std::string BackupName(std::string_view file_name, WallTime when, bool localtime) {
  const NameParts parts = SplitName(file_name);
  return fmt::format("{}-{}{}", parts.stem, TimeText(when, localtime), parts.extension);
}

bool IsBackupOf(std::string_view file_name, std::string_view name) {
  return !TimeOf(file_name, name).empty();
}

std::vector<std::string> ExpiredBackups(std::string_view file_name,
                                        const std::vector<std::string>& names,
                                        const Rotation& rotation, WallTime now) {
  std::vector<std::string> backups;
  std::copy_if(names.begin(), names.end(), std::back_inserter(backups),
               [&](const std::string& name) { return IsBackupOf(file_name, name); });
  // Times of this form sort as text; newest first.
  std::sort(backups.rbegin(), backups.rend());
  const auto oldest = now - std::chrono::hours(24) * static_cast<int64_t>(rotation.max_days);
  const std::string limit = TimeText(oldest, rotation.localtime);
  std::vector<std::string> expired;
  for (size_t i = 0; i < backups.size(); ++i) {
    const bool too_many = rotation.max_backups != 0 && i >= rotation.max_backups;
    const bool too_old = rotation.max_days != 0 && TimeOf(file_name, backups[i]) < limit;
    if (too_many || too_old) {
      expired.push_back(backups[i]);
    }
  }
  return expired;
}

}  // namespace gapless::exporter::file
