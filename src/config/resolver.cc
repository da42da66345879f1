#include "config/resolver.h"

#include "config/expand.h"
#include "config/merge.h"
#include "config/providers.h"
#include "config/yaml.h"

#include <fmt/format.h>

namespace gapless::config {
namespace {

struct Source {
  Location location;
  std::string name;  // for marks; empty: what the provider says
};

Result<std::vector<Source>> SourcesOf(const ResolveOptions& options) {
  if (options.configs.empty()) {
    return InvalidArgument("at least one config flag must be provided");
  }
  std::vector<Source> sources;
  for (const std::string& config : options.configs) {
    ASSIGN_OR_RETURN(Location location, Location::ParseConfigFlag(config));
    sources.push_back({.location = std::move(location), .name = ""});
  }
  for (const std::string& set : options.sets) {
    ASSIGN_OR_RETURN(Location location, Location::ParseSetFlag(set));
    sources.push_back(
        {.location = std::move(location), .name = "--set " + set.substr(0, set.find('='))});
  }
  return sources;
}

// One source as a map with its keys split; null as an empty map.
Result<Node> ReadSource(const Source& source, Providers& providers) {
  auto read = providers.Read(source.location, Mark(), "");
  if (!read.ok()) {
    return read.status().Annotate("cannot retrieve the configuration");
  }
  const Content content = *std::move(read);
  const std::string& name = source.name.empty() ? content.name : source.name;
  ASSIGN_OR_RETURN(Node node, ParseYaml(content.text, name));
  if (node.is_null()) {
    return Node::Map(node.mark());
  }
  if (!node.is_map()) {
    return InvalidArgument(fmt::format("{}: retrieved value (type={}) cannot be used as a Conf",
                                       node.mark().ToString(), GoTypeName(node.kind())));
  }
  return SplitKeys(std::move(node));
}

}  // namespace

Result<Resolved> Resolve(const ResolveOptions& options, const Sources& sources) {
  ASSIGN_OR_RETURN(const std::vector<Source> list, SourcesOf(options));
  Providers providers(sources);
  Node root = Node::Map();
  for (const Source& source : list) {
    ASSIGN_OR_RETURN(Node node, ReadSource(source, providers));
    if (!root.mark().known()) {
      root.set_mark(node.mark());
    }
    Merge(root, std::move(node), {.append_service_lists = options.append_service_lists});
  }
  RETURN_IF_ERROR(Expander(providers).Expand(root));
  // Maps that came from `${file:…}` and the like may bring keys with "::" of their own.
  ASSIGN_OR_RETURN(root, SplitKeys(std::move(root)));
  return Resolved{.root = std::move(root),
                  .warnings = providers.TakeWarnings(),
                  .files = providers.TakeFiles()};
}

}  // namespace gapless::config
