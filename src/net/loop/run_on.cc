#include "net/loop/run_on.h"

#include <future>

namespace gapless::net {

void RunOn(Worker& worker, Task task) {
  if (worker.InThread()) {
    task();
    return;
  }
  std::promise<void> done;
  worker.Post([&] {
    task();
    done.set_value();
  });
  done.get_future().wait();
}

}  // namespace gapless::net
