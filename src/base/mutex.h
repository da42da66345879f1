// Mutex with clang thread-safety annotations. Locks exist in base, net (mailbox), telemetry and io
// only.
#pragma once

#include <mutex>

#if defined(__clang__)
#define GAPLESS_THREAD_ANNOTATION(x) __attribute__((x))
#else
#define GAPLESS_THREAD_ANNOTATION(x)
#endif

#define GAPLESS_CAPABILITY(x) GAPLESS_THREAD_ANNOTATION(capability(x))
#define GAPLESS_SCOPED_CAPABILITY GAPLESS_THREAD_ANNOTATION(scoped_lockable)
#define GAPLESS_GUARDED_BY(x) GAPLESS_THREAD_ANNOTATION(guarded_by(x))
#define GAPLESS_REQUIRES(...) GAPLESS_THREAD_ANNOTATION(requires_capability(__VA_ARGS__))
#define GAPLESS_ACQUIRE(...) GAPLESS_THREAD_ANNOTATION(acquire_capability(__VA_ARGS__))
#define GAPLESS_RELEASE(...) GAPLESS_THREAD_ANNOTATION(release_capability(__VA_ARGS__))

namespace gapless {

class GAPLESS_CAPABILITY("mutex") Mutex {
 public:
  void Lock() GAPLESS_ACQUIRE() { mu_.lock(); }
  void Unlock() GAPLESS_RELEASE() { mu_.unlock(); }
  // For std::condition_variable_any.
  void lock() GAPLESS_ACQUIRE() { mu_.lock(); }
  void unlock() GAPLESS_RELEASE() { mu_.unlock(); }

 private:
  std::mutex mu_;
};

class GAPLESS_SCOPED_CAPABILITY MutexLock {
 public:
  explicit MutexLock(Mutex& mu) GAPLESS_ACQUIRE(mu) : mu_(mu) { mu_.Lock(); }
  ~MutexLock() GAPLESS_RELEASE() { mu_.Unlock(); }
  MutexLock(const MutexLock&) = delete;
  MutexLock& operator=(const MutexLock&) = delete;

 private:
  Mutex& mu_;
};

}  // namespace gapless
