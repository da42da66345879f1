// The configuration language on arbitrary text: YAML, merging, expansion and decoding give a value
// or an error, and what is written out reads back as the same.
//
// Input: sections separated by lines of "=====": the config, then the variables A, B and C, then
// the file "f".
#include "base/check.h"
#include "config/limits.h"
#include "config/resolver.h"
#include "config/sample_config_test.h"
#include "config/yaml.h"

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace gapless::config {
namespace {

std::vector<std::string> Sections(std::string_view input) {
  constexpr std::string_view kSeparator = "\n=====\n";
  std::vector<std::string> sections;
  for (;;) {
    const size_t end = input.find(kSeparator);
    sections.emplace_back(input.substr(0, end));
    if (end == std::string_view::npos) {
      sections.resize(5);
      return sections;
    }
    input.remove_prefix(end + kSeparator.size());
  }
}

void CheckRoundTrip(std::string_view text) {
  const Result<Node> node = ParseYaml(text, "c");
  if (!node.ok()) {
    return;
  }
  GAPLESS_CHECK(HeightOf(*node) <= kDepthMax && CountNodes(*node) <= kNodesMax);
  const Result<Node> back = ParseYaml(ToYaml(*node), "back");
  if (back.ok()) {
    GAPLESS_CHECK(*back == *node);
  } else {
    // Only a bound may stand in the way: written out, an alias is its value, and its text counts as
    // document.
    GAPLESS_CHECK(ToYaml(*node).size() > kDocumentBytesMax / 64);
  }
}

void CheckDecode(const Node& root) {
  sample::Everything value;
  Errors errors;
  Decode(sample::EverythingTable(), root, "", value, errors);
  Errors invalid;
  Validate(sample::EverythingTable(), value, root, "", invalid);
  if (errors.ok()) {
    const Node printed = Print(sample::EverythingTable(), value, Secrets::kRevealed);
    sample::Everything again;
    Decode(sample::EverythingTable(), printed, "", again, errors);
    GAPLESS_CHECK(errors.ok());
    GAPLESS_CHECK(Print(sample::EverythingTable(), again, Secrets::kRevealed) == printed);
  }
}

void Run(std::string_view input) {
  const std::vector<std::string> sections = Sections(input);
  CheckRoundTrip(sections[0]);
  const std::map<std::string, std::string> env = {
      {"A", sections[1]}, {"B", sections[2]}, {"C", sections[3]}};
  const Sources sources{.read_file = [&](const std::string& path) -> Result<std::string> {
                          if (path == "f") {
                            return sections[4];
                          }
                          return NotFound(path);
                        },
                        .get_env = [&](const std::string& name) -> std::optional<std::string> {
                          const auto it = env.find(name);
                          return it == env.end() ? std::nullopt : std::optional(it->second);
                        },
                        .fetch = nullptr};
  const Result<Resolved> resolved =
      Resolve({.configs = {"yaml:" + sections[0], "file:f"}, .sets = {"count=1"}}, sources);
  if (resolved.ok()) {
    GAPLESS_CHECK(resolved->root.is_map() && HeightOf(resolved->root) <= kDepthMax);
    CheckDecode(resolved->root);
  }
}

}  // namespace
}  // namespace gapless::config

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  gapless::config::Run({reinterpret_cast<const char*>(data), size});
  return 0;
}
