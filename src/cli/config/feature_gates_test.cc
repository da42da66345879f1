#include "cli/config/feature_gates.h"

#include <algorithm>

namespace gapless::cli {
namespace {

TEST(FeatureGatesTest, SignsSwitchAndListsAreSplit) {
  FeatureGates gates;
  EXPECT_FALSE(gates.IsEnabled(kMergeAppendGate));
  EXPECT_TRUE(gates.IsEnabled("service.partialReloadReceivers"));
  gates.Apply("confmap.enableMergeAppendOption,-service.partialReloadReceivers");
  EXPECT_TRUE(gates.IsEnabled(kMergeAppendGate));
  EXPECT_FALSE(gates.IsEnabled("service.partialReloadReceivers"));
  gates.Apply("-confmap.enableMergeAppendOption,+service.profilesSupport");
  EXPECT_FALSE(gates.IsEnabled(kMergeAppendGate));
  EXPECT_TRUE(gates.IsEnabled("service.profilesSupport"));
  EXPECT_TRUE(gates.unknown().empty());
}

TEST(FeatureGatesTest, UnknownNamesAreKeptForAWarning) {
  FeatureGates gates;
  gates.Apply("exporter.x,-y,,+service.partialReloads");
  EXPECT_THAT(gates.unknown(), testing::ElementsAre("exporter.x", "y", "service.partialReloads"));
  EXPECT_EQ(gates.Hint("service.partialReloads"), " (did you mean \"service.partialReload\"?)");
  EXPECT_EQ(gates.Find("y"), nullptr);
}

TEST(FeatureGatesTest, AreSortedForTheTable) {
  EXPECT_TRUE(std::ranges::is_sorted(FeatureGates().gates(), {}, &FeatureGate::id));
}

}  // namespace
}  // namespace gapless::cli
