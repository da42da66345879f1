#include "config/component_map.h"

#include "config/yaml.h"

namespace gapless::config {
namespace {

TEST(ComponentMapTest, IdsAreTrimmedAndCheckedTogether) {
  const Result<Node> root =
      ParseYaml("otlp:\n' otlp / b ': {x: 1}\notlp/b:\n1bad:\na/b/c: {}\n", "f");
  Errors errors;
  const std::vector<ComponentEntry> entries = ParseComponentMap(&*root, "exporters", errors);
  ASSERT_EQ(entries.size(), 3u);
  EXPECT_EQ(entries[0].id.ToString(), "otlp");
  EXPECT_TRUE(entries[0].node->is_null());
  EXPECT_EQ(entries[1].id.ToString(), "otlp/b");
  EXPECT_EQ(entries[1].mark.ToString(), "f:2:1");
  EXPECT_EQ(entries[2].id.ToString(), "a/b/c");
  ASSERT_EQ(errors.errors().size(), 2u);
  EXPECT_EQ(errors.errors()[0].ToString(),
            "f:3:1: exporters: duplicate name \"otlp/b\" (also at f:2:1)");
  EXPECT_EQ(errors.errors()[1].mark.ToString(), "f:4:1");
}

TEST(ComponentMapTest, NullSectionIsEmptyAndOthersAreRefused) {
  Errors errors;
  EXPECT_TRUE(ParseComponentMap(nullptr, "exporters", errors).empty());
  const Node null = {};
  EXPECT_TRUE(ParseComponentMap(&null, "exporters", errors).empty());
  EXPECT_TRUE(errors.ok());
  const Node list = Node::List({});
  EXPECT_TRUE(ParseComponentMap(&list, "exporters", errors).empty());
  EXPECT_EQ(errors.ToString(), "exporters: 'exporters' expected a map or struct, got \"slice\"");
}

}  // namespace
}  // namespace gapless::config
