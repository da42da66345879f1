// What is served in place of Go's profiles: the state of the allocator, and how to profile this
// process. No state; any thread.
#pragma once

#include <string>
#include <string_view>

namespace gapless::extension::pprof {

struct Answer {
  int status = 200;
  std::string_view content_type = "text/plain; charset=utf-8";
  std::string body;
};

// `path`: of the request. /debug/pprof/ explains, /debug/pprof/heap is glibc's malloc_info (XML),
// Go's other profiles answer 501 with a hint, everything else 404. `pid`: of this process.
Answer AnswerTo(std::string_view path, int pid);

// glibc's report on its arenas, cut off at a mebibyte.
std::string MallocInfo();

}  // namespace gapless::extension::pprof
