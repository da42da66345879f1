// The file exporter: OTLP requests into a file, JSON lines or protobuf. One file for all signals.
#pragma once

#include "exporter/file/config.h"
#include "exporter/file/file_writer.h"
#include "io/executor.h"
#include "io/file_system.h"
#include "sending/exporter.h"

#include <functional>
#include <memory>

namespace gapless::exporter::file {

class FileExporter final : public sending::Exporter {
 public:
  // `fs` outlives the exporter.
  FileExporter(const pipeline::Settings& settings, Config config, io::FileSystem& fs);
  ~FileExporter() override;

  // Fails if the file cannot be made.
  Status Start() override;
  // Done once everything that was handed over is written.
  void Shutdown(TimePoint deadline, std::move_only_function<void()> done) override;
  std::unique_ptr<sending::Transport> CreateTransport(otlp::Signal signal, net::Worker& home,
                                                      Duration suspect_after) override;

 private:
  const Config config_;
  const telemetry::Logger log_;
  net::Worker& control_;
  const std::shared_ptr<FileWriter> writer_;  // the disk thread's, once it runs
  std::unique_ptr<io::ServiceThread> disk_;   // from Start on
};

// The transport alone, on any loop and executor: for tests. An attempt is OK once its request is
// on the disk (fsync: false: written); all that the disk answers counts as failure of the
// destination.
std::unique_ptr<sending::Transport> MakeTransport(const Config& config, Loop& home,
                                                  std::shared_ptr<FileWriter> writer,
                                                  io::Executor& disk);

FileWriter::Options WriterOptions(const Config& config);

}  // namespace gapless::exporter::file
