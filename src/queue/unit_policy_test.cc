// What happens to a unit next: for every state of two levels, every way in which an attempt ends.
#include "queue/unit_policy.h"

#include <chrono>
#include <string>
#include <tuple>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace gapless::queue {
namespace {

using journal::DropReason;
using Step = UnitDecision::Step;

constexpr size_t kPrimary = 0;
constexpr size_t kSecondary = 1;

// Two levels whose overrides say which may be used.
class UnitPolicyTest : public ::testing::Test {
 protected:
  UnitPolicyTest() { policy_.SetRules(rules_); }

  void SetLevels(routing::Override primary, routing::Override secondary) {
    Feed(kPrimary, primary);
    Feed(kSecondary, secondary);
  }
  void Feed(size_t level, routing::Override word) {
    router_.Step({.kind = routing::RouterEvent::Kind::kOperator,
                  .level = level,
                  .operator_override = word,
                  .error = {}},
                 now_);
  }
  void Down(size_t level) {
    for (int i = 0; i < 3; ++i) {
      router_.Step(
          {.kind = routing::RouterEvent::Kind::kDialFailed, .level = level, .error = "refused"},
          now_);
    }
  }
  // The level has taken data.
  void Prove(size_t level) {
    router_.Step({.kind = routing::RouterEvent::Kind::kAttempt,
                  .level = level,
                  .unit = 1,
                  .outcome = sending::OutcomeClass::kOk,
                  .error = {}},
                 now_);
  }
  void SetRules(UnitPolicy::Rules rules) { policy_.SetRules(rules); }

  static Unit MakeUnit(size_t records, uint32_t items_each) {
    Unit unit;
    unit.id = 7;
    for (size_t i = 0; i < records; ++i) {
      unit.parts.push_back({.position = 10 + i, .count = items_each});
    }
    unit.items = static_cast<uint32_t>(records) * items_each;
    unit.tracks.resize(2);
    return unit;
  }

  const TimePoint now_ = TimePoint(std::chrono::hours(1));
  routing::Router router_{
      {.levels = {{.name = "primary"}, {.name = "secondary"}}, .failure_words = {}}, now_};
  UnitPolicy::Rules rules_;
  UnitPolicy policy_{router_};
};

TEST_F(UnitPolicyTest, PlaceForEveryStateOfTwoLevels) {
  // What a unit went through at a level.
  enum class Past : uint8_t { kNothing, kFailing, kGaveUp, kLate, kRefused, kInvalid };
  const auto track = [](Past past) {
    return UnitTrack{.rejected = past == Past::kRefused || past == Past::kInvalid,
                     .certain = past == Past::kInvalid,
                     .failing = past == Past::kFailing,
                     .gave_up = past == Past::kGaveUp,
                     .late = past == Past::kLate ? 1u : 0u};
  };
  const auto all = {Past::kNothing, Past::kFailing, Past::kGaveUp,
                    Past::kLate,    Past::kRefused, Past::kInvalid};
  const auto cost = [](Past past) {
    return past == Past::kFailing ? 1 : past == Past::kGaveUp ? 2 : 0;
  };
  for (const bool first_up : {true, false}) {
    for (const bool second_up : {true, false}) {
      SetLevels(first_up ? routing::Override::kForced : routing::Override::kDrained,
                second_up ? routing::Override::kForced : routing::Override::kDrained);
      for (const Past first : all) {
        for (const Past second : all) {
          Unit unit = MakeUnit(1, 1);
          unit.tracks = {track(first), track(second)};
          const auto usable = [&](bool up, Past past) {
            return up && past != Past::kRefused && past != Past::kInvalid;
          };
          const bool one = usable(first_up, first);
          const bool two = usable(second_up, second);
          // The rule, written down once more: the least reluctant, and of equals the first.
          std::optional<size_t> best;
          if (one && (!two || cost(first) <= cost(second))) {
            best = kPrimary;
          } else if (two) {
            best = kSecondary;
          }
          const bool late = best && (*best == kPrimary ? first : second) == Past::kLate;
          const bool invalid = first == Past::kInvalid || second == Past::kInvalid;
          const UnitDecision got = policy_.Place(unit);
          SCOPED_TRACE(::testing::Message()
                       << first_up << second_up << " " << int(first) << " " << int(second));
          if (best && !late) {
            EXPECT_EQ(got, (UnitDecision{.step = Step::kSend, .level = best}));
          } else if (!invalid) {
            EXPECT_EQ(got.step, Step::kWait);
          } else if (late) {
            EXPECT_EQ(got.step, Step::kPark);
          } else {
            // A drained level is not waited for, and the other one has refused it.
            EXPECT_EQ(got.step, Step::kDrop);
            EXPECT_EQ(got.reason, DropReason::kRejected);
          }
        }
      }
    }
  }
}

TEST_F(UnitPolicyTest, WhatIsInvalidWaitsForALevelThatIsDown) {
  Down(kSecondary);
  Unit unit = MakeUnit(1, 1);
  unit.tracks[kPrimary] = {.rejected = true, .certain = true};
  EXPECT_EQ(policy_.Place(unit).step, Step::kPark);
  unit.tracks[kSecondary] = {.rejected = true, .certain = true};
  EXPECT_EQ(policy_.Place(unit).step, Step::kDrop);
}

TEST_F(UnitPolicyTest, WithoutAQueueNobodyWaitsForALevel) {
  Down(kPrimary);
  Down(kSecondary);
  const Unit unit = MakeUnit(1, 1);
  EXPECT_EQ(policy_.Place(unit).step, Step::kWait);
  SetRules({.client_waits = true, .withdraw = true});
  EXPECT_EQ(policy_.Place(unit),
            (UnitDecision{.step = Step::kDrop, .reason = DropReason::kExpired}));
}

TEST_F(UnitPolicyTest, ViewChangesWithWhatMayBeUsed) {
  const uint64_t before = policy_.View();
  Down(kPrimary);
  const uint64_t down = policy_.View();
  Feed(kPrimary, routing::Override::kDrained);
  EXPECT_NE(before, down);
  EXPECT_NE(down, policy_.View());
}

TEST_F(UnitPolicyTest, RejectedForEveryShapeOfUnit) {
  struct Case {
    size_t records;
    uint32_t items_each;
    bool too_large;
    bool may_cut;
    bool invalid;
    Step want;
  };
  const Case cases[] = {
      {1, 1, false, false, false, Step::kWait},  // for the other level
      {1, 1, false, false, true, Step::kWait},
      {1, 1, true, false, false, Step::kWait},  // nothing is left to cut
      {1, 4, false, false, false, Step::kWait},
      {1, 4, false, true, false, Step::kCutInHalf},
      {1, 4, true, false, false, Step::kCutInHalf},
      {3, 1, false, false, false, Step::kHalveRecords},
      {3, 1, false, true, true, Step::kHalveRecords},
      {3, 4, true, false, false, Step::kCutInHalf},
  };
  for (const Case& c : cases) {
    Unit unit = MakeUnit(c.records, c.items_each);
    unit.level = kPrimary;
    unit.tracks[kPrimary] = {.rejected = c.invalid, .certain = c.invalid};
    const sending::AttemptResult result{
        .outcome = sending::OutcomeClass::kRejected, .warning = {}, .too_large = c.too_large};
    EXPECT_EQ(policy_.OnRejected(unit, result, c.may_cut).step, c.want)
        << c.records << " records of " << c.items_each << (c.too_large ? ", too large" : "");
  }
}

TEST_F(UnitPolicyTest, OthersGoFirstWhereNoOtherLevelCanBeAsked) {
  Unit unit = MakeUnit(1, 1);
  unit.level = kPrimary;
  unit.tracks[kPrimary].rejected = true;
  const sending::AttemptResult refused{.outcome = sending::OutcomeClass::kRejected, .warning = {}};
  EXPECT_EQ(policy_.OnRejected(unit, refused, /*may_cut=*/false).step, Step::kWait);
  Down(kSecondary);
  EXPECT_EQ(policy_.OnRejected(unit, refused, /*may_cut=*/false).step, Step::kSetAside);
}

TEST_F(UnitPolicyTest, ARefusalIsCertainOnceTheLevelHasTakenData) {
  Unit unit = MakeUnit(1, 1);
  unit.level = kPrimary;
  const sending::AttemptResult refused{.outcome = sending::OutcomeClass::kRejected,
                                       .status = InvalidArgument("no").FromPeer(),
                                       .warning = {}};
  policy_.NoteRefusal(unit, refused);
  EXPECT_TRUE(unit.tracks[kPrimary].rejected);
  EXPECT_FALSE(unit.tracks[kPrimary].certain);
  EXPECT_FALSE(IsInvalid(unit));
  Prove(kPrimary);
  policy_.NoteRefusal(unit, refused);
  EXPECT_TRUE(IsInvalid(unit));
}

TEST_F(UnitPolicyTest, ARecordIsCutByItemsOnlyWhereTheLevelTakesOthers) {
  Unit unit = MakeUnit(1, 2);
  unit.level = kPrimary;
  EXPECT_FALSE(policy_.MayCutRecord(unit, /*alone=*/false));
  EXPECT_TRUE(policy_.MayCutRecord(unit, /*alone=*/true));
  Prove(kPrimary);
  EXPECT_TRUE(policy_.MayCutRecord(unit, /*alone=*/false));
  Unit single = MakeUnit(1, 1);
  single.level = kPrimary;
  EXPECT_FALSE(policy_.MayCutRecord(single, /*alone=*/false));
  SetRules({.client_waits = true});
  EXPECT_FALSE(policy_.MayCutRecord(unit, /*alone=*/false));
}

TEST_F(UnitPolicyTest, GivenUpForEveryRule) {
  struct Case {
    UnitPolicy::Rules rules;
    UnitTrack primary;
    UnitTrack secondary;
    UnitDecision want;
  };
  const UnitTrack fresh;
  const UnitTrack failed{.gave_up = true};
  const UnitTrack alone{.gave_up = true, .others_succeeded = true};
  const UnitTrack refused{.rejected = true, .certain = true};
  const UnitDecision wait{.step = Step::kWait};
  const UnitDecision rest{.step = Step::kRest};
  const UnitDecision expired{.step = Step::kDrop, .reason = DropReason::kExpired};
  const UnitDecision poison{.step = Step::kDrop, .reason = DropReason::kPoison};
  const UnitPolicy::Rules keep;
  const UnitPolicy::Rules drop{.on_expiry = sending::OnExpiry::kDrop};
  const UnitPolicy::Rules client{.client_waits = true};
  const UnitPolicy::Rules off{.client_waits = true, .withdraw = true};
  const Case cases[] = {
      {keep, failed, fresh, wait},       {keep, failed, failed, rest},
      {keep, alone, failed, rest},       {keep, alone, alone, poison},
      {keep, alone, refused, poison},    {keep, failed, refused, rest},
      {drop, failed, fresh, wait},       {drop, failed, failed, expired},
      {drop, alone, alone, expired},     {client, failed, fresh, wait},
      {client, failed, failed, expired}, {off, failed, fresh, wait},
      {off, failed, refused, expired},
  };
  for (const Case& c : cases) {
    SetRules(c.rules);
    Unit unit = MakeUnit(1, 1);
    unit.tracks = {c.primary, c.secondary};
    EXPECT_EQ(policy_.OnGaveUp(unit), c.want);
  }
  SetRules(keep);
  Unit merged = MakeUnit(2, 1);
  merged.tracks = {alone, alone};
  EXPECT_EQ(policy_.OnGaveUp(merged), rest) << "which of its records is poison is not known";
}

TEST_F(UnitPolicyTest, ASuspectedUnitIsCutThenSentAlone) {
  const sending::AttemptResult faulty{.outcome = sending::OutcomeClass::kFaulty, .warning = {}};
  const sending::AttemptResult lost{.outcome = sending::OutcomeClass::kTransport, .warning = {}};
  Unit merged = MakeUnit(3, 1);
  merged.level = kPrimary;
  EXPECT_EQ(policy_.OnSuspected(merged, faulty).step, Step::kCutToRecords);
  Unit half = MakeUnit(3, 1);
  half.level = kPrimary;
  half.paths = {{.done = true}, {}};
  EXPECT_EQ(policy_.OnSuspected(half, faulty).step, Step::kGoOn);
  Unit single = MakeUnit(1, 1);
  single.level = kPrimary;
  EXPECT_EQ(policy_.OnSuspected(single, lost).step, Step::kIsolate);
  EXPECT_EQ(policy_.OnSuspected(single, lost).step, Step::kGoOn) << "it is alone already";
  EXPECT_EQ(policy_.OnSuspected(single, faulty).step, Step::kWait) << "the secondary may take it";
  Down(kSecondary);
  EXPECT_EQ(policy_.OnSuspected(single, faulty).step, Step::kGoOn);
}

TEST_F(UnitPolicyTest, FailuresCountWhileOthersGetThrough) {
  UnitTrack track;
  EXPECT_FALSE(NoteFailure(track, 10, sending::OutcomeClass::kFaulty, /*fall=*/3));
  EXPECT_FALSE(NoteFailure(track, 10, sending::OutcomeClass::kThrottled, /*fall=*/3))
      << "no failure";
  EXPECT_FALSE(NoteFailure(track, 11, sending::OutcomeClass::kFaulty, /*fall=*/3));
  EXPECT_TRUE(NoteFailure(track, 11, sending::OutcomeClass::kTransport, /*fall=*/3));
  EXPECT_FALSE(NoteFailure(track, 12, sending::OutcomeClass::kRejected, /*fall=*/3))
      << "judged otherwise";
  UnitTrack alone;
  for (int i = 0; i < 10; ++i) {
    EXPECT_FALSE(NoteFailure(alone, 10, sending::OutcomeClass::kFaulty, /*fall=*/3))
        << "nobody gets through";
  }
}

TEST_F(UnitPolicyTest, WithoutAQueueTheLevelsThatAreLeftShareTheDeadline) {
  Unit unit = MakeUnit(1, 1);
  EXPECT_EQ(policy_.Askable(unit), 2);
  EXPECT_EQ(policy_.ChooseAfter(unit, kPrimary), kSecondary);
  unit.tracks[kSecondary].gave_up = true;
  EXPECT_EQ(policy_.Askable(unit), 1);
  EXPECT_EQ(policy_.ChooseAfter(unit, kPrimary), std::nullopt);
}

}  // namespace
}  // namespace gapless::queue
