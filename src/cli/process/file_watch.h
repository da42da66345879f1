// FileWatch: tells when one of some files has new content: written in place, replaced by a rename,
// or reached through a symbolic link that was changed (Kubernetes config maps).
//
// Their directories are watched (inotify(7)), those of every link on the way included. A change is
// told once the files stayed as they are for a moment, so that one that is being written is not
// read half. One worker's thread.
#pragma once

#include "net/loop/fd.h"
#include "net/loop/worker.h"

#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

namespace gapless::cli {

class FileWatch {
 public:
  // `on_change` runs on `worker`, which outlives the watch. Errors: INTERNAL when the system's
  // limit of watches is reached.
  static Result<std::unique_ptr<FileWatch>> Open(net::Worker& worker,
                                                 std::move_only_function<void()> on_change);

  // What is watched from now on; changes from before are forgotten. Files that do not exist are
  // awaited. Errors: as Open; the rest is watched.
  Status SetFiles(std::vector<std::string> files);

 private:
  FileWatch(net::Worker& worker, net::Fd fd, std::move_only_function<void()> on_change);
  void OnEvents();
  void Compare();
  std::string Fingerprint() const;
  Status WatchDirectories();

  net::Worker& worker_;
  net::Fd fd_;
  std::move_only_function<void()> on_change_;
  std::vector<std::string> files_;
  std::set<int> watches_;
  std::string told_;  // the state that was told last, or set
  std::string seen_;  // the state at the last look
  net::IoWatch io_;
  Timer look_;
};

// The directories whose entries decide what `path` means: its own and those of the links on the
// way.
std::set<std::string> DirectoriesOf(const std::string& path);

}  // namespace gapless::cli
