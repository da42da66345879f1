#include "net/loop/worker.h"

#include "base/check.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

namespace gapless::net {

struct IoWatch::Entry {
  int fd = -1;
  IoCallback callback;
  bool dead = false;
};

namespace {

// A turn handles at most this many events; more come with the next turn.
constexpr size_t kEventsPerTurn = 128;
// A turn works for so long on what earlier turns have left; the rest is for later ones.
constexpr auto kLongWork = std::chrono::milliseconds(2);
// Tasks posted by tasks run in the same turn this deep.
constexpr int kMailboxRounds = 3;
// A mailbox that keeps refilling itself while the loop stops is cut off after this many rounds.
constexpr int kStopRounds = 1000;

uint32_t ToEpoll(uint32_t interest) {
  uint32_t events = 0;
  if (interest & kIoRead) {
    events |= EPOLLIN | EPOLLRDHUP;
  }
  if (interest & kIoWrite) {
    events |= EPOLLOUT;
  }
  if (interest & kIoEdge) {
    events |= EPOLLET;
  }
  return events;
}

uint32_t FromEpoll(uint32_t events) {
  uint32_t result = 0;
  if (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP)) {
    result |= kIoRead;
  }
  if (events & EPOLLOUT) {
    result |= kIoWrite;
  }
  if (events & (EPOLLRDHUP | EPOLLHUP)) {
    result |= kIoHangup;
  }
  if (events & (EPOLLERR | EPOLLHUP)) {
    result |= kIoError;
  }
  return result;
}

TimePoint SteadyNow() { return TimePoint(std::chrono::steady_clock::now().time_since_epoch()); }

}  // namespace

IoWatch::IoWatch(IoWatch&& other) noexcept
    : worker_(std::exchange(other.worker_, nullptr)),
      entry_(std::exchange(other.entry_, nullptr)) {}

IoWatch& IoWatch::operator=(IoWatch&& other) noexcept {
  if (this != &other) {
    Reset();
    worker_ = std::exchange(other.worker_, nullptr);
    entry_ = std::exchange(other.entry_, nullptr);
  }
  return *this;
}

void IoWatch::Update(uint32_t interest) {
  GAPLESS_CHECK(entry_ != nullptr);
  epoll_event event{.events = ToEpoll(interest), .data = {.ptr = entry_}};
  GAPLESS_CHECK(epoll_ctl(worker_->epoll_fd_, EPOLL_CTL_MOD, entry_->fd, &event) == 0);
}

void IoWatch::Reset() {
  if (entry_) {
    std::exchange(worker_, nullptr)->Unwatch(std::exchange(entry_, nullptr));
  }
}

Worker::Worker(std::string name, size_t index)
    : name_(std::move(name)),
      index_(index),
      epoll_fd_(epoll_create1(EPOLL_CLOEXEC)),
      wake_fd_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      owner_(std::this_thread::get_id()),
      now_(SteadyNow()) {
  GAPLESS_CHECK(epoll_fd_ >= 0 && wake_fd_ >= 0);
  epoll_event event{.events = EPOLLIN, .data = {.ptr = nullptr}};
  GAPLESS_CHECK(epoll_ctl(epoll_fd_, EPOLL_CTL_ADD, wake_fd_, &event) == 0);
}

Worker::~Worker() {
  Stop();
  Join();
  // Tasks own objects whose destructors may post again.
  for (int round = 0; round < kStopRounds; ++round) {
    std::vector<Task> tasks;
    {
      MutexLock lock(mutex_);
      tasks.swap(mailbox_);
    }
    if (tasks.empty() && std::exchange(next_turn_, {}).empty()) {
      break;
    }
  }
  graveyard_.clear();
  close(wake_fd_);
  close(epoll_fd_);
}

void Worker::Start() {
  GAPLESS_CHECK(!thread_.joinable());
  thread_ = std::jthread([this] {
    pthread_setname_np(pthread_self(), name_.substr(0, 15).c_str());
    Run();
  });
  // From here on the caller is a stranger, even before the new thread runs.
  owner_ = thread_.get_id();
}

void Worker::Run() {
  owner_ = std::this_thread::get_id();
  SetCurrent(this);
  now_ = SteadyNow();
  while (!stop_.load(std::memory_order_acquire)) {
    Turn(std::chrono::hours(1));
  }
  for (int round = 0; round < kStopRounds && RunMailbox(); ++round) {
  }
}

bool Worker::RunUntil(std::move_only_function<bool()> done, Duration timeout) {
  owner_ = std::this_thread::get_id();
  SetCurrent(this);
  now_ = SteadyNow();
  TimePoint deadline = now_ + timeout;
  while (!done()) {
    Duration left = deadline - SteadyNow();
    if (left <= Duration::zero() || stop_.load(std::memory_order_acquire)) {
      return false;
    }
    // The condition may become true on another thread: look again soon.
    Turn(std::min<Duration>(left, std::chrono::milliseconds(5)));
  }
  return true;
}

void Worker::Stop() {
  stop_.store(true, std::memory_order_release);
  Wake();
}

void Worker::Join() {
  if (thread_.joinable()) {
    thread_.join();
  }
  owner_ = std::this_thread::get_id();
}

void Worker::Wake() {
  uint64_t one = 1;
  // The counter cannot overflow: it is read whenever the loop wakes.
  [[maybe_unused]] ssize_t written = write(wake_fd_, &one, sizeof(one));
}

void Worker::Post(Task task) {
  bool wake = false;
  {
    MutexLock lock(mutex_);
    mailbox_.push_back(std::move(task));
    if (!wake_pending_ && !InThread()) {
      wake_pending_ = true;
      wake = true;
    }
  }
  if (wake) {
    Wake();
  }
}

void Worker::RunNextTurn(Task task) {
  GAPLESS_DCHECK(InThread());
  next_turn_.push_back(std::move(task));
}

WallTime Worker::WallNow() const {
  return WallTime(std::chrono::system_clock::now().time_since_epoch());
}

Timer Worker::RunAt(TimePoint when, Task task) {
  GAPLESS_DCHECK(InThread());
  return timers_.Add(when, std::move(task));
}

IoWatch Worker::Watch(int fd, uint32_t interest, IoCallback callback) {
  GAPLESS_DCHECK(InThread());
  auto entry = std::make_unique<IoWatch::Entry>();
  entry->fd = fd;
  entry->callback = std::move(callback);
  epoll_event event{.events = ToEpoll(interest), .data = {.ptr = entry.get()}};
  GAPLESS_CHECK(epoll_ctl(epoll_fd_, EPOLL_CTL_ADD, fd, &event) == 0);
  return IoWatch(this, entry.release());
}

void Worker::Unwatch(IoWatch::Entry* entry) {
  GAPLESS_DCHECK(InThread());
  entry->dead = true;
  epoll_ctl(epoll_fd_, EPOLL_CTL_DEL, entry->fd, nullptr);
  graveyard_.emplace_back(entry);
}

bool Worker::MailboxEmpty() {
  MutexLock lock(mutex_);
  return mailbox_.empty();
}

bool Worker::RunMailbox() {
  std::vector<Task> tasks;
  {
    MutexLock lock(mutex_);
    tasks.swap(mailbox_);
    wake_pending_ = false;
  }
  for (Task& task : tasks) {
    task();
    task = nullptr;
  }
  return !tasks.empty();
}

void Worker::RunLongWork() {
  const TimePoint begin = SteadyNow();
  // What is posted meanwhile belongs to the next turn.
  for (size_t left = next_turn_.size(); left > 0; --left) {
    Task task = std::move(next_turn_.front());
    next_turn_.pop_front();
    task();
    if (SteadyNow() - begin >= kLongWork) {
      return;
    }
  }
}

void Worker::Turn(Duration max_wait) {
  Duration wait = max_wait;
  if (std::optional<TimePoint> next = timers_.Next()) {
    wait = std::min(wait, *next - SteadyNow());
  }
  if (!MailboxEmpty() || !next_turn_.empty()) {
    wait = Duration::zero();
  }
  std::array<epoll_event, kEventsPerTurn> events;
  // Rounded up: waking before the timer is due would spin.
  auto wait_ms = std::chrono::ceil<std::chrono::milliseconds>(std::max(wait, Duration::zero()));
  int count =
      epoll_wait(epoll_fd_, events.data(), kEventsPerTurn, static_cast<int>(wait_ms.count()));
  GAPLESS_CHECK(count >= 0 || errno == EINTR);
  now_ = SteadyNow();
  for (int i = 0; i < count; ++i) {
    const epoll_event& event = events[static_cast<size_t>(i)];
    auto* entry = static_cast<IoWatch::Entry*>(event.data.ptr);
    if (!entry) {
      uint64_t drained = 0;
      [[maybe_unused]] ssize_t got = read(wake_fd_, &drained, sizeof(drained));
    } else if (!entry->dead) {
      entry->callback(FromEpoll(event.events));
    }
  }
  // A callback that is destroyed may own further watches.
  std::exchange(graveyard_, {}).clear();
  timers_.RunDue(now_);
  RunLongWork();
  // What callbacks and tasks leave for "later", like the flush of a stream, needs no wait in
  // between.
  for (int round = 0; round < kMailboxRounds && RunMailbox(); ++round) {
  }
}

}  // namespace gapless::net
