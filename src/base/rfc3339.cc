#include "base/rfc3339.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdint>
#include <optional>

#include <fmt/format.h>

namespace gapless {
namespace {

using std::chrono::year_month_day;

constexpr int kFirstYear = 1970;
constexpr int kLastYear = 2261;
constexpr size_t kFractionDigits = 9;

// Takes pieces off the front of a text; once one does not fit, nothing fits.
class Reader {
 public:
  explicit Reader(std::string_view text) : rest_(text) {}

  int Number(size_t digits, int low, int high) {
    int value = 0;
    const std::string_view piece = rest_.substr(0, digits);
    const bool numeric = piece.size() == digits &&
                         std::ranges::all_of(piece, [](char c) { return c >= '0' && c <= '9'; });
    if (numeric) {
      std::from_chars(piece.data(), piece.data() + digits, value);
    }
    ok_ = ok_ && numeric && value >= low && value <= high;
    rest_.remove_prefix(piece.size());
    return value;
  }
  char OneOf(std::string_view set) {
    const char found = rest_.empty() ? '\0' : rest_.front();
    ok_ = ok_ && !rest_.empty() && set.find(found) != std::string_view::npos;
    rest_.remove_prefix(std::min<size_t>(1, rest_.size()));
    return found;
  }
  // ".5" in nanoseconds; nothing is 0.
  int64_t Fraction() {
    if (!rest_.starts_with('.')) {
      return 0;
    }
    rest_.remove_prefix(1);
    int64_t value = 0;
    size_t digits = 0;
    for (; !rest_.empty() && rest_.front() >= '0' && rest_.front() <= '9'; ++digits) {
      value = digits < kFractionDigits ? value * 10 + (rest_.front() - '0') : value;
      rest_.remove_prefix(1);
    }
    ok_ = ok_ && digits > 0 && digits <= kFractionDigits;
    for (; digits < kFractionDigits; ++digits) {
      value *= 10;
    }
    return value;
  }
  bool Done() const { return ok_ && rest_.empty(); }

 private:
  std::string_view rest_;
  bool ok_ = true;
};

std::optional<WallTime> Parse(std::string_view text) {
  using std::chrono::hours;
  using std::chrono::minutes;
  using std::chrono::seconds;
  Reader reader(text);
  const std::chrono::year year(reader.Number(4, kFirstYear, kLastYear));
  reader.OneOf("-");
  const std::chrono::month month(static_cast<unsigned>(reader.Number(2, 1, 12)));
  reader.OneOf("-");
  const std::chrono::day day(static_cast<unsigned>(reader.Number(2, 1, 31)));
  reader.OneOf("Tt ");
  const hours hour(reader.Number(2, 0, 23));
  reader.OneOf(":");
  const minutes minute(reader.Number(2, 0, 59));
  reader.OneOf(":");
  const seconds second(std::min(59, reader.Number(2, 0, 60)));
  const std::chrono::nanoseconds fraction(reader.Fraction());
  const char zone = reader.OneOf("Zz+-");
  minutes offset{};
  if (zone == '+' || zone == '-') {
    offset = hours(reader.Number(2, 0, 23));
    reader.OneOf(":");
    offset += minutes(reader.Number(2, 0, 59));
  }
  const year_month_day date(year, month, day);
  if (!reader.Done() || !date.ok()) {
    return std::nullopt;
  }
  return WallTime(std::chrono::sys_days(date)) + hour + minute + second + fraction -
         (zone == '-' ? -offset : offset);
}

}  // namespace

std::string FormatRfc3339(WallTime time) {
  const auto days = std::chrono::floor<std::chrono::days>(time);
  const year_month_day date(days);
  const std::chrono::hh_mm_ss clock(
      std::chrono::floor<std::chrono::milliseconds>(time - WallTime(days)));
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", int{date.year()},
                     unsigned{date.month()}, unsigned{date.day()}, clock.hours().count(),
                     clock.minutes().count(), clock.seconds().count(), clock.subseconds().count());
}

Result<WallTime> ParseRfc3339(std::string_view text) {
  const std::optional<WallTime> time = Parse(text);
  if (!time) {
    return InvalidArgument(
        fmt::format("\"{}\" is not a time of RFC 3339, such as 2026-03-01T09:30:00Z", text));
  }
  return *time;
}

}  // namespace gapless
