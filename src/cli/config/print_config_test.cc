#include "cli/config/print_config.h"

#include "cli/config/components.h"
#include "config/yaml.h"
#include "service/plan/planner.h"

namespace gapless::cli {
namespace {

constexpr std::string_view kConfig = R"(receivers: {otlp: {protocols: {grpc: }}}
processors: {batch: }
exporters:
  otlp/a: {endpoint: 'a:1', headers: {key: t0p}}
  otlp/b: {endpoint: 'b:1'}
connectors: {failover: {priority_levels: [[otlp/a], [otlp/b]]}}
service:
  pipelines:
    logs: {receivers: [otlp], processors: [batch], exporters: [failover]}
    logs/a: {receivers: [failover], exporters: [otlp/a]}
    logs/b: {receivers: [failover], exporters: [otlp/b]}
)";

config::Node Printed(std::string_view text, config::Secrets secrets) {
  const service::Factories factories = Components();
  config::Errors errors;
  const auto config = service::DecodeConfig(*config::ParseYaml(text, "c"), factories, errors);
  const service::Plan plan = service::MakePlan(config, factories, errors);
  EXPECT_TRUE(errors.ok()) << errors.ToString();
  return PrintConfig(config, factories, plan.notes, secrets);
}

TEST(PrintConfigTest, DefaultsAreFilledInAndSecretsHidden) {
  const config::Node root = Printed(kConfig, config::Secrets::kRedacted);
  EXPECT_EQ(config::FindPath(root, "exporters::otlp/a::compression")->text(), "gzip");
  EXPECT_EQ(config::FindPath(root, "exporters::otlp/a::headers::key")->text(), config::kRedacted);
  EXPECT_EQ(config::FindPath(root, "service::telemetry::logs::level")->text(), "info");
  const config::Node open = Printed(kConfig, config::Secrets::kRevealed);
  EXPECT_EQ(config::FindPath(open, "exporters::otlp/a::headers::key")->text(), "t0p");
}

TEST(PrintConfigTest, NotesStandAboveTheComponentThatTheySpeakOf) {
  const std::string text = config::ToYaml(Printed(kConfig, config::Secrets::kRedacted));
  EXPECT_THAT(text, testing::ContainsRegex(
                        "connectors:\n  # failover \\(logs\\): level entry otlp/a means pipeline "
                        "logs/a\n(  # [^\n]*\n)+  failover:\n"));
  EXPECT_THAT(text, testing::ContainsRegex("processors:\n  # carried out by [^\n]*\n  batch:\n"));
}

TEST(PrintConfigTest, ReadsBackAsTheSame) {
  const config::Node root = Printed(kConfig, config::Secrets::kRevealed);
  EXPECT_EQ(Printed(config::ToYaml(root), config::Secrets::kRevealed), root);
}

}  // namespace
}  // namespace gapless::cli
