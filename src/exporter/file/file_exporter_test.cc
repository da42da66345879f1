#include "exporter/file/file_exporter.h"

#include "base/sim_loop.h"
#include "exporter/file/encode.h"
#include "io/memory_file_system.h"
#include "net/loop/worker.h"
#include "telemetry/log_capture.h"
#include "tests/support/otlp_builder.h"
#include "wire/compression.h"

namespace gapless::exporter::file {
namespace {

using otlp::Signal;
using sending::AttemptResult;
using sending::OutcomeClass;
using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

otlp::Batch TestBatch(Signal signal = Signal::kTraces, const std::string& prefix = "item") {
  otlp::Batch batch;
  batch.signal = signal;
  batch.items = 2;
  batch.body = Rope::CopyOf(gapless::testing::BuildRequest(signal, {.items = 2, .prefix = prefix}));
  batch.raw_size = batch.body.size();
  return batch;
}

// The messages of a file whose messages have lengths in front.
std::vector<std::string> Messages(std::string_view content) {
  std::vector<std::string> messages;
  while (content.size() >= 4) {
    uint32_t size = 0;
    for (const char c : content.substr(0, 4)) {
      size = size << 8 | static_cast<unsigned char>(c);
    }
    messages.emplace_back(content.substr(4, size));
    content.remove_prefix(4 + size);
  }
  EXPECT_TRUE(content.empty());
  return messages;
}

std::string Unpacked(const std::string& message) {
  const auto plain = wire::Decompress(wire::Codec::kZstd, Rope::CopyOf(message), 1 << 20);
  return plain.ok() ? plain->ToString() : plain.status().ToString();
}

// A transport on a simulated loop whose disk is the loop itself.
struct Fixture {
  SimLoop loop;
  io::LoopExecutor disk{loop};
  io::MemoryFileSystem fs;
  std::shared_ptr<FileWriter> writer;
  std::unique_ptr<sending::Transport> transport;
  std::vector<OutcomeClass> answers;

  explicit Fixture(Config config = {}) {
    config.path = "/data";
    writer = std::make_shared<FileWriter>(fs, WriterOptions(config));
    EXPECT_TRUE(writer->Open().ok());
    transport = MakeTransport(config, loop, writer, disk);
  }
  sending::AttemptId Send(const otlp::Batch& batch) {
    return transport->Attempt(batch, Duration(0), Collect());
  }
  sending::AttemptCallback Collect() {
    return [this](AttemptResult result) { answers.push_back(result.outcome); };
  }
  std::string content() const { return fs.Content("/data"); }
};

TEST(FileExporterTest, JsonIsOneRequestPerLine) {
  Fixture f;
  f.Send(TestBatch(Signal::kTraces, "a"));
  f.Send(TestBatch(Signal::kLogs, "b"));
  f.Send(TestBatch(Signal::kMetrics, "c"));
  EXPECT_THAT(f.answers, IsEmpty());
  f.loop.RunPosted();
  EXPECT_THAT(f.answers, ElementsAre(OutcomeClass::kOk, OutcomeClass::kOk, OutcomeClass::kOk));
  std::vector<std::string> lines;
  std::string rest = f.content();
  for (size_t end = 0; (end = rest.find('\n')) != std::string::npos;) {
    lines.push_back(rest.substr(0, end));
    rest.erase(0, end + 1);
  }
  EXPECT_EQ(rest, "");
  ASSERT_EQ(lines.size(), 3u);
  EXPECT_THAT(lines[0], StartsWith("{\"resourceSpans\":["));
  EXPECT_THAT(lines[0], HasSubstr("\"stringValue\":\"a-1\""));
  EXPECT_THAT(lines[1], StartsWith("{\"resourceLogs\":["));
  EXPECT_THAT(lines[2], StartsWith("{\"resourceMetrics\":["));
  EXPECT_THAT(lines[2], EndsWith("}"));
}

TEST(FileExporterTest, ProtoHasLengthsInFront) {
  Fixture f({.format = "proto"});
  f.Send(TestBatch(Signal::kTraces, "a"));
  f.Send(TestBatch(Signal::kTraces, "b"));
  f.loop.RunPosted();
  EXPECT_THAT(Messages(f.content()), ElementsAre(TestBatch(Signal::kTraces, "a").body.ToString(),
                                                 TestBatch(Signal::kTraces, "b").body.ToString()));
}

TEST(FileExporterTest, CompressionIsPerRequestWithLengthsInFront) {
  Fixture proto({.format = "proto", .compression = "zstd", .compression_params = {.level = 3}});
  proto.Send(TestBatch());
  proto.loop.RunPosted();
  const auto messages = Messages(proto.content());
  ASSERT_EQ(messages.size(), 1u);
  EXPECT_EQ(Unpacked(messages[0]), TestBatch().body.ToString());

  Fixture json({.compression = "zstd"});
  json.Send(TestBatch());
  json.loop.RunPosted();
  const auto texts = Messages(json.content());
  ASSERT_EQ(texts.size(), 1u);
  EXPECT_THAT(Unpacked(texts[0]), StartsWith("{\"resourceSpans\":["));
  EXPECT_THAT(Unpacked(texts[0]), EndsWith("}"));
}

TEST(FileExporterTest, ARequestThatCameCompressedIsInflated) {
  otlp::Batch batch = TestBatch();
  batch.body = *wire::Compress(wire::Codec::kGzip, wire::kDefaultLevel, batch.body);
  batch.codec = wire::Codec::kGzip;
  Fixture f({.format = "proto"});
  f.Send(batch);
  f.loop.RunPosted();
  EXPECT_THAT(Messages(f.content()), ElementsAre(TestBatch().body.ToString()));
}

TEST(FileExporterTest, ADiskErrorCountsAgainstTheDestinationAndLeavesNoTornLine) {
  Fixture f({.format = "proto"});
  f.fs.FailWrites(ResourceExhausted("disk full"));
  f.Send(TestBatch());
  f.loop.RunPosted();
  f.fs.FailWrites(OkStatus());
  f.Send(TestBatch());
  f.loop.RunPosted();
  EXPECT_THAT(f.answers, ElementsAre(OutcomeClass::kTransport, OutcomeClass::kOk));
  EXPECT_EQ(Messages(f.content()).size(), 1u);
}

TEST(FileExporterTest, AnAttemptIsOkOnceItsBytesAreOnTheDisk) {
  Fixture f;
  f.Send(TestBatch());
  f.Send(TestBatch());
  f.loop.RunPosted();
  EXPECT_THAT(f.answers, ElementsAre(OutcomeClass::kOk, OutcomeClass::kOk));
  const std::string written = f.content();
  Rng rng(1);
  f.fs.Crash(io::CrashKind::kPower, rng);
  EXPECT_EQ(f.content(), written);
}

TEST(FileExporterTest, ACorruptRequestIsRejectedAndNotWritten) {
  Fixture f;
  otlp::Batch batch;
  batch.body = Rope::CopyOf("\x0a\xff");
  f.Send(batch);
  f.loop.RunPosted();
  EXPECT_THAT(f.answers, ElementsAre(OutcomeClass::kRejected));
  EXPECT_EQ(f.content(), "");
}

TEST(FileExporterTest, ACancelledAttemptIsNotWritten) {
  Fixture f;
  f.transport->Cancel(f.Send(TestBatch()));
  f.loop.RunPosted();
  EXPECT_EQ(f.content(), "");
}

TEST(FileExporterTest, AProbeAnswersWhetherTheDiskTakesData) {
  Fixture f;
  f.transport->Probe(std::chrono::seconds(1), f.Collect());
  f.loop.RunPosted();
  f.fs.FailWrites(ResourceExhausted("disk full"));
  f.transport->Probe(std::chrono::seconds(1), f.Collect());
  f.loop.RunPosted();
  f.loop.AdvanceBy(std::chrono::seconds(5));
  EXPECT_THAT(f.answers, ElementsAre(OutcomeClass::kOk, OutcomeClass::kTransport));
}

// A disk whose calls never return.
class StuckExecutor final : public io::Executor {
 public:
  void Post(Task task) override { tasks_.push_back(std::move(task)); }

 private:
  std::vector<Task> tasks_;
};

TEST(FileExporterTest, AProbeOfADiskThatHangsFailsAtItsTimeout) {
  Fixture f;
  StuckExecutor stuck;
  const auto transport = MakeTransport({.path = "/data"}, f.loop, f.writer, stuck);
  transport->Probe(std::chrono::seconds(2), f.Collect());
  f.loop.AdvanceBy(std::chrono::milliseconds(1999));
  EXPECT_THAT(f.answers, IsEmpty());
  f.loop.AdvanceBy(std::chrono::milliseconds(1));
  EXPECT_THAT(f.answers, ElementsAre(OutcomeClass::kTransport));
}

TEST(FileExporterTest, TheComponentWritesOnItsOwnThreadAndIsDoneWhenAllIsWritten) {
  net::Worker worker;
  const std::vector<net::Worker*> workers = {&worker};
  telemetry::Registry metrics;
  const telemetry::LogCapture log;
  io::MemoryFileSystem fs;
  ASSERT_TRUE(fs.Open("/data", io::OpenMode::kCreate).ok());
  fs.SetContent("/data", "old");
  FileExporter exporter(pipeline::Settings{.id = {.type = "file", .name = ""},
                                           .log = log.logger(),
                                           .metrics = metrics,
                                           .workers = workers},
                        {.path = "/data"}, fs);
  ASSERT_TRUE(exporter.Start().ok());
  EXPECT_EQ(log.Count("The file was emptied"), 1u);
  auto transport = exporter.CreateTransport(Signal::kTraces, worker, Duration(0));
  int answers = 0;
  for (int i = 0; i < 10; ++i) {
    transport->Attempt(TestBatch(), Duration(0), [&](AttemptResult result) {
      EXPECT_EQ(result.outcome, OutcomeClass::kOk) << result.status.ToString();
      ++answers;
    });
  }
  bool done = false;
  exporter.Shutdown(worker.Now(), [&] { done = true; });
  EXPECT_TRUE(worker.RunUntil([&] { return done && answers == 10; }, std::chrono::seconds(10)));
  EXPECT_THAT(fs.Content("/data"), StartsWith("{\"resourceSpans\""));
}

std::string ProblemsOf(std::initializer_list<std::pair<const char*, config::Node>> keys,
                       Config* out = nullptr) {
  config::Node node = config::Node::Map();
  for (const auto& [key, value] : keys) {
    node.Set(key, value);
  }
  config::Errors errors;
  Config config;
  config::Decode(ConfigTable(), node, "exporters::file", config, errors);
  if (errors.ok()) {
    config::Validate(ConfigTable(), config, node, "exporters::file", errors);
  }
  if (out != nullptr) {
    *out = config;
  }
  return errors.ToString();
}

config::Node Text(const char* text) { return config::Node::String(text); }
config::Node Enabled() {
  config::Node node = config::Node::Map();
  node.Set("enabled", config::Node::Bool(true));
  return node;
}

TEST(FileConfigTest, DefaultsAreUpstreams) {
  Config config;
  EXPECT_EQ(ProblemsOf({{"path", Text("/x")}}, &config), "");
  EXPECT_FALSE(config.rotation);
  EXPECT_FALSE(config.delivery.ToSettings().queue.enabled);
  EXPECT_FALSE(config.delivery.ToSettings().retry.enabled);
  EXPECT_EQ(config.format, "json");
  EXPECT_EQ(config.flush_interval, std::chrono::seconds(1));
  EXPECT_EQ(ProblemsOf({{"path", Text("/x")}, {"rotation", config::Node::Null()}}, &config), "");
  ASSERT_TRUE(config.rotation);
  EXPECT_EQ(config.rotation->max_megabytes, 100u);
  EXPECT_EQ(config.rotation->max_backups, 100u);
}

TEST(FileConfigTest, ProblemsAreToldInUpstreamsWords) {
  const config::Node path = Text("/x");
  EXPECT_THAT(ProblemsOf({}), HasSubstr("path must be non-empty"));
  EXPECT_THAT(ProblemsOf({{"path", path}, {"format", Text("text")}}),
              HasSubstr("format type is not supported"));
  EXPECT_THAT(ProblemsOf({{"path", path}, {"compression", Text("gzip")}}),
              HasSubstr("compression is not supported"));
  EXPECT_THAT(ProblemsOf({{"path", path},
                          {"append", config::Node::Bool(true)},
                          {"rotation", config::Node::Map()}}),
              HasSubstr("append and rotation enabled at the same time is not supported"));
  EXPECT_THAT(
      ProblemsOf(
          {{"path", path}, {"append", config::Node::Bool(true)}, {"compression", Text("zstd")}}),
      HasSubstr("append and compression enabled at the same time is not supported"));
  EXPECT_THAT(ProblemsOf({{"path", path}, {"group_by", Enabled()}}),
              HasSubstr("group_by is not there yet"));
  EXPECT_THAT(ProblemsOf({{"path", path}, {"encoding", Text("otlp_encoding")}}),
              HasSubstr("encoding extensions are not there yet"));
  EXPECT_THAT(ProblemsOf({{"path", path}, {"directory_permissions", Text("0999")}}),
              HasSubstr("value must be a valid octal representation"));
  EXPECT_THAT(ProblemsOf({{"path", path}, {"pth", path}}), HasSubstr("pth"));
}

}  // namespace
}  // namespace gapless::exporter::file
