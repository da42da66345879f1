// Attributes changed on arbitrary requests that the scan accepts.
//
// Input: one byte for the signal, one for what is changed, one for how the bytes are cut into
// slices, the request. Whatever changes, the result must scan, with as many items as before, and a
// second run of the same changes must find nothing to do.
#include "base/check.h"
#include "otlp/any_value.h"
#include "otlp/attributes_edit.h"
#include "otlp/scan.h"

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>

namespace gapless::otlp {
namespace {

// Sets "k" everywhere, removes what is not "k", and reads all values.
class Changes final : public AttributesVisitor {
 public:
  explicit Changes(uint8_t which) : which_(which) {}

  void Visit(const AttributesPlace& /*place*/, AttributeList& attributes) override {
    for (size_t i = 0; i < attributes.size(); ++i) {
      text_ += ValueText(attributes.value(i)).size();
      if ((which_ & 1) != 0 && attributes.key(i) != "k") {
        attributes.RemoveAt(i);
      }
    }
    if ((which_ & 2) != 0) {
      attributes.Set("k", attributes.Store(value_));
    }
  }

 private:
  const uint8_t which_;
  const std::string value_ = StringValue("value");
  size_t text_ = 0;
};

Rope Cut(std::string_view text, size_t piece) {
  Rope rope;
  while (!text.empty()) {
    rope.Append(Slice::CopyOf(text.substr(0, piece)));
    text.remove_prefix(std::min(piece, text.size()));
  }
  return rope;
}

void Run(Signal signal, uint8_t which, size_t piece, std::string_view bytes) {
  const Rope request = Cut(bytes, piece);
  const Result<ScanResult> before = Scan(request, signal);
  const AttributesOf of = (which & 4) != 0 ? AttributesOf::kResources : AttributesOf::kItems;
  Changes changes(which);
  const auto edited = EditAttributes(request, signal, of, changes);
  if (!before.ok()) {
    return;  // only not to crash
  }
  GAPLESS_CHECK(edited.ok());
  if (!*edited) {
    return;
  }
  const Result<ScanResult> after = Scan(**edited, signal);
  GAPLESS_CHECK(after.ok() && after->items == before->items);
  const auto again = EditAttributes(**edited, signal, of, changes);
  GAPLESS_CHECK(again.ok() && !*again);
}

}  // namespace
}  // namespace gapless::otlp

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size >= 3) {
    gapless::otlp::Run(gapless::otlp::kSignals[data[0] % 3], data[1], size_t{1} + data[2],
                       {reinterpret_cast<const char*>(data) + 3, size - 3});
  }
  return 0;
}
