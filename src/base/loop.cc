#include "base/loop.h"

namespace gapless {
namespace {

thread_local Loop* current_loop = nullptr;

}  // namespace

Loop* Loop::Current() { return current_loop; }

void Loop::SetCurrent(Loop* loop) { current_loop = loop; }

}  // namespace gapless
