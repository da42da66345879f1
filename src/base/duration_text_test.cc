#include "base/duration_text.h"

#include <chrono>
#include <utility>

namespace gapless {
namespace {

using std::chrono::hours;
using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::nanoseconds;
using std::chrono::seconds;

TEST(FormatDurationTest, IsGos) {
  const std::pair<Duration, const char*> rows[] = {
      {nanoseconds(0), "0s"},
      {nanoseconds(999), "999ns"},
      {nanoseconds(1500), "1.5µs"},
      {milliseconds(250), "250ms"},
      {microseconds(1'000'001), "1.000001s"},
      {seconds(90), "1m30s"},
      {hours(1), "1h0m0s"},
      {hours(25) + milliseconds(1), "25h0m0.001s"},
      {-milliseconds(1500), "-1.5s"},
      {Duration::min(), "-2562047h47m16.854775808s"},
  };
  for (const auto& [duration, text] : rows) {
    EXPECT_EQ(FormatDuration(duration), text);
  }
}

}  // namespace
}  // namespace gapless
