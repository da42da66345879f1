// A config with every kind of field, shared by tests and the fuzz target of this room.
#pragma once

#include "config/fields.h"

namespace gapless::config::sample {

using namespace std::chrono_literals;

enum class Sizer : uint8_t { kRequests, kItems, kBytes };

struct Batch {
  Duration flush_timeout = 200ms;
  int64_t min_size = 8192;
};

struct Queue {
  int64_t queue_size = 1000;
  int32_t num_consumers = 10;
  Sizer sizer = Sizer::kRequests;
  Section<Batch> batch;
};

struct Shared {
  Duration timeout = 5s;
  Section<Queue> sending_queue = Section<Queue>::On();
  WrittenKeys written;
};

struct Check {
  std::string kind = "probe";
  std::optional<double> threshold;
};

struct Everything {
  Shared shared;
  std::string endpoint;
  Secret token;
  HeaderMap headers;
  bool insecure = false;
  uint16_t port = 4317;
  uint32_t count = 0;
  uint64_t big = 0;
  double ratio = 0.5;
  std::vector<std::string> endpoints = {"default"};
  ComponentId storage;
  std::vector<std::vector<ComponentId>> priority_levels;
  std::map<ComponentId, Check> health_check;
  std::map<std::string, std::string> labels;
  std::vector<Check> checks;
  std::optional<Duration> linger;
  ByteSize disk{.bytes = 10 << 20};
  ByteRate rate;
  Percent share{.value = 80};
  Node raw;
  WrittenKeys written;
};

inline const Table<Batch>& BatchTable() {
  static const Table<Batch> table = {
      Field("flush_timeout", &Batch::flush_timeout, "Longest wait for a full batch."),
      Field("min_size", &Batch::min_size, "Items that make a batch.").Min(0),
  };
  return table;
}

inline void ValidateQueue(const Queue& queue, Checker& checker) {
  if (queue.queue_size <= 0) {
    checker.Fail("queue_size", "`queue_size` must be positive");
  }
  if (queue.batch && queue.batch->min_size > queue.queue_size) {
    checker.Fail("batch::min_size", "`min_size` must be less than or equal to `queue_size`");
  }
}

inline const Table<Queue>& QueueTable() {
  static const Table<Queue> table{
      {
          Field("queue_size", &Queue::queue_size, "Room of the queue."),
          Field("num_consumers", &Queue::num_consumers, "Senders.").Min(1).Max(100),
          Field("sizer", &Queue::sizer,
                Enum<Sizer>({{"requests", Sizer::kRequests},
                             {"items", Sizer::kItems},
                             {"bytes", Sizer::kBytes}}),
                "Unit of queue_size."),
          Field("batch", &Queue::batch, BatchTable(), "Batching."),
      },
      ValidateQueue};
  return table;
}

inline const Table<Shared>& SharedTable() {
  static const Table<Shared> table = {
      Field("timeout", &Shared::timeout, "Time for one attempt.").Min(0s),
      Field("sending_queue", &Shared::sending_queue, QueueTable(), "The queue."),
      Written(&Shared::written),
  };
  return table;
}

inline const Table<Check>& CheckTable() {
  static const Table<Check> table{{
                                      Field("kind", &Check::kind, "Kind."),
                                      Field("threshold", &Check::threshold, "Limit."),
                                  },
                                  [](const Check& check, Checker& checker) {
                                    if (check.kind.empty()) {
                                      checker.Fail("kind", "requires a non-empty \"kind\"");
                                    }
                                  }};
  return table;
}

inline const Table<Everything>& EverythingTable() {
  static const Table<Everything> table{
      {
          Squash(&Everything::shared, SharedTable()),
          Field("endpoint", &Everything::endpoint, "Where to send."),
          Field("target", &Everything::endpoint, "").Deprecated("use endpoint"),
          Field("token", &Everything::token, "Secret."),
          Field("headers", &Everything::headers, "Headers."),
          Field("insecure", &Everything::insecure, "No TLS."),
          Field("port", &Everything::port, "Port."),
          Field("count", &Everything::count, "Count."),
          Field("big", &Everything::big, "Big."),
          Field("ratio", &Everything::ratio, "Ratio."),
          Field("endpoints", &Everything::endpoints, "Several."),
          Field("storage", &Everything::storage, "Extension."),
          Field("priority_levels", &Everything::priority_levels, "Levels."),
          Field("health_check", &Everything::health_check, CheckTable(), "Checks by exporter."),
          Field("labels", &Everything::labels, "Labels."),
          Field("checks", &Everything::checks, CheckTable(), "List of checks."),
          Field("linger", &Everything::linger, "Optional."),
          Field("disk", &Everything::disk, "Size.").Max(int64_t{1} << 40),
          Field("rate", &Everything::rate, "Rate."),
          Field("share", &Everything::share, "Share."),
          Field("raw", &Everything::raw, "Anything."),
          Written(&Everything::written),
      },
      [](const Everything& value, Checker& checker) {
        if (value.endpoint.empty()) {
          checker.Fail("endpoint", "requires a non-empty \"endpoint\"");
        }
      }};
  return table;
}

}  // namespace gapless::config::sample
