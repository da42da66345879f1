#include "exporter/file/encode.h"

#include "otlp/json_encode.h"
#include "wire/compression.h"

#include <array>
#include <limits>

namespace gapless::exporter::file {
namespace {

Result<Rope> WithLength(Rope body) {
  if (body.size() > std::numeric_limits<uint32_t>::max()) {
    return InvalidArgument("the request is too long for the length field of the file");
  }
  const auto size = static_cast<uint32_t>(body.size());
  const std::array<char, 4> length = {static_cast<char>(size >> 24), static_cast<char>(size >> 16),
                                      static_cast<char>(size >> 8), static_cast<char>(size)};
  Rope message = Rope::CopyOf(std::string_view(length.data(), length.size()));
  message.Append(std::move(body));
  return message;
}

}  // namespace

Result<Rope> Encode(const otlp::Batch& batch, const Config& config) {
  ASSIGN_OR_RETURN(const otlp::Batch plain, otlp::Inflate(batch));
  Rope body = plain.body;
  if (config.format == "json") {
    std::string text;
    RETURN_IF_ERROR(otlp::EncodeJson(plain.body, plain.signal, &text));
    if (config.compression.empty()) {
      text += '\n';
      return Rope::CopyOf(text);
    }
    body = Rope::CopyOf(text);
  }
  if (!config.compression.empty()) {
    const int level = config.compression_params.level;
    ASSIGN_OR_RETURN(
        body, wire::Compress(wire::Codec::kZstd, level == 0 ? wire::kDefaultLevel : level, body));
  }
  return WithLength(std::move(body));
}

}  // namespace gapless::exporter::file
