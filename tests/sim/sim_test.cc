// Seeded simulation of delivery. Without flags the seeds 1 to 200 and 50 new ones; `--seeds 1000`
// takes that many from a random one on (or from GAPLESS_SEED), `--seed 42` runs one, `--hours 10`
// so much simulated time over random seeds, with a table of what was reached. For lives with real
// backends: `--with NAME,…` holds the product to these promises of features.h instead of those of
// kHeldTo, `--without NAME,…` leaves features out, `--steps N` and `--clients N` shorten a life,
// `--trace 1` prints what happens, `--minimize 1` looks for a smaller life that fails as well,
// `--go_on 1` runs all seeds however many fail.
#include "tests/sim/runs.h"
#include "tests/sim/sim_queue.h"
#include "tests/support/queue_bench.h"
#include "tests/support/seed.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <iterator>
#include <numeric>
#include <span>

#include <gtest/gtest.h>

namespace gapless::sim {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || defined(__clang__)
constexpr uint64_t kFixedSeeds = 40;  // sanitizers are many times slower
constexpr uint64_t kNewSeeds = 10;
#else
constexpr uint64_t kFixedSeeds = 200;
constexpr uint64_t kNewSeeds = 50;
#endif
constexpr uint64_t kTrickleRequests = 60;
constexpr Duration kTrickleGap = seconds(5);
// Fewer are not expected to reach everything.
constexpr uint64_t kLivesForCoverage = 1000;

std::vector<uint64_t> seeds;
std::vector<std::vector<std::string_view>> held_to = kHeldTo;
LifePlan common;  // what all lives have in common
double hours = 0;
bool trace = false;
bool minimize = false;
bool go_on = false;

// So many seeds from `first` on.
std::vector<uint64_t> SeedsFrom(uint64_t first, uint64_t count) {
  std::vector<uint64_t> from(count);
  std::iota(from.begin(), from.end(), first);
  return from;
}

uint64_t NewSeed() { return FirstSeed() % 1'000'000'000; }

// Some levels are proved by data alone, so a little of it still comes for a while.
void Trickle(const std::vector<std::unique_ptr<SimQueue>>& queues, SimLoop& loop) {
  for (uint64_t i = 0; i < kTrickleRequests; ++i) {
    for (const auto& queue : queues) {
      queue->Load();
    }
    loop.AdvanceBy(kTrickleGap);
  }
}

// Runs several queues through one life. Returns what went wrong.
std::vector<std::string> LiveOnce(uint64_t seed, Coverage* coverage = nullptr) {
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
  const uint64_t steps = 100 + rng.Below(800);
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
    Trickle(queues, loop);
    loop.AdvanceBy(minutes(12) - kTrickleRequests * kTrickleGap);
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
    const std::vector<std::string> wrong = queue->JudgeAtEnd();
    if (trace && !wrong.empty()) {
      std::printf("%s\n", queue->Logged().c_str());
    }
    for (const std::string& complaint : wrong) {
      complain(*queue, complaint);
    }
  }
  if (coverage != nullptr) {
    coverage->AddMetrics(registry);
  }
  return complaints;
}

TEST(SimTest, NothingIsLostAndEverythingEnds) {
  for (const uint64_t seed : seeds) {
    const auto complaints = LiveOnce(seed);
    for (const std::string& complaint : complaints) {
      ADD_FAILURE() << complaint;
    }
    if (!complaints.empty()) {
      ADD_FAILURE() << "run again with: sim_test --seed " << seed;
      if (!go_on) {
        return;
      }
    }
  }
}

// The first list matters most.
const std::vector<std::string_view>& PromisesOf(uint64_t seed) {
  const bool other = seed % 5 == 0 && held_to.size() > 1;
  return held_to[other ? 1 + seed / 5 % (held_to.size() - 1) : 0];
}

// True if all is well.
bool LiveWithRealBackends(uint64_t seed, const std::vector<std::string_view>& promises,
                          Coverage& coverage) {
  LifePlan plan = common;
  plan.seed = seed;
  plan.promises = promises;
  const LifeReport report = RunLife(plan, trace, &coverage);
  for (const std::string& complaint : report.complaints) {
    ADD_FAILURE() << complaint << "\nrun again with: " << CommandOf(plan);
  }
  if (!report.complaints.empty() && minimize) {
    plan = Minimize(plan);
    ADD_FAILURE() << RunLife(plan, false, nullptr).complaints.front()
                  << "\nthe smallest that fails: " << CommandOf(plan);
  }
  return report.complaints.empty();
}

// The same with backends that keep the order of each resource, limit rates, become read-only or are
// configured wrongly, over reloads, restarts, deaths of the process and troubles of the disk.
TEST(SimTest, RealBackendsLoseNothingAndRefuseNothing) {
  Coverage coverage;
  for (const uint64_t seed : seeds) {
    if (!LiveWithRealBackends(seed, PromisesOf(seed), coverage) && !go_on) {
      return;
    }
  }
}

// Only with --hours.
TEST(SimTest, ManyHours) {
  if (hours == 0) {
    GTEST_SKIP() << "without --hours";
  }
  const auto began = std::chrono::steady_clock::now();
  Coverage coverage;
  const auto enough = std::chrono::duration<double, std::ratio<3600>>(hours);
  uint64_t seed = NewSeed();
  std::printf("from seed %zu on\n", size_t{seed});
  for (bool well = true; coverage.lived() < enough && (well || go_on); ++seed) {
    well = LiveWithRealBackends(seed, PromisesOf(seed), coverage);
    for (const std::string& complaint : LiveOnce(seed, &coverage)) {
      ADD_FAILURE() << complaint << "\nrun again with: sim_test --seed " << seed;
      well = false;
    }
  }
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
  std::printf("%sin so many lives of %llu\n%.1f simulated hours took %.0f s\n",
              coverage.Table().c_str(), static_cast<unsigned long long>(coverage.lives()),
              coverage.lived().count() / 3600, took.count());
  if (coverage.lives() >= kLivesForCoverage) {
    for (const std::string& goal : coverage.Missing()) {
      ADD_FAILURE() << "never reached: " << goal;
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
  for (const uint64_t seed : std::span(seeds).first(std::min<size_t>(seeds.size(), 20))) {
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

std::vector<std::string_view> Split(std::string_view text) {
  std::vector<std::string_view> names;
  while (!text.empty()) {
    const size_t comma = std::min(text.find(','), text.size());
    names.push_back(text.substr(0, comma));
    text.remove_prefix(std::min(comma + 1, text.size()));
  }
  return names;
}

void ReadFlag(std::string_view flag, const char* text) {
  const uint64_t value = std::strtoull(text, nullptr, 10);
  if (flag == "--seeds") {
    seeds = SeedsFrom(NewSeed(), value);
  } else if (flag == "--seed") {
    seeds = {value};
  } else if (flag == "--hours") {
    hours = std::strtod(text, nullptr);
  } else if (flag == "--with") {
    held_to = {Split(text)};
  } else if (flag == "--without") {
    common.left_out = Split(text);
  } else if (flag == "--steps") {
    common.limits.steps = value;
  } else if (flag == "--clients") {
    common.limits.clients = value;
  } else if (flag == "--trace") {
    trace = value > 0;
  } else if (flag == "--minimize") {
    minimize = value > 0;
  } else if (flag == "--go_on") {
    go_on = value > 0;
  }
}

void ChooseSeeds() {
  if (seeds.empty()) {
    const uint64_t fresh = NewSeed();
    seeds = SeedsFrom(1, kFixedSeeds);
    std::ranges::copy(SeedsFrom(fresh, kNewSeeds), std::back_inserter(seeds));
    std::printf("%zu seeds from 1 on, and %zu from %zu on\n", size_t{kFixedSeeds},
                size_t{kNewSeeds}, size_t{fresh});
  } else {
    std::printf("%zu seeds from %zu on\n", seeds.size(), size_t{seeds.front()});
  }
}

}  // namespace
}  // namespace gapless::sim

int main(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  for (int i = 1; i + 1 < argc; i += 2) {
    gapless::sim::ReadFlag(argv[i], argv[i + 1]);
  }
  gapless::sim::ChooseSeeds();
  return RUN_ALL_TESTS();
}
