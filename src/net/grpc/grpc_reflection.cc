#include "net/grpc/grpc_reflection.h"

#include "fmt/format.h"
#include "wire/proto.h"

#include <array>
#include <utility>

namespace gapless::net {
namespace {

using wire::Field;
using wire::FieldReader;
using wire::WireType;

constexpr std::array<std::string_view, 2> kServices = {"grpc.reflection.v1.ServerReflection",
                                                       "grpc.reflection.v1alpha.ServerReflection"};

// The string in field 1, which is the name of every part of a file.
std::string NameOf(ByteSpan part) {
  std::string name;
  FieldReader reader(part);
  for (Field field; reader.Next(&field);) {
    if (field.is(1, WireType::kBytes)) {
      name = field.text();
    }
  }
  return name;
}

std::string Join(const std::string& scope, std::string_view name) {
  return scope.empty() ? std::string(name) : fmt::format("{}.{}", scope, name);
}

// grpc.reflection.v1.ServerReflectionRequest and ServerReflectionResponse.
constexpr uint32_t kFileByName = 3;
constexpr uint32_t kFileOfSymbol = 4;
constexpr uint32_t kFileOfExtension = 5;
constexpr uint32_t kExtensionsOf = 6;
constexpr uint32_t kListServices = 7;
constexpr uint32_t kOriginalRequest = 2;
constexpr uint32_t kFiles = 4;
constexpr uint32_t kServicesList = 6;
constexpr uint32_t kError = 7;

void WriteError(Code code, std::string_view text, wire::Writer& out) {
  const size_t error = out.Begin(kError);
  out.Varint(1, static_cast<uint64_t>(code));
  out.Bytes(2, text);
  out.End(error);
}

// One conversation: an answer for every question.
class Conversation final : public GrpcStream {
 public:
  Conversation(GrpcStreamSink& sink, std::shared_ptr<const ReflectionIndex> index)
      : sink_(sink), index_(std::move(index)) {}

  void OnMessage(Rope message) override {
    const std::string bytes = message.ToString();
    const Result<std::string> answer = index_->Answer(AsBytes(bytes));
    if (!answer.ok()) {
      return sink_.Finish(answer.status().code(), answer.status().message());
    }
    sink_.Send(Rope::CopyOf(*answer));
  }
  void OnEnd() override { sink_.Finish(Code::kOk, ""); }
  void OnDrain() override { sink_.Finish(Code::kUnavailable, "shutting down"); }

 private:
  GrpcStreamSink& sink_;
  const std::shared_ptr<const ReflectionIndex> index_;
};

}  // namespace

Result<ReflectionIndex> ReflectionIndex::Create(std::vector<std::string> files,
                                                std::vector<std::string> services) {
  ReflectionIndex index;
  index.files_ = std::move(files);
  index.services_ = std::move(services);
  for (size_t i = 0; i < index.files_.size(); ++i) {
    RETURN_IF_ERROR(index.Add(i));
  }
  return index;
}

// google.protobuf.FileDescriptorProto.
Status ReflectionIndex::Add(size_t file) {
  std::string package;
  FieldReader first(AsBytes(files_[file]));
  for (Field field; first.Next(&field);) {
    if (field.is(1, WireType::kBytes)) {
      by_name_.emplace(field.text(), file);
    } else if (field.is(2, WireType::kBytes)) {
      package = field.text();
    }
  }
  RETURN_IF_ERROR(first.status());
  FieldReader reader(AsBytes(files_[file]));
  for (Field field; reader.Next(&field);) {
    if (field.is(4, WireType::kBytes)) {
      AddMessage(field.bytes, package, file);
    } else if (field.is(5, WireType::kBytes) || field.is(6, WireType::kBytes)) {
      AddNamed(field.bytes, 2, package, file);
    }
  }
  return OkStatus();
}

// DescriptorProto: fields, and messages and enums inside it.
void ReflectionIndex::AddMessage(ByteSpan message, const std::string& scope, size_t file) {
  AddNamed(message, 2, scope, file);
  const std::string name = Join(scope, NameOf(message));
  FieldReader reader(message);
  for (Field field; reader.Next(&field);) {
    if (field.is(3, WireType::kBytes)) {
      AddMessage(field.bytes, name, file);
    } else if (field.is(4, WireType::kBytes)) {
      AddNamed(field.bytes, 2, name, file);
    }
  }
}

// A part with its members in field `members`: a message, an enum or a service.
void ReflectionIndex::AddNamed(ByteSpan part, uint32_t members, const std::string& scope,
                               size_t file) {
  const std::string name = Join(scope, NameOf(part));
  by_symbol_.emplace(name, file);
  FieldReader reader(part);
  for (Field field; reader.Next(&field);) {
    if (field.is(members, WireType::kBytes)) {
      by_symbol_.emplace(Join(name, NameOf(field.bytes)), file);
    }
  }
}

Result<std::string> ReflectionIndex::Answer(ByteSpan request) const {
  Field question;
  std::string out;
  wire::Writer writer(&out);
  FieldReader reader(request);
  for (Field field; reader.Next(&field);) {
    if (field.is(1, WireType::kBytes)) {
      writer.Bytes(1, field.bytes);  // valid_host
    } else if (field.type == WireType::kBytes && field.number >= kFileByName &&
               field.number <= kListServices) {
      question = field;
    }
  }
  RETURN_IF_ERROR(reader.status());
  writer.Bytes(kOriginalRequest, request);
  const auto write_file = [&](const auto& table) {
    const auto found = table.find(question.text());
    if (found == table.end()) {
      return WriteError(Code::kNotFound, fmt::format("not found: {}", question.text()), writer);
    }
    const size_t response = writer.Begin(kFiles);
    writer.Bytes(1, files_[found->second]);
    writer.End(response);
  };
  switch (question.number) {
    case kFileByName:
      write_file(by_name_);
      break;
    case kFileOfSymbol:
      write_file(by_symbol_);
      break;
    case kFileOfExtension:
    case kExtensionsOf:
      WriteError(Code::kNotFound, "there are no extensions", writer);
      break;
    case kListServices: {
      const size_t response = writer.Begin(kServicesList);
      for (const std::string& service : services_) {
        const size_t entry = writer.Begin(1);
        writer.Bytes(1, service);
        writer.End(entry);
      }
      writer.End(response);
      break;
    }
    default:
      return InvalidArgument("invalid MessageRequest");
  }
  return out;
}

void AddGrpcReflection(GrpcServer& server, std::shared_ptr<const ReflectionIndex> index) {
  for (const std::string_view service : kServices) {
    server.AddStream(fmt::format("/{}/ServerReflectionInfo", service),
                     [index](GrpcStreamSink& sink) -> std::unique_ptr<GrpcStream> {
                       return std::make_unique<Conversation>(sink, index);
                     });
  }
}

std::vector<std::string> GrpcReflectionServices() { return {kServices.begin(), kServices.end()}; }

}  // namespace gapless::net
