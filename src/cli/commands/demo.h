// The outage demo: two backends, the collector and a load; the primary is taken away in three ways
// and brought back.
#pragma once

namespace gapless::cli {

// Tells the story on stdout and gives 0 if nothing was lost and every switch was in time.
int DemoCommand();

}  // namespace gapless::cli
