#include "cli/process/file_watch.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <cstring>
#include <optional>
#include <string_view>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

namespace gapless::cli {
namespace {

// Two looks so far apart must agree.
constexpr Duration kSettleTime = std::chrono::milliseconds(200);
constexpr uint32_t kEvents =
    IN_CLOSE_WRITE | IN_MODIFY | IN_CREATE | IN_DELETE | IN_MOVED_TO | IN_MOVED_FROM | IN_ATTRIB;
constexpr int kLinksMax = 40;  // as the kernel

std::string ParentOf(const std::string& path) {
  const size_t slash = path.rfind('/');
  return slash == 0 ? "/" : path.substr(0, slash);
}

std::optional<std::string> LinkAt(const std::string& path) {
  std::array<char, PATH_MAX> target;
  const ssize_t size = readlink(path.c_str(), target.data(), target.size());
  return size < 0
             ? std::nullopt
             : std::optional<std::string>(std::in_place, target.data(), static_cast<size_t>(size));
}

// The first link on the way to the absolute `path`, replaced by its target; nullopt: there is none.
// Its directory is added.
std::optional<std::string> FollowOne(const std::string& path, std::set<std::string>& directories) {
  for (size_t end = path.find('/', 1);; end = path.find('/', end + 1)) {
    const std::string way = path.substr(0, end);
    if (const auto target = LinkAt(way)) {
      const std::string parent = ParentOf(way);
      directories.insert(parent);
      const std::string rest = end == std::string::npos ? "" : path.substr(end);
      return (target->starts_with('/') ? *target : parent + "/" + *target) + rest;
    }
    if (end == std::string::npos) {
      return std::nullopt;
    }
  }
}

// Without ".", ".." and doubled slashes. Precondition: no component before a ".." is a link.
std::string Normal(const std::string& path) {
  std::vector<std::string_view> parts;
  std::string_view rest = path;
  while (!rest.empty()) {
    const std::string_view part = rest.substr(0, rest.find('/'));
    rest.remove_prefix(std::min(rest.size(), part.size() + 1));
    if (part == ".." && !parts.empty()) {
      parts.pop_back();
    } else if (!part.empty() && part != "." && part != "..") {
      parts.push_back(part);
    }
  }
  return fmt::format("/{}", fmt::join(parts, "/"));
}

std::string Absolute(const std::string& path) {
  std::array<char, PATH_MAX> here;
  if (path.starts_with('/') || getcwd(here.data(), here.size()) == nullptr) {
    return path;
  }
  return fmt::format("{}/{}", here.data(), path);
}

}  // namespace

std::set<std::string> DirectoriesOf(const std::string& path) {
  std::set<std::string> directories;
  std::string whole = Normal(Absolute(path));
  for (int i = 0; i < kLinksMax; ++i) {
    const auto next = FollowOne(whole, directories);
    if (!next) {
      break;
    }
    whole = Normal(*next);
  }
  directories.insert(ParentOf(whole));
  return directories;
}

Result<std::unique_ptr<FileWatch>> FileWatch::Open(net::Worker& worker,
                                                   std::move_only_function<void()> on_change) {
  net::Fd fd(inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
  if (fd.get() < 0) {
    return Internal(fmt::format("watching files: {}", std::strerror(errno)));
  }
  return std::unique_ptr<FileWatch>(new FileWatch(worker, std::move(fd), std::move(on_change)));
}

FileWatch::FileWatch(net::Worker& worker, net::Fd fd, std::move_only_function<void()> on_change)
    : worker_(worker), fd_(std::move(fd)), on_change_(std::move(on_change)) {
  io_ = worker_.Watch(fd_.get(), net::kIoRead, [this](uint32_t) { OnEvents(); });
}

Status FileWatch::SetFiles(std::vector<std::string> files) {
  files_ = std::move(files);
  Status status = WatchDirectories();
  told_ = Fingerprint();
  seen_ = told_;
  return status;
}

// Directories that are still of interest keep their watch: adding it again changes nothing.
Status FileWatch::WatchDirectories() {
  Status status;
  std::set<int> wanted;
  for (const std::string& file : files_) {
    for (const std::string& directory : DirectoriesOf(file)) {
      const int watch = inotify_add_watch(fd_.get(), directory.c_str(), kEvents);
      if (watch >= 0) {
        wanted.insert(watch);
      } else if (errno != ENOENT) {
        status = Internal(fmt::format("watching {}: {}", directory, std::strerror(errno)));
      }
    }
  }
  for (const int watch : watches_) {
    if (!wanted.contains(watch)) {
      inotify_rm_watch(fd_.get(), watch);
    }
  }
  watches_ = std::move(wanted);
  return status;
}

void FileWatch::OnEvents() {
  std::array<char, 4096> events;
  while (read(fd_.get(), events.data(), events.size()) > 0) {
  }
  if (!look_.armed()) {
    look_ = worker_.RunAfter(kSettleTime, [this] { Compare(); });
  }
}

void FileWatch::Compare() {
  // A link may lead elsewhere now. What cannot be watched is what SetFiles complained of.
  WatchDirectories().ok();
  std::string now = Fingerprint();
  if (now != std::exchange(seen_, now)) {
    look_ = worker_.RunAfter(kSettleTime, [this] { Compare(); });
    return;
  }
  if (now != std::exchange(told_, now)) {
    on_change_();
  }
}

std::string FileWatch::Fingerprint() const {
  std::string print;
  for (const std::string& file : files_) {
    struct stat info{};
    if (stat(file.c_str(), &info) == 0) {
      print += fmt::format("{}:{}:{}:{}.{};", info.st_dev, info.st_ino, info.st_size,
                           info.st_mtim.tv_sec, info.st_mtim.tv_nsec);
    } else {
      print += "-;";
    }
  }
  return print;
}

}  // namespace gapless::cli
