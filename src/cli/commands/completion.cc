#include "cli/commands/completion.h"

#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

namespace gapless::cli {
namespace {

struct Word {
  std::string text;  // "validate", "--probe"
  std::string help;  // first sentence, without quotes
};

// A command and what may follow it.
struct Command {
  std::string path;  // "journal list"; empty: the program itself
  std::vector<Word> words;
};

std::string FirstSentence(std::string text) {
  text.resize(std::min(text.find(". "), text.size()));
  std::erase_if(text, [](char c) { return c == '\'' || c == '"' || c == '`' || c == '\\'; });
  return text.ends_with('.') ? text.substr(0, text.size() - 1) : text;
}

void Collect(const CLI::App& app, const std::string& path, std::vector<Command>& out) {
  Command command{.path = path, .words = {}};
  const auto children = app.get_subcommands([](const CLI::App*) { return true; });
  for (const CLI::App* child : children) {
    command.words.push_back(
        {.text = child->get_name(), .help = FirstSentence(child->get_description())});
  }
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& name : option->get_lnames()) {
      command.words.push_back(
          {.text = "--" + name, .help = FirstSentence(option->get_description())});
    }
  }
  out.push_back(std::move(command));
  for (const CLI::App* child : children) {
    Collect(*child, path.empty() ? child->get_name() : path + " " + child->get_name(), out);
  }
}

// Shell code that leaves the path of sub-commands in $command. `words`: the words between the
// program and the cursor.
std::string WalkCode(const std::vector<Command>& commands, std::string_view words) {
  std::string paths;
  for (const Command& command : commands) {
    if (!command.path.empty()) {
      paths += fmt::format("{}'{}'", paths.empty() ? "" : "|", command.path);
    }
  }
  return fmt::format(
      "  local command='' word next\n"
      "  for word in {}; do\n"
      "    next=\"${{command:+$command }}$word\"\n"
      "    case \"$next\" in {}) command=\"$next\" ;; esac\n"
      "  done\n",
      words, paths);
}

std::string Bash(const std::vector<Command>& commands) {
  std::string script = "_gapless() {\n  local cur=\"${COMP_WORDS[COMP_CWORD]}\" list=''\n" +
                       WalkCode(commands, "\"${COMP_WORDS[@]:1:COMP_CWORD-1}\"") +
                       "  case \"$command\" in\n";
  for (const Command& command : commands) {
    std::string list;
    for (const Word& word : command.words) {
      list += (list.empty() ? "" : " ") + word.text;
    }
    script += fmt::format("    '{}') list='{}' ;;\n", command.path, list);
  }
  return script +
         "  esac\n"
         "  COMPREPLY=($(compgen -W \"$list\" -- \"$cur\"))\n"
         "}\n"
         "complete -o default -F _gapless gapless\n";
}

std::string Zsh(const std::vector<Command>& commands) {
  std::string script = "#compdef gapless\n_gapless() {\n  local -a list\n" +
                       WalkCode(commands, "${words[2,CURRENT-1]}") + "  case \"$command\" in\n";
  for (const Command& command : commands) {
    script += fmt::format("    '{}') list=(", command.path);
    for (const Word& word : command.words) {
      script += fmt::format("\n      '{}:{}'", word.text, word.help);
    }
    script += ") ;;\n";
  }
  return script +
         "  esac\n"
         "  _describe gapless list\n"
         "  _files\n"
         "}\n"
         "compdef _gapless gapless\n";
}

std::string Fish(const std::vector<Command>& commands) {
  std::string script;
  for (const Command& command : commands) {
    std::string condition = "__fish_use_subcommand";
    if (!command.path.empty()) {
      condition.clear();
      for (size_t begin = 0; begin < command.path.size();) {
        const size_t end = std::min(command.path.find(' ', begin), command.path.size());
        condition +=
            fmt::format("{}__fish_seen_subcommand_from {}", condition.empty() ? "" : "; and ",
                        command.path.substr(begin, end - begin));
        begin = end + 1;
      }
    }
    for (const Word& word : command.words) {
      const bool flag = word.text.starts_with("--");
      script += fmt::format("complete -c gapless -n '{}' {} {} -d '{}'\n", condition,
                            flag ? "-l" : "-a", flag ? word.text.substr(2) : word.text, word.help);
    }
  }
  return script;
}

}  // namespace

std::string CompletionScript(const CLI::App& app, std::string_view shell) {
  std::vector<Command> commands;
  Collect(app, "", commands);
  if (shell == "zsh") {
    return Zsh(commands);
  }
  return shell == "fish" ? Fish(commands) : Bash(commands);
}

}  // namespace gapless::cli
