#include "takeover/queue_item.h"

#include "otlp/any_value.h"
#include "takeover/queue_name.h"
#include "tests/support/otlp_builder.h"
#include "wire/proto.h"

#include <gtest/gtest.h>

namespace gapless::takeover {
namespace {

std::string Traces(int spans) { return testing::BuildTraces({.items = spans}); }

// A KeyValue whose value is a list of strings, or one string.
std::string Pair(const std::string& key, const std::vector<std::string>& values, bool list = true) {
  std::string any;
  wire::Writer value(&any);
  if (list) {
    std::string array;
    for (const std::string& text : values) {
      wire::Writer(&array).Bytes(1, otlp::StringValue(text));
    }
    value.Bytes(5, array);
  } else {
    value.Bytes(1, values[0]);
  }
  std::string pair;
  wire::Writer writer(&pair);
  writer.Bytes(1, key);
  writer.Bytes(2, any);
  return pair;
}

std::string Wrapped(const std::string& data) {
  std::string context;
  wire::Writer writer(&context);
  writer.Bytes(1, "a span context");
  writer.Bytes(2, Pair("X-Tenant", {"b"}, false));
  writer.Bytes(2, Pair("a", {"1", "2"}));
  std::string out;
  wire::Writer outer(&out);
  outer.Fixed32(1, 1);
  outer.Bytes(2, context);
  outer.Bytes(3, data);
  return out;
}

TEST(QueueItemTest, OtlpDataIsTheRequestAsItIs) {
  const std::string data = Traces(3);
  const auto batch = DecodeQueueItem(Slice::CopyOf(data), otlp::Signal::kTraces);
  ASSERT_TRUE(batch.ok()) << batch.status().ToString();
  EXPECT_EQ(batch->body.ToString(), data);
  EXPECT_EQ(batch->raw_size, data.size());
  EXPECT_EQ(batch->items, 3u);
  EXPECT_NE(batch->lanes, 0u);
  EXPECT_EQ(batch->metadata, nullptr);
}

TEST(QueueItemTest, AWrapperBringsTheMetadataOfTheClient) {
  const std::string data = Traces(2);
  const auto batch = DecodeQueueItem(Slice::CopyOf(Wrapped(data)), otlp::Signal::kTraces);
  ASSERT_TRUE(batch.ok()) << batch.status().ToString();
  EXPECT_EQ(batch->body.ToString(), data);
  EXPECT_EQ(batch->items, 2u);
  ASSERT_NE(batch->metadata, nullptr);
  EXPECT_EQ(*batch->metadata, (otlp::Metadata{{"a", "1"}, {"a", "2"}, {"x-tenant", "b"}}));
}

TEST(QueueItemTest, WhatIsNoOtlpDataIsRefused) {
  for (const std::string& value : {std::string("no protobuf at all"), Wrapped("\xff\xff"),
                                   std::string("\x0d\x01\x00\x00\x00\x12\x7f", 7)}) {
    EXPECT_EQ(DecodeQueueItem(Slice::CopyOf(value), otlp::Signal::kTraces).status().code(),
              Code::kInvalidArgument);
  }
}

TEST(QueueNameTest, IsThatOfACollector) {
  EXPECT_EQ(QueueFileName({.type = "otlp", .name = "backup"}, otlp::Signal::kLogs),
            "exporter_otlp_backup_logs");
  EXPECT_EQ(QueueFileName({.type = "otlp", .name = ""}, otlp::Signal::kTraces),
            "exporter_otlp__traces");
  EXPECT_EQ(QueueFileName({.type = "otlp_http", .name = "a/b c"}, otlp::Signal::kMetrics),
            "exporter_otlp_http_a~002Fb~0020c_metrics");
  EXPECT_EQ(SanitizedName("ü\xff🌍"), "~00FC~FFFD~1F30D");
  EXPECT_EQ(
      QueueFileName({.type = "otlp", .name = std::string(300, 'a')}, otlp::Signal::kLogs).size(),
      64u);
}

}  // namespace
}  // namespace gapless::takeover
