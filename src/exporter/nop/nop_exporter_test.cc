#include "exporter/nop/nop_exporter.h"

#include "base/sim_loop.h"
#include "exporter/nop/factory.h"
#include "net/worker.h"

namespace gapless::exporter::nop {
namespace {

using delivery::AttemptResult;
using delivery::OutcomeClass;

TEST(NopExporterTest, AttemptsAndProbesSucceedOnALaterTurn) {
  SimLoop loop;
  const auto transport = MakeTransport(loop);
  int answers = 0;
  const auto count = [&](AttemptResult result) {
    EXPECT_EQ(result.outcome, OutcomeClass::kOk);
    ++answers;
  };
  transport->Attempt({}, Duration(0), count);
  transport->Probe(Duration(0), count);
  EXPECT_EQ(answers, 0);
  loop.RunPosted();
  EXPECT_EQ(answers, 2);
}

TEST(NopExporterTest, ACancelledAttemptIsNotAnswered) {
  SimLoop loop;
  const auto transport = MakeTransport(loop);
  int answers = 0;
  const auto id = transport->Attempt({}, Duration(0), [&](AttemptResult) { ++answers; });
  transport->Cancel(id);
  transport->Cancel(id + 1);
  loop.RunPosted();
  EXPECT_EQ(answers, 0);
}

TEST(NopExporterTest, NothingIsAnsweredAfterTheEndOfTheTransport) {
  SimLoop loop;
  auto transport = MakeTransport(loop);
  int answers = 0;
  transport->Attempt({}, Duration(0), [&](AttemptResult) { ++answers; });
  transport.reset();
  loop.RunPosted();
  EXPECT_EQ(answers, 0);
}

TEST(NopExporterTest, AnyKeyIsUnknown) {
  config::Node node = config::Node::Map();
  node.Set("path", config::Node::String("x"));
  config::Errors errors;
  Config config;
  config::Decode(ConfigTable(), node, "exporters::nop", config, errors);
  EXPECT_FALSE(errors.ok());
}

TEST(NopFactoryTest, MakesAComponentFromItsConfiguration) {
  const delivery::ExporterFactory factory = Factory();
  EXPECT_EQ(factory.info.type, "nop");
  config::Errors errors;
  const auto config = factory.info.config.decode(config::Node::Null(), "exporters::nop", errors);
  ASSERT_TRUE(errors.ok()) << errors.ToString();
  EXPECT_FALSE(factory.delivery(*config).queue.enabled);
  net::Worker worker;
  const std::vector<net::Worker*> workers = {&worker};
  telemetry::Registry metrics;
  const auto exporter = factory.create(
      pipeline::Settings{.id = {}, .log = {}, .metrics = metrics, .workers = workers}, config);
  ASSERT_TRUE(exporter->Start().ok());
  const auto transport = exporter->CreateTransport(otlp::Signal::kLogs, worker, Duration(0));
  bool answered = false;
  transport->Probe(std::chrono::seconds(5), [&](AttemptResult result) {
    EXPECT_EQ(result.outcome, OutcomeClass::kOk) << result.status.ToString();
    answered = true;
  });
  EXPECT_TRUE(worker.RunUntil([&] { return answered; }, std::chrono::seconds(10)));
  bool done = false;
  exporter->Shutdown(worker.Now(), [&] { done = true; });
  EXPECT_TRUE(worker.RunUntil([&] { return done; }, std::chrono::seconds(10)));
}

}  // namespace
}  // namespace gapless::exporter::nop
