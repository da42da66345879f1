#include "endpoint/query.h"

#include <gtest/gtest.h>

namespace gapless::endpoint {
namespace {

TEST(QueryTest, ValuesAreFoundByNameAndDecoded) {
  const std::string_view query = "connector=failover%2Ftraces&level=0&verbose&empty=";
  EXPECT_EQ(QueryValue(query, "connector"), "failover/traces");
  EXPECT_EQ(QueryValue(query, "level"), "0");
  EXPECT_EQ(QueryValue(query, "verbose"), "");
  EXPECT_EQ(QueryValue(query, "empty"), "");
  EXPECT_EQ(QueryValue(query, "signal"), std::nullopt);
  EXPECT_EQ(QueryValue("", ""), std::nullopt);
}

TEST(QueryTest, WhatIsNotEncodedStaysAsItIs) {
  EXPECT_EQ(PercentDecode("100%"), "100%");
  EXPECT_EQ(PercentDecode("%4"), "%4");
  EXPECT_EQ(PercentDecode("%zz%41"), "%zzA");
}

TEST(QueryTest, EncodingAndDecodingAreInverse) {
  std::string all;
  for (int c = 0; c < 256; ++c) {
    all.push_back(static_cast<char>(c));
  }
  EXPECT_EQ(PercentDecode(PercentEncode(all)), all);
  EXPECT_EQ(PercentEncode("a/b c"), "a%2Fb%20c");
}

}  // namespace
}  // namespace gapless::endpoint
