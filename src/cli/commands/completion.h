// Completion scripts, made of the command line itself.
#pragma once

#include <string>
#include <string_view>

namespace CLI {
class App;
}

namespace gapless::cli {

// `shell`: "bash", "zsh" or "fish". Sub-commands, flags and file names are completed.
std::string CompletionScript(const CLI::App& app, std::string_view shell);

}  // namespace gapless::cli
