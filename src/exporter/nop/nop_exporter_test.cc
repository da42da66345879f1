#include "exporter/nop/nop_exporter.h"

#include "base/sim_loop.h"

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

}  // namespace
}  // namespace gapless::exporter::nop
