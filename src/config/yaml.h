// YAML in and out, as go-yaml v3 reads it: libyaml's scanner (go-yaml is a port of it) with our own
// composer.
#pragma once

#include "base/status.h"
#include "config/node.h"

#include <string>
#include <string_view>

namespace gapless::config {

// Reads the first document of `text`; an empty text is null. Anchors, aliases and merge keys are
// resolved, scalars are typed by go-yaml's rules (YAML 1.2 booleans and nulls; 0x, 0o, 0b and
// leading-zero octal integers), a duplicate key is an error that names both places. Integers beyond
// int64 become floats; timestamps stay strings. Errors: "file:line:column: …", INVALID_ARGUMENT.
// Limits: limits.h.
Result<Node> ParseYaml(std::string_view text, std::string_view file_name);

// Types a plain (unquoted) scalar.
Node ResolvePlainScalar(std::string_view text);

// Block style, two spaces; strings are quoted where they would read back as anything else. Reads
// back as an equal tree.
std::string ToYaml(const Node& node);
// Indented by two spaces; floats that JSON cannot say (.inf, .nan) become strings.
std::string ToJson(const Node& node);
// The value of a scalar, a list or map in one line ("[a, b]", "{a: 1}"); for documentation and
// messages. ToYaml writes numbers as they were written.
std::string ToText(const Node& node);

}  // namespace gapless::config
