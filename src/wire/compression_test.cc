#include "wire/compression.h"

#include "base/rng.h"

namespace gapless::wire {
namespace {

constexpr Codec kCodecs[] = {Codec::kIdentity, Codec::kGzip, Codec::kZstd,        Codec::kSnappy,
                             Codec::kZlib,     Codec::kLz4,  Codec::kSnappyFramed};
constexpr size_t kLimit = size_t{64} << 20;

std::string Text(size_t size, uint64_t seed) {
  Rng rng(seed);
  std::string out;
  while (out.size() < size) {
    out += "span " + std::to_string(rng.Below(1000)) + " took " + std::to_string(rng.Below(50));
  }
  out.resize(size);
  return out;
}

std::string Noise(size_t size, uint64_t seed) {
  Rng rng(seed);
  std::string out(size, '\0');
  for (char& c : out) {
    c = static_cast<char>(rng.Next());
  }
  return out;
}

Rope Shred(std::string_view text, size_t piece) {
  Rope rope;
  while (!text.empty()) {
    rope.Append(Slice::CopyOf(text.substr(0, piece)));
    text.remove_prefix(std::min(piece, text.size()));
  }
  return rope;
}

std::string MustCompress(Codec codec, std::string_view text, int level = kDefaultLevel) {
  auto result = Compress(codec, level, Rope::CopyOf(text));
  EXPECT_TRUE(result.ok()) << result.status().ToString();
  return result.ok() ? result->ToString() : "";
}

TEST(CompressionTest, EveryCodecGivesBackWhatItGot) {
  for (const Codec codec : kCodecs) {
    for (const size_t size : std::vector<size_t>{0, 1, 100, 5000, 65536, 65537, 300000}) {
      SCOPED_TRACE(std::string(CodecName(codec)) + " " + std::to_string(size));
      for (const std::string& text : {Text(size, 1), Noise(size, 2)}) {
        for (const size_t piece : {size + 1, size_t{1000}}) {
          const auto packed = Compress(codec, kDefaultLevel, Shred(text, piece));
          ASSERT_TRUE(packed.ok()) << packed.status().ToString();
          for (const size_t cut : {packed->size() + 1, size_t{777}}) {
            const auto back = Decompress(codec, Shred(packed->ToString(), cut), kLimit);
            ASSERT_TRUE(back.ok()) << back.status().ToString();
            EXPECT_TRUE(back->ToString() == text);
          }
        }
      }
    }
  }
}

TEST(CompressionTest, TextBecomesSmaller) {
  for (const Codec codec : kCodecs) {
    if (codec != Codec::kIdentity) {
      EXPECT_LT(MustCompress(codec, Text(100000, 3)).size(), 50000u) << CodecName(codec);
    }
  }
}

TEST(CompressionTest, LevelsAreCheckedPerCodec) {
  const std::string text = Text(20000, 4);
  for (const Codec codec : {Codec::kGzip, Codec::kZlib}) {
    for (int level = -2; level <= 9; ++level) {
      const auto back = Decompress(codec, Rope::CopyOf(MustCompress(codec, text, level)), kLimit);
      ASSERT_TRUE(back.ok()) << level;
      EXPECT_TRUE(back->ToString() == text);
    }
    EXPECT_EQ(CheckLevel(codec, -3).code(), Code::kInvalidArgument);
    EXPECT_EQ(CheckLevel(codec, 10).code(), Code::kInvalidArgument);
  }
  EXPECT_LE(MustCompress(Codec::kGzip, text, 9).size(), MustCompress(Codec::kGzip, text).size());
  for (const int level : {-50, 1, 3, 19, 100}) {
    EXPECT_TRUE(CheckLevel(Codec::kZstd, level).ok());
    EXPECT_LT(MustCompress(Codec::kZstd, text, level).size(), text.size());
  }
  for (const Codec codec : {Codec::kIdentity, Codec::kSnappy, Codec::kLz4, Codec::kSnappyFramed}) {
    EXPECT_EQ(CheckLevel(codec, 1).code(), Code::kInvalidArgument);
    EXPECT_FALSE(Compress(codec, 1, Rope()).ok());
  }
}

TEST(CompressionTest, OutputOfExactlyTheLimitPassesAndOneByteMoreDoesNot) {
  for (const Codec codec : kCodecs) {
    for (const size_t size : std::vector<size_t>{1, 5000, 70000, 2000000}) {
      SCOPED_TRACE(std::string(CodecName(codec)) + " " + std::to_string(size));
      const Rope packed = Rope::CopyOf(MustCompress(codec, Text(size, 5)));
      EXPECT_TRUE(Decompress(codec, packed, size).ok());
      EXPECT_EQ(Decompress(codec, packed, size - 1).status().code(), Code::kResourceExhausted);
    }
  }
}

TEST(CompressionTest, BombsStopAtTheLimitWithoutTheMemory) {
  const std::string zeros(size_t{32} << 20, '\0');
  for (const Codec codec : kCodecs) {
    const Rope bomb = Rope::CopyOf(MustCompress(codec, zeros));
    EXPECT_EQ(Decompress(codec, bomb, 100000).status().code(), Code::kResourceExhausted)
        << CodecName(codec);
  }
}

TEST(CompressionTest, EveryTruncationIsInvalidArgument) {
  const std::string text = Text(3000, 6);
  for (const Codec codec : kCodecs) {
    if (codec == Codec::kIdentity) {
      continue;
    }
    const std::string packed = MustCompress(codec, text);
    // A framed snappy stream may end after any chunk: its first ten bytes are a stream already.
    const size_t first_end = codec == Codec::kSnappyFramed ? 10 : SIZE_MAX;
    for (size_t size = 0; size < packed.size(); ++size) {
      if (size != first_end) {
        ASSERT_EQ(Decompress(codec, Rope::CopyOf(packed.substr(0, size)), kLimit).status().code(),
                  Code::kInvalidArgument)
            << CodecName(codec) << " " << size;
      }
    }
  }
}

TEST(CompressionTest, BytesAfterTheEndAreInvalidArgument) {
  for (const Codec codec : kCodecs) {
    if (codec != Codec::kIdentity) {
      EXPECT_EQ(Decompress(codec, Rope::CopyOf(MustCompress(codec, "hello") + "garbage"), kLimit)
                    .status()
                    .code(),
                Code::kInvalidArgument)
          << CodecName(codec);
    }
  }
}

TEST(CompressionTest, DamagedInputNeverPassesTheLimit) {
  for (uint64_t seed = 1; seed <= 2000; ++seed) {
    Rng rng(seed);
    const Codec codec = kCodecs[1 + rng.Below(6)];
    std::string packed = MustCompress(codec, Text(1 + rng.Below(3000), seed));
    packed[rng.Below(packed.size())] = static_cast<char>(rng.Next());
    const auto result = Decompress(codec, Rope::CopyOf(packed), 3000);
    if (result.ok()) {
      EXPECT_LE(result->size(), 3000u) << "seed " << seed;
    } else {
      EXPECT_THAT(result.status().code(),
                  ::testing::AnyOf(Code::kInvalidArgument, Code::kResourceExhausted))
          << "seed " << seed << " " << result.status().ToString();
    }
  }
}

TEST(CompressionTest, GzipMembersFollowingEachOtherAreOneBody) {
  const std::string two =
      MustCompress(Codec::kGzip, "first ") + MustCompress(Codec::kGzip, "second");
  const auto both = Decompress(Codec::kGzip, Rope::CopyOf(two), kLimit);
  ASSERT_TRUE(both.ok()) << both.status().ToString();
  EXPECT_EQ(both->ToString(), "first second");
  EXPECT_EQ(Decompress(Codec::kGzip, Rope::CopyOf(two), 11).status().code(),
            Code::kResourceExhausted);
}

TEST(CompressionTest, GzipTrailerThatLiesAboutTheSizeIsInvalidArgument) {
  std::string packed = MustCompress(Codec::kGzip, Text(5000, 8));
  for (const char size : {'\0', '\x7f', '\xff'}) {
    packed.replace(packed.size() - 4, 4, std::string(4, size));
    EXPECT_EQ(Decompress(Codec::kGzip, Rope::CopyOf(packed), kLimit).status().code(),
              Code::kInvalidArgument);
  }
}

TEST(CompressionTest, SnappyTellsTheFramedFormatFromTheBlock) {
  const auto back =
      Decompress(Codec::kSnappy, Rope::CopyOf(MustCompress(Codec::kSnappyFramed, "hi")), kLimit);
  ASSERT_TRUE(back.ok());
  EXPECT_EQ(back->ToString(), "hi");
}

TEST(CompressionTest, SnappyFramedSkipsPaddingAndRejectsReservedChunks) {
  const std::string packed = MustCompress(Codec::kSnappyFramed, "hi");
  const std::string padding("\xfe\x02\x00\x00zz", 6);
  EXPECT_TRUE(Decompress(Codec::kSnappyFramed, Rope::CopyOf(packed + padding), kLimit).ok());
  const std::string reserved("\x02\x02\x00\x00zz", 6);
  EXPECT_FALSE(Decompress(Codec::kSnappyFramed, Rope::CopyOf(packed + reserved), kLimit).ok());
}

TEST(CompressionTest, NamesParseAndPrint) {
  for (const Codec codec : kCodecs) {
    EXPECT_EQ(*ParseCodec(CodecName(codec)), codec);
    EXPECT_EQ(*ParseCodec(ContentEncoding(codec)), codec);
  }
  EXPECT_EQ(*ParseCodec("deflate"), Codec::kZlib);
  EXPECT_EQ(ContentEncoding(Codec::kZlib), "deflate");
  EXPECT_EQ(ParseCodec("br").status().code(), Code::kInvalidArgument);
}

TEST(CompressionTest, SmallOutputKeepsLittleMemory) {
  for (const Codec codec : kCodecs) {
    const auto packed = Compress(codec, kDefaultLevel, Rope::CopyOf(Text(100000, 9)));
    EXPECT_LE(packed->held_bytes(), 2 * packed->size() + 1) << CodecName(codec);
  }
}

}  // namespace
}  // namespace gapless::wire
