#include "io/executor.h"

#include <utility>

#include <pthread.h>
#include <signal.h>

namespace gapless::io {

ServiceThread::ServiceThread(std::string name)
    : name_(std::move(name)), thread_([this] { Run(); }) {}

ServiceThread::~ServiceThread() {
  const MutexLock lock(mu_);
  stopping_ = true;
  wake_.notify_one();
}

void ServiceThread::Post(Task task) {
  const MutexLock lock(mu_);
  tasks_.push_back(std::move(task));
  if (tasks_.size() == 1) {
    wake_.notify_one();
  }
}

void ServiceThread::Run() {
  sigset_t all;
  sigfillset(&all);
  pthread_sigmask(SIG_BLOCK, &all, nullptr);
  pthread_setname_np(pthread_self(), name_.substr(0, 15).c_str());
  while (true) {
    std::deque<Task> batch;
    {
      const MutexLock lock(mu_);
      while (tasks_.empty() && !stopping_) {
        wake_.wait(mu_);
      }
      if (tasks_.empty()) {
        return;
      }
      batch.swap(tasks_);
    }
    for (Task& task : batch) {
      task();
      task = nullptr;
    }
  }
}

}  // namespace gapless::io
