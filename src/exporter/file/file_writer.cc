#include "exporter/file/file_writer.h"

#include "exporter/file/backups.h"

#include <algorithm>
#include <array>
#include <tuple>
#include <utility>

namespace gapless::exporter::file {
namespace {

constexpr uint64_t kMegabyte = 1 << 20;

std::string NameOf(const std::string& path) { return path.substr(path.rfind('/') + 1); }

}  // namespace

FileWriter::FileWriter(io::FileSystem& fs, Options options)
    : fs_(fs),
      options_(std::move(options)),
      directory_(io::ParentPath(options_.path)),
      name_(NameOf(options_.path)) {}

Result<uint64_t> FileWriter::Open() {
  if (options_.make_directory) {
    RETURN_IF_ERROR(fs_.MakeDirectory(directory_, *options_.make_directory));
  }
  ASSIGN_OR_RETURN(auto file, fs_.Open(options_.path, io::OpenMode::kCreate));
  ASSIGN_OR_RETURN(const uint64_t before, file->Size());
  if (!options_.keep_content && before > 0) {
    RETURN_IF_ERROR(file->Truncate(0));
  }
  size_ = options_.keep_content ? before : 0;
  committed_ = size_;
  file_ = std::move(file);
  return before - size_;
}

Status FileWriter::Reopen() {
  ASSIGN_OR_RETURN(auto file, fs_.Open(options_.path, io::OpenMode::kCreate));
  ASSIGN_OR_RETURN(const uint64_t found, file->Size());
  // What lies behind the last whole message is the rest of a write that failed. A shorter file is
  // another one that somebody put there.
  if (found > size_) {
    RETURN_IF_ERROR(file->Truncate(size_));
  }
  size_ = std::min(size_, found);
  committed_ = std::min(committed_, size_);
  file_ = std::move(file);
  return OkStatus();
}

void FileWriter::Write(std::span<const ByteSpan> message, WallTime now, Done done) {
  const Status status = Append(message, now);
  if (!status.ok() || !options_.sync) {
    return done(status);
  }
  waiting_.push_back(std::move(done));
}

void FileWriter::Commit() {
  std::ignore = CommitAll();  // those who wait are told
}

Status FileWriter::CommitAll() {
  if (waiting_.empty()) {
    return OkStatus();
  }
  const Status status = Sync();
  if (status.ok()) {
    committed_ = size_;
  } else {
    // What of it is on the disk nobody knows: it is cut off, now or before the next message.
    size_ = committed_;
    if (file_) {
      std::ignore = file_->Truncate(size_);
      file_.reset();
    }
  }
  for (Done& done : std::exchange(waiting_, {})) {
    done(status);
  }
  return status;
}

Status FileWriter::Sync() {
  if (!file_) {
    RETURN_IF_ERROR(Reopen());
  }
  RETURN_IF_ERROR(file_->Sync());
  if (new_name_ && !file_->is_stream()) {
    RETURN_IF_ERROR(fs_.SyncDirectory(directory_));
    new_name_ = false;
  }
  return OkStatus();
}

Status FileWriter::Append(std::span<const ByteSpan> message, WallTime now) {
  if (!file_) {
    RETURN_IF_ERROR(Reopen());
  }
  uint64_t length = 0;
  for (const ByteSpan piece : message) {
    length += piece.size();
  }
  // A message larger than the limit gets a file of its own.
  if (options_.rotation && !file_->is_stream() && size_ > 0 &&
      size_ + length > options_.rotation->max_megabytes * kMegabyte) {
    RETURN_IF_ERROR(CommitAll());
    RETURN_IF_ERROR(Rotate(now));
  }
  if (Status status = file_->WriteAt(size_, message); !status.ok()) {
    if (file_->is_stream()) {
      return status;  // it knows what it has begun
    }
    // If cutting fails as well, the next message cuts before it is written.
    const Status cut = file_->Truncate(size_);
    file_.reset();
    return cut.ok() ? status : status.Annotate("part of a message may stay in the file");
  }
  size_ += length;
  return OkStatus();
}

Result<std::vector<std::string>> FileWriter::Names() {
  ASSIGN_OR_RETURN(const auto entries, fs_.List(directory_));
  std::vector<std::string> names;
  for (const io::DirectoryEntry& entry : entries) {
    names.push_back(entry.name);
  }
  return names;
}

Status FileWriter::Rotate(WallTime now) {
  ASSIGN_OR_RETURN(std::vector<std::string> names, Names());
  WallTime when = now;
  std::string backup = BackupName(name_, when, options_.rotation->localtime);
  // Two rotations within a millisecond must not share a name: the second would replace the first.
  while (std::find(names.begin(), names.end(), backup) != names.end()) {
    when += std::chrono::milliseconds(1);
    backup = BackupName(name_, when, options_.rotation->localtime);
  }
  RETURN_IF_ERROR(fs_.Rename(options_.path, io::JoinPath(directory_, backup)));
  file_.reset();
  size_ = 0;
  committed_ = 0;
  new_name_ = true;
  RETURN_IF_ERROR(Reopen());
  names.push_back(backup);
  for (const std::string& expired : ExpiredBackups(name_, names, *options_.rotation, now)) {
    // A backup that cannot be removed now is tried again at the next rotation.
    if (const Status status = fs_.Remove(io::JoinPath(directory_, expired)); !status.ok()) {
      break;
    }
  }
  return OkStatus();
}

Status FileWriter::Probe() {
  if (file_ && file_->is_stream()) {
    return OkStatus();  // whether somebody reads shows with the next message
  }
  constexpr std::array<std::byte, 4096> kBlock{};
  const std::string path = options_.path + ".probe";
  ASSIGN_OR_RETURN(const auto file, fs_.Open(path, io::OpenMode::kCreate));
  const Status written = file->WriteAt(0, ByteSpan(kBlock));
  const Status removed = fs_.Remove(path);
  return written.ok() ? removed : written;
}

}  // namespace gapless::exporter::file
