// Seeded simulation of delivery. Without flags the seeds 1 to 50; `--seeds 1000` takes that many
// from a random one on (or from GAPLESS_SEED), `--seed 42` runs one. For lives with real backends:
// `--with NAME,…` holds the product to these promises of features.h instead of those of kHeldTo,
// `--without NAME,…` leaves features out, `--trace 1` prints what happens.
#include "tests/sim/backend_life.h"
#include "tests/sim/sim_queue.h"
#include "tests/support/queue_bench.h"
#include "tests/support/seed.h"

#include <cstdio>
#include <cstdlib>

#include <gtest/gtest.h>

namespace gapless::sim {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

uint64_t first_seed = 1;
uint64_t seed_count = 50;
std::vector<std::vector<std::string_view>> held_to = kHeldTo;
std::vector<std::string_view> left_out;
bool trace = false;

// Runs several queues through one life. Returns what went wrong.
std::vector<std::string> LiveOnce(uint64_t seed) {
  Rng rng(seed);
  SimLoop loop;
  telemetry::Registry registry;
  std::vector<std::unique_ptr<SimQueue>> queues;
  for (uint64_t i = 0; i <= rng.Below(3); ++i) {
    queues.push_back(std::make_unique<SimQueue>(rng.Next(), loop, registry));
  }
  std::vector<std::string> complaints;
  const auto complain = [&](const SimQueue& queue, const std::string& text) {
    complaints.push_back(text + " (" + queue.Describe() + ")");
  };
  const uint64_t steps = 200 + rng.Below(1500);
  for (uint64_t step = 0; step < steps; ++step) {
    for (const auto& queue : queues) {
      queue->Step();
    }
    loop.AdvanceBy(milliseconds(rng.Below(200)));
    if (step % 64 == 0) {
      for (const auto& queue : queues) {
        if (const std::string wrong = queue->CheckAlways(); !wrong.empty()) {
          complain(*queue, wrong);
          return complaints;
        }
      }
    }
  }
  const bool die_in_trouble = rng.Chance(0.25);
  if (!die_in_trouble) {
    for (const auto& queue : queues) {
      queue->Heal();
    }
    loop.AdvanceBy(minutes(12));
    for (const auto& queue : queues) {
      if (!queue->drained()) {
        complain(*queue, "not drained 12 minutes after the last fault");
      }
    }
    loop.AdvanceBy(minutes(5));
    for (const auto& queue : queues) {
      if (!queue->on_first_level()) {
        complain(*queue, "not on the first level 17 minutes after the last fault");
      }
    }
  }
  for (const auto& queue : queues) {
    queue->Shutdown(seconds(rng.Below(20)));
  }
  loop.AdvanceBy(minutes(1));
  for (const auto& queue : queues) {
    if (!queue->ended()) {
      complain(*queue, "shutdown has not ended");
    }
    for (const std::string& complaint : queue->JudgeAtEnd()) {
      complain(*queue, complaint);
    }
  }
  return complaints;
}

TEST(SimTest, NothingIsLostAndEverythingEnds) {
  for (uint64_t seed = first_seed; seed < first_seed + seed_count; ++seed) {
    const auto complaints = LiveOnce(seed);
    for (const std::string& complaint : complaints) {
      ADD_FAILURE() << complaint;
    }
    if (!complaints.empty()) {
      ADD_FAILURE() << "run again with: sim_test --seed " << seed;
      return;
    }
  }
}

// The same with backends that keep the order of each resource, limit rates, become read-only or are
// configured wrongly, over reloads and restarts.
TEST(SimTest, RealBackendsLoseNothingAndRefuseNothing) {
  for (uint64_t seed = first_seed; seed < first_seed + seed_count; ++seed) {
    for (const auto& promises : held_to) {
      if (&promises != &held_to.front() && seed % 5 != 0) {
        continue;  // the first list matters most
      }
      Rng rng(seed);
      Features features = ChooseFeatures(rng, promises);
      for (const std::string_view name : left_out) {
        LeaveOut(features, name);
      }
      const auto complaints = BackendLife(rng.Next(), features, trace).Run();
      for (const std::string& complaint : complaints) {
        ADD_FAILURE() << complaint;
      }
      if (!complaints.empty()) {
        ADD_FAILURE() << "run again with: sim_test --seed " << seed;
        return;
      }
    }
  }
}

// The next level has the data within the limits of docs/failover.md, whatever the load.
TEST(SimTest, SwitchesWithinTheLimits) {
  struct Row {
    const char* name;
    SimPeer::Link link;
    SimPeer::Mode mode;
    Duration limit;
  };
  const Row rows[] = {
      {"refused", SimPeer::Link::kRefused, SimPeer::Mode::kOk, milliseconds(200)},
      {"black hole", SimPeer::Link::kBlackHole, SimPeer::Mode::kOk, seconds(2)},
      {"unavailable", SimPeer::Link::kUp, SimPeer::Mode::kUnavailable, milliseconds(1300)},
      {"faulty", SimPeer::Link::kUp, SimPeer::Mode::kFaulty, milliseconds(1300)},
      {"denied", SimPeer::Link::kUp, SimPeer::Mode::kDenied, milliseconds(1300)},
  };
  for (uint64_t seed = first_seed; seed < first_seed + 20; ++seed) {
    for (const Row& row : rows) {
      SCOPED_TRACE(::testing::Message() << row.name << ", seed " << seed);
      Rng rng(seed);
      BenchSettings settings;
      settings.delivery.queue.num_consumers = static_cast<uint32_t>(1 + rng.Below(10));
      settings.delivery.queue.queue_size = 100'000;
      QueueBench bench(settings);
      bench.peers[0]->latency = milliseconds(1 + rng.Below(20));
      const auto gap = milliseconds(1 + rng.Below(200));
      bench.Load(20, gap);
      bench.peers[0]->mode = row.mode;
      bench.peers[0]->SetLink(row.link);
      bench.Put();  // the first that notices
      const TimePoint broke = bench.loop.Now();
      TimePoint next_put = broke + gap;
      while (bench.active() == 0U && bench.loop.Now() < broke + seconds(10)) {
        if (bench.loop.Now() >= next_put) {
          bench.Put();
          next_put += gap;
        }
        bench.Run(milliseconds(1));
      }
      EXPECT_EQ(bench.active(), 1U);
      EXPECT_LE(bench.loop.Now() - broke, row.limit + milliseconds(40));
      bench.Run(seconds(20));
      EXPECT_EQ(bench.Missing(), 0U);
      EXPECT_LE(bench.Duplicates(), settings.delivery.queue.num_consumers);
    }
  }
}

}  // namespace
}  // namespace gapless::sim

namespace {

std::vector<std::string_view> Split(std::string_view text) {
  std::vector<std::string_view> names;
  while (!text.empty()) {
    const size_t comma = std::min(text.find(','), text.size());
    names.push_back(text.substr(0, comma));
    text.remove_prefix(std::min(comma + 1, text.size()));
  }
  return names;
}

}  // namespace

int main(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string_view flag = argv[i];
    const uint64_t value = std::strtoull(argv[i + 1], nullptr, 10);
    if (flag == "--seeds") {
      gapless::sim::seed_count = value;
      gapless::sim::first_seed = gapless::sim::FirstSeed() % 1'000'000'000;
    } else if (flag == "--seed") {
      gapless::sim::first_seed = value;
      gapless::sim::seed_count = 1;
    } else if (flag == "--with") {
      gapless::sim::held_to = {Split(argv[i + 1])};
    } else if (flag == "--without") {
      gapless::sim::left_out = Split(argv[i + 1]);
    } else if (flag == "--trace") {
      gapless::sim::trace = value > 0;
    }
  }
  std::printf("first seed %llu\n", static_cast<unsigned long long>(gapless::sim::first_seed));
  return RUN_ALL_TESTS();
}
