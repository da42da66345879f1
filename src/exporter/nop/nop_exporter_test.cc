#include "exporter/nop/nop_exporter.h"

#include "base/sim_loop.h"

namespace gapless::exporter::nop {
namespace {

using sending::AttemptResult;
using sending::OutcomeClass;

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

}  // namespace
}  // namespace gapless::exporter::nop
