#include "wire/checksum.h"

#include "base/rng.h"

namespace gapless::wire {
namespace {

TEST(ChecksumTest, Crc32cMatchesTheVectorsOfRfc3720) {
  EXPECT_EQ(Crc32c(AsBytes("")), 0u);
  EXPECT_EQ(Crc32c(AsBytes("123456789")), 0xE3069283u);
  EXPECT_EQ(Crc32c(AsBytes(std::string(32, '\0'))), 0x8A9136AAu);
  EXPECT_EQ(Crc32c(AsBytes(std::string(32, '\xff'))), 0x62A8AB43u);
}

TEST(ChecksumTest, Crc32cOfPartsContinuesThroughTheSeed) {
  Rng rng(7);
  std::string text(5000, '\0');
  for (char& c : text) {
    c = static_cast<char>(rng.Next());
  }
  const uint32_t whole = Crc32c(AsBytes(text));
  for (const size_t cut : {size_t{0}, size_t{1}, size_t{9}, size_t{4096}, text.size()}) {
    const std::string_view view = text;
    EXPECT_EQ(Crc32c(AsBytes(view.substr(cut)), Crc32c(AsBytes(view.substr(0, cut)))), whole);
    Rope rope = Rope::CopyOf(view.substr(0, cut));
    rope.Append(Rope::CopyOf(view.substr(cut)));
    EXPECT_EQ(Crc32c(rope), whole);
    const ByteSpan rest = AsBytes(view.substr(cut));
    EXPECT_EQ(Crc32c(rest, 0xDEADBEEF), Crc32c(rest) ^ Crc32cShift(0xDEADBEEF, rest.size()));
  }
}

}  // namespace
}  // namespace gapless::wire
