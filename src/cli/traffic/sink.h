// Sink: a small OTLP backend that recognises numbered items and writes down what came when.
#pragma once

#include "cli/traffic/sequence.h"
#include "net/grpc/grpc_server.h"
#include "net/loop/listener.h"
#include "net/server/http_server.h"

#include <cstdio>
#include <memory>
#include <string>
#include <vector>

namespace gapless::cli {

struct SinkOptions {
  std::string grpc = "localhost:14317";
  std::string http = "localhost:14318";
  std::string log_file;    // empty: none
  bool blind = false;      // count requests only, look at nothing
  std::string count_file;  // the number of requests, written now and then; empty: none
  int backlog = 1024;      // connections that wait to be accepted
};

// On one worker.
class Sink {
 public:
  // Errors: a port that is taken, a file that cannot be opened.
  static Result<std::unique_ptr<Sink>> Open(net::Worker& worker, SinkOptions options);
  ~Sink();

  std::string grpc_address() const;
  std::string http_address() const;
  // From now on every request is refused as UNAVAILABLE; the next call ends that.
  void ToggleUnavailable() { unavailable_ = !unavailable_; }
  uint64_t requests() const { return requests_; }
  uint64_t items() const { return items_; }

 private:
  class Export;
  class HttpExport;
  struct CloseFile {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };
  using OwnedFile = std::unique_ptr<std::FILE, CloseFile>;
  // None for an empty path.
  static Result<OwnedFile> OpenFile(const std::string& path, const char* mode);
  explicit Sink(SinkOptions options) : options_(std::move(options)) {}
  void WriteCount();
  Status Listen(net::Worker& worker);
  // The answer to one request.
  Status Take(otlp::Signal signal, const Rope& body, std::string_view encoding);

  const SinkOptions options_;
  OwnedFile log_;
  OwnedFile count_;
  std::unique_ptr<net::Listener> grpc_listener_;
  std::unique_ptr<net::Listener> http_listener_;
  std::shared_ptr<net::HttpServer> grpc_server_;
  std::shared_ptr<net::HttpServer> http_server_;
  bool unavailable_ = false;
  uint64_t requests_ = 0;
  Timer count_timer_;
  net::Worker* worker_ = nullptr;
  uint64_t items_ = 0;
};

}  // namespace gapless::cli
