#include "telemetry/log.h"

#include "telemetry/log_capture.h"
#include "telemetry/log_core.h"
#include "telemetry/log_encoder.h"

#include <cstdlib>
#include <ctime>
#include <fstream>
#include <sstream>
#include <thread>

#include <unistd.h>

namespace gapless::telemetry {
namespace {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;
using std::chrono::seconds;
using testing::ElementsAre;
using testing::EndsWith;
using testing::HasSubstr;

// Sets the local time zone for the life of the object.
class ScopedZone {
 public:
  explicit ScopedZone(const char* zone) {
    setenv("TZ", zone, 1);
    tzset();
  }
  ~ScopedZone() {
    unsetenv("TZ");
    tzset();
  }
};

std::string ReadFile(const std::string& path) {
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

TEST(LoggerTest, ConsoleLineIsZaps) {
  const ScopedZone zone("AAA-2");
  LogOptions options = LogCapture::DefaultOptions();
  options.resource = {{"service.instance.id", "i"}, {"service.name", "gapless"}};
  const LogCapture log(options);
  const Logger logger =
      log.logger().With({{"otelcol.component.id", "otlp"}, {"otelcol.component.kind", "receiver"}});
  const int line = __LINE__ + 1;
  logger.Info("Starting GRPC server", {{"endpoint", "localhost:4317"}, {"n", 3}});
  EXPECT_EQ(log.text(),
            "2023-11-15T00:13:20.000+0200\tinfo\ttelemetry/log_test.cc:" + std::to_string(line) +
                "\tStarting GRPC server\t{\"resource\": {\"service.instance.id\": \"i\", "
                "\"service.name\": \"gapless\"}, \"otelcol.component.id\": \"otlp\", "
                "\"otelcol.component.kind\": \"receiver\", \"endpoint\": \"localhost:4317\", "
                "\"n\": 3}\n");
}

TEST(LoggerTest, AConsoleLineWithoutFieldsHasNoObject) {
  LogOptions options = LogCapture::DefaultOptions();
  options.disable_caller = true;
  const LogCapture log(options);
  log.logger().Warn("hm");
  EXPECT_THAT(log.text(), EndsWith("\twarn\thm\n"));
}

TEST(LoggerTest, MessageOnlyLinesBeginWithTheMessage) {
  LogOptions options = LogCapture::DefaultOptions();
  options.message_only = true;
  const LogCapture log(options);
  log.logger().Info("Traces", {{"spans", 2}});
  EXPECT_EQ(log.text(), "Traces\t{\"spans\": 2}\n");
}

TEST(LoggerTest, JsonLineHasTheSameFacts) {
  const ScopedZone zone("UTC");
  LogOptions options = LogCapture::DefaultOptions();
  options.encoding = LogOptions::Encoding::kJson;
  options.disable_caller = true;
  options.initial_fields = {{"host", "a"}, {"shard", int64_t{7}}, {"canary", true}};
  options.resource = {{"service.name", "gapless"}};
  const LogCapture log(options);
  log.logger().With({{"k", "v"}}).Error("bad \"thing\"", {{"error", Unavailable("refused")}});
  EXPECT_EQ(
      log.text(),
      "{\"level\":\"error\",\"ts\":\"2023-11-14T22:13:20.000Z\",\"msg\":\"bad \\\"thing\\\"\","
      "\"host\":\"a\",\"shard\":7,\"canary\":true,\"resource\":{\"service.name\":\"gapless\"},"
      "\"k\":\"v\",\"error\":\"UNAVAILABLE: refused\"}\n");
}

TEST(LoggerTest, EveryTypeOfFieldHasItsForm) {
  const LogCapture log;
  const std::string owned = "s";
  log.logger().Info("m", {{"string", owned},
                          {"view", std::string_view("v")},
                          {"int", -5},
                          {"size", size_t{18'000'000'000'000'000'000u}},
                          {"double", 0.25},
                          {"nan", std::strtod("nan", nullptr)},
                          {"bool", false},
                          {"duration", seconds(90)},
                          {"status", OkStatus()}});
  EXPECT_THAT(log.text(),
              EndsWith("{\"string\": \"s\", \"view\": \"v\", \"int\": -5, \"size\": "
                       "18000000000000000000, \"double\": 0.25, \"nan\": \"NaN\", \"bool\": false, "
                       "\"duration\": \"1m30s\", \"status\": \"OK\"}\n"));
}

TEST(LoggerTest, WhatAPeerSentCannotBreakTheLine) {
  const LogCapture log;
  log.logger().Info(
      "m", {{"error", std::string_view("a\n\"b\\\t\x01\x7f\xff\xc3\xa9\xed\xa0\x80", 14)}});
  EXPECT_THAT(log.text(), EndsWith("{\"error\": \"a\\n\\\"b\\\\\\t\\u0001\\u007f\\ufffdé\\ufffd"
                                   "\\ufffd\\ufffd\"}\n"));
  EXPECT_EQ(log.lines().size(), 1u);
}

TEST(LoggerTest, LinesBelowTheLevelAreNotWritten) {
  LogOptions options = LogCapture::DefaultOptions();
  options.level = LogLevel::kWarn;
  const LogCapture log(options);
  log.logger().Debug("d");
  log.logger().Info("i");
  log.logger().Warn("w");
  log.logger().Error("e");
  EXPECT_EQ(log.lines().size(), 2u);
  EXPECT_FALSE(log.logger().Enabled(LogLevel::kInfo));
  EXPECT_FALSE(Logger().Enabled(LogLevel::kError));
  Logger().With({{"a", 1}}).Error("nobody hears this");
}

// A core whose clock the test moves and whose sampling is on.
struct SampledLog {
  WallTime now{seconds(1000)};
  std::vector<std::string> lines;
  LogCore::Clock clock = [this] { return now; };
  std::shared_ptr<LogCore> core = std::make_shared<LogCore>([this] { return now; });
  Logger logger{core};

  SampledLog() {
    LogOptions options;
    options.disable_caller = true;
    options.sampling = {.enabled = true, .tick = seconds(10), .initial = 3, .thereafter = 5};
    core->ConfigureWriter(options, [this](std::string_view line) { lines.emplace_back(line); });
  }
};

TEST(LogSamplingTest, AfterTheFirstLinesOfATickEveryNthPasses) {
  SampledLog log;
  for (int i = 1; i <= 20; ++i) {
    log.logger.Info("again", {{"i", i}});
  }
  std::vector<std::string> numbers;
  for (const std::string& line : log.lines) {
    numbers.push_back(line.substr(line.find('{')));
  }
  EXPECT_THAT(numbers, ElementsAre("{\"i\": 1}\n", "{\"i\": 2}\n", "{\"i\": 3}\n", "{\"i\": 8}\n",
                                   "{\"i\": 13}\n", "{\"i\": 18}\n"));
  log.now += seconds(10);
  log.logger.Info("again");
  EXPECT_EQ(log.lines.size(), 7u);
}

TEST(LogSamplingTest, TextsAreCountedApartAndUnsampledLoggersNotAtAll) {
  SampledLog log;
  for (int i = 0; i < 4; ++i) {
    log.logger.Info("one");
    log.logger.Info("two");
    log.logger.Unsampled().Info("one");
  }
  EXPECT_EQ(log.lines.size(), 3u + 3u + 4u);
}

TEST(SampledTest, CountsWhatItLeftOutInTheNextInterval) {
  const LogCapture log;
  Sampled sampled(2, seconds(1));
  TimePoint now{seconds(5)};
  for (int i = 0; i < 6; ++i) {
    sampled.Log(log.logger(), LogLevel::kWarn, now, "refused", {{"i", i}});
  }
  EXPECT_EQ(log.lines().size(), 2u);
  now += seconds(1);
  sampled.Log(log.logger(), LogLevel::kWarn, now, "refused", {{"i", 6}});
  EXPECT_THAT(log.lines().back(), EndsWith("{\"i\": 6, \"suppressed\": 4}"));
}

TEST(SampledTest, AnHourOfTheSameTroubleIsAPageAndTheNextTroubleIsToldAtOnce) {
  const LogCapture log;
  Sampled sampled(2, seconds(10));
  TimePoint now{seconds(5)};
  for (int i = 0; i < 36'000; ++i) {
    now += milliseconds(100);
    sampled.Log(log.logger(), LogLevel::kWarn, now, "refused");
  }
  const size_t lines = log.lines().size();
  EXPECT_GE(lines, 10u);
  EXPECT_LE(lines, 30u);
  now += seconds(20);
  sampled.Log(log.logger(), LogLevel::kWarn, now, "refused");
  EXPECT_EQ(log.lines().size(), lines + 1);
  now += seconds(10);
  sampled.Log(log.logger(), LogLevel::kWarn, now, "refused");
  EXPECT_EQ(log.lines().size(), lines + 2) << "the interval is the first one again";
}

TEST(SampledTest, OneMessageDoesNotSilenceAnother) {
  const LogCapture log;
  Sampled sampled(1, seconds(10));
  const TimePoint now{seconds(5)};
  for (int i = 0; i < 3; ++i) {
    sampled.Log(log.logger(), LogLevel::kWarn, now, "refused");
    sampled.Log(log.logger(), LogLevel::kError, now, "dropped");
  }
  EXPECT_EQ(log.Count("refused"), 1u);
  EXPECT_EQ(log.Count("dropped"), 1u);
}

TEST(LogCoreTest, LinesFromBeforeTheConfigurationAreReplayed) {
  const auto core = std::make_shared<LogCore>();
  const Logger logger(core);
  logger.Debug("too quiet");
  logger.With({{"a", 1}}).Info("early", {{"b", "x"}});
  std::string text;
  LogOptions options;
  options.encoding = LogOptions::Encoding::kJson;
  core->ConfigureWriter(options, [&](std::string_view line) { text += line; });
  EXPECT_THAT(text, EndsWith("\"msg\":\"early\",\"a\":1,\"b\":\"x\"}\n"));
  EXPECT_THAT(text, testing::Not(HasSubstr("too quiet")));
  logger.Info("late");
  EXPECT_THAT(text, HasSubstr("late"));
}

TEST(LogCoreTest, TheBufferIsBoundedAndSaysWhatItLost) {
  const auto core = std::make_shared<LogCore>();
  for (size_t i = 0; i < LogCore::kBufferedLinesMax + 3; ++i) {
    Logger(core).Info("early");
  }
  std::vector<std::string> lines;
  core->ConfigureWriter({}, [&](std::string_view line) { lines.emplace_back(line); });
  EXPECT_EQ(lines.size(), LogCore::kBufferedLinesMax + 1);
  EXPECT_THAT(lines.back(), HasSubstr("\"dropped\": 3"));
}

TEST(LogCoreTest, AStartThatFailsShowsWhatWasKeptOnStderr) {
  const auto core = std::make_shared<LogCore>();
  Logger(core).Debug("too quiet");
  Logger(core).Info("early");
  ::testing::internal::CaptureStderr();
  core->FlushToStderr();
  core->FlushToStderr();
  const std::string text = ::testing::internal::GetCapturedStderr();
  EXPECT_THAT(text, EndsWith("\tearly\n"));
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 1);
}

TEST(LogCoreTest, AppendsToAFileAndFollowsAReconfiguration) {
  const std::string path = testing::TempDir() + "gapless_log_test." + std::to_string(getpid());
  const auto core = std::make_shared<LogCore>();
  const Logger logger(core);
  LogOptions options;
  options.output_paths = {path};
  ASSERT_TRUE(core->Configure(options).ok());
  logger.Info("first");
  ASSERT_TRUE(core->Configure(options).ok());
  logger.Info("second");
  const std::string text = ReadFile(path);
  EXPECT_THAT(text, HasSubstr("first\n"));
  EXPECT_THAT(text, EndsWith("second\n"));

  options.output_paths = {"/nonexistent/folder/log"};
  const Status status = core->Configure(options);
  EXPECT_EQ(status.message(), "log output \"/nonexistent/folder/log\": No such file or directory");
  logger.Info("third");
  EXPECT_THAT(ReadFile(path), EndsWith("third\n"));
  unlink(path.c_str());
}

TEST(LogCoreTest, LinesOfManyThreadsDoNotMix) {
  const LogCapture log;
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([logger = log.logger().With({{"thread", t}})] {
        for (int i = 0; i < 250; ++i) {
          logger.Info("message");
        }
      });
    }
  }
  const auto lines = log.lines();
  EXPECT_EQ(lines.size(), 1000u);
  for (const std::string& line : lines) {
    EXPECT_THAT(line, HasSubstr("\tmessage\t{\"thread\": "));
  }
}

TEST(LogLevelTest, ParsesUpstreamsNames) {
  LogLevel level = LogLevel::kInfo;
  EXPECT_TRUE(ParseLogLevel("DEBUG", &level));
  EXPECT_EQ(level, LogLevel::kDebug);
  EXPECT_TRUE(ParseLogLevel("dpanic", &level));
  EXPECT_EQ(level, LogLevel::kFatal);
  EXPECT_FALSE(ParseLogLevel("verbose", &level));
}

TEST(FormatTimeTest, KnowsTimesBeforeTheEpochAndZonesWithMinutes) {
  const ScopedZone zone("AAA3:30");
  EXPECT_EQ(internal::FormatTime(WallTime(-milliseconds(1))), "1969-12-31T20:29:59.999-0330");
}

}  // namespace
}  // namespace gapless::telemetry
