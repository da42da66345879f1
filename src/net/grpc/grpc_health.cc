#include "net/grpc/grpc_health.h"

#include "fmt/format.h"
#include "wire/proto.h"

#include <algorithm>
#include <memory>
#include <utility>

namespace gapless::net {
namespace {

// HealthCheckResponse.ServingStatus.
enum class Serving : uint8_t { kServing = 1, kNotServing = 2, kServiceUnknown = 3 };

struct HealthTable {
  std::vector<std::string> services;
  bool serving;

  Serving Of(std::string_view service) const {
    if (!service.empty() && std::ranges::find(services, service) == services.end()) {
      return Serving::kServiceUnknown;
    }
    return serving ? Serving::kServing : Serving::kNotServing;
  }
};

// HealthCheckRequest.service.
Result<std::string> ServiceOf(const Rope& message) {
  const std::string bytes = message.ToString();
  wire::FieldReader reader(AsBytes(bytes));
  std::string service;
  for (wire::Field field; reader.Next(&field);) {
    if (field.is(1, wire::WireType::kBytes)) {
      service = field.text();
    }
  }
  RETURN_IF_ERROR(reader.status());
  return service;
}

Rope Response(Serving serving) {
  std::string out;
  wire::Writer(&out).Varint(1, static_cast<uint64_t>(serving));
  return Rope::CopyOf(out);
}

class Check final : public GrpcMethod {
 public:
  explicit Check(std::shared_ptr<const HealthTable> table) : table_(std::move(table)) {}

  void Handle(GrpcCall call) override {
    const Result<Rope> message = PlainGrpcMessage(call.message, call.encoding);
    const Result<std::string> service = message.ok() ? ServiceOf(*message) : message.status();
    GrpcReply reply;
    if (!service.ok()) {
      reply.code = Code::kInternal;
      reply.message = service.status().message();
    } else if (const Serving serving = table_->Of(*service); serving == Serving::kServiceUnknown) {
      reply.code = Code::kNotFound;
      reply.message = "unknown service";
    } else {
      reply.body = Response(serving);
    }
    call.responder.Reply(std::move(reply));
  }

 private:
  const std::shared_ptr<const HealthTable> table_;
};

// One who watches: told at once, and when the server ends.
class Watcher final : public GrpcStream {
 public:
  Watcher(GrpcStreamSink& sink, std::shared_ptr<const HealthTable> table)
      : sink_(sink), table_(std::move(table)) {}

  void OnMessage(Rope message) override {
    const Result<std::string> service = ServiceOf(message);
    if (!service.ok()) {
      return sink_.Finish(Code::kInternal, service.status().message());
    }
    sink_.Send(Response(table_->Of(*service)));
    if (!table_->serving) {
      OnDrain();
    }
  }
  void OnEnd() override {}  // the request is one message, and the answer goes on
  void OnDrain() override {
    sink_.Send(Response(Serving::kNotServing));
    sink_.Finish(Code::kUnavailable, "shutting down");
  }

 private:
  GrpcStreamSink& sink_;
  const std::shared_ptr<const HealthTable> table_;
};

}  // namespace

void AddGrpcHealth(GrpcServer& server, std::vector<std::string> services, bool serving) {
  auto table = std::make_shared<HealthTable>();
  table->services = std::move(services);
  table->serving = serving;
  server.AddMethod(fmt::format("/{}/Check", kGrpcHealthService), std::make_unique<Check>(table));
  server.AddStream(fmt::format("/{}/Watch", kGrpcHealthService),
                   [table](GrpcStreamSink& sink) -> std::unique_ptr<GrpcStream> {
                     return std::make_unique<Watcher>(sink, table);
                   });
}

}  // namespace gapless::net
