#include "net/loop/resolv_conf.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace gapless::net {
namespace {

using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(ResolvConfTest, IsReadAsGoReadsIt) {
  const ResolvConf conf = ParseResolvConf(
      "# search comment.test\n; options ndots:9\nnameserver 10.0.0.1\ndomain old.test x.test\n"
      "search a.test.  corp.test\t. \r\noptions ndots:5 timeout:2 attempts:3 rotate\n",
      "host.machine.test");
  EXPECT_THAT(conf.search, ElementsAre("a.test", "corp.test"));
  EXPECT_EQ(conf.ndots, 5U);
  EXPECT_EQ(conf.timeout, seconds(2));
  EXPECT_EQ(conf.attempts, 3);
}

TEST(ResolvConfTest, WithoutAListTheMachinesDomainIsSearched) {
  EXPECT_THAT(ParseResolvConf("", "host.machine.test").search, ElementsAre("machine.test"));
  EXPECT_THAT(ParseResolvConf("", "host").search, IsEmpty());
  EXPECT_THAT(ParseResolvConf("domain d.test e.test", "h").search, ElementsAre("d.test"));
  EXPECT_EQ(ParseResolvConf("options ndots:99 timeout:0 attempts:x", ""),
            (ResolvConf{.search = {}, .ndots = 15, .timeout = seconds(1), .attempts = {}}));
}

TEST(ResolvConfTest, TheNameAsWrittenComesLastOrFirst) {
  const ResolvConf conf{.search = {"a.test", "b.test"}, .ndots = 2};
  EXPECT_THAT(NamesFor("backend", conf),
              ElementsAre("backend.a.test", "backend.b.test", "backend"));
  EXPECT_THAT(NamesFor("x.y", conf), ElementsAre("x.y.a.test", "x.y.b.test", "x.y"));
  EXPECT_THAT(NamesFor("x.y.z", conf), ElementsAre("x.y.z", "x.y.z.a.test", "x.y.z.b.test"));
  EXPECT_THAT(NamesFor("x.y.z.", conf), ElementsAre("x.y.z."));
  EXPECT_THAT(NamesFor("localhost", conf), ElementsAre("localhost"));
  EXPECT_THAT(NamesFor("backend", {}), ElementsAre("backend"));
}

}  // namespace
}  // namespace gapless::net
