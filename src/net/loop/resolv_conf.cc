#include "net/loop/resolv_conf.h"

#include <algorithm>
#include <charconv>

namespace gapless::net {
namespace {

constexpr size_t kMaxNdots = 15;
constexpr size_t kMaxSearch = 32;
constexpr int kMaxSeconds = 30;
constexpr int kMaxAttempts = 5;
constexpr size_t kMaxName = 253;

std::vector<std::string_view> Words(std::string_view line) {
  constexpr std::string_view kBlanks = " \t\r";
  std::vector<std::string_view> words;
  while (true) {
    const size_t begin = std::min(line.find_first_not_of(kBlanks), line.size());
    line.remove_prefix(begin);
    if (line.empty()) {
      return words;
    }
    words.push_back(line.substr(0, line.find_first_of(kBlanks)));
    line.remove_prefix(words.back().size());
  }
}

std::string WithoutDot(std::string_view name) {
  return std::string(name.ends_with('.') ? name.substr(0, name.size() - 1) : name);
}

// The number behind `name`, "ndots:" and the like.
std::optional<int> Option(std::string_view word, std::string_view name) {
  if (!word.starts_with(name)) {
    return std::nullopt;
  }
  word.remove_prefix(name.size());
  int value = 0;
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value);
  return error == std::errc() && value >= 0 ? std::optional(value) : std::nullopt;
}

void ReadOption(std::string_view word, ResolvConf& conf) {
  if (const auto ndots = Option(word, "ndots:")) {
    conf.ndots = std::min(static_cast<size_t>(*ndots), kMaxNdots);
  } else if (const auto timeout = Option(word, "timeout:")) {
    conf.timeout = std::chrono::seconds(std::clamp(*timeout, 1, kMaxSeconds));
  } else if (const auto attempts = Option(word, "attempts:")) {
    conf.attempts = std::clamp(*attempts, 1, kMaxAttempts);
  }
}

bool IsLocalhost(std::string_view host) {
  return host == "localhost" || host.ends_with(".localhost");
}

}  // namespace

ResolvConf ParseResolvConf(std::string_view text, std::string_view host_name) {
  ResolvConf conf;
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    const std::vector<std::string_view> words = Words(line);
    if (line.starts_with(';') || line.starts_with('#') || words.empty()) {
      continue;
    }
    if (words[0] == "options") {
      std::ranges::for_each(words, [&conf](std::string_view word) { ReadOption(word, conf); });
    } else if (words[0] == "search" || words[0] == "domain") {
      // The last one counts.
      conf.search.clear();
      const size_t count = words[0] == "domain" ? std::min(words.size(), size_t{2}) : words.size();
      for (size_t i = 1; i < count && conf.search.size() < kMaxSearch; ++i) {
        if (words[i] != ".") {
          conf.search.push_back(WithoutDot(words[i]));
        }
      }
    }
  }
  const size_t dot = host_name.find('.');
  if (conf.search.empty() && dot != std::string_view::npos && dot + 1 < host_name.size()) {
    conf.search.push_back(WithoutDot(host_name.substr(dot + 1)));
  }
  return conf;
}

std::vector<std::string> NamesFor(std::string_view host, const ResolvConf& conf) {
  const std::string plain(host);
  if (host.ends_with('.') || IsLocalhost(host)) {
    return {plain};
  }
  std::vector<std::string> names;
  const bool dots = static_cast<size_t>(std::ranges::count(host, '.')) >= conf.ndots;
  if (dots) {
    names.push_back(plain);
  }
  for (const std::string& domain : conf.search) {
    if (plain.size() + 1 + domain.size() <= kMaxName) {
      names.push_back(plain + "." + domain);
    }
  }
  if (!dots) {
    names.push_back(plain);
  }
  return names;
}

}  // namespace gapless::net
