// Names of rotated files, as upstream (lumberjack) gives them: the time of the rotation stands
// before the extension: data.json becomes data-2022-09-14T05-02-14.173.json. Pure.
#pragma once

#include "base/loop.h"
#include "exporter/file/config.h"

#include <string>
#include <string_view>
#include <vector>

namespace gapless::exporter::file {

// Name of the backup of `file_name` (without directory) made at `when`.
std::string BackupName(std::string_view file_name, WallTime when, bool localtime);
// True if `name` is a backup of `file_name`.
bool IsBackupOf(std::string_view file_name, std::string_view name);
// Of the names in a directory, the backups of `file_name` that are too many or too old.
std::vector<std::string> ExpiredBackups(std::string_view file_name,
                                        const std::vector<std::string>& names,
                                        const Rotation& rotation, WallTime now);

}  // namespace gapless::exporter::file
