// A little HTML: a page of headings, sentences, lists and tables. Everything put in is escaped.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

namespace gapless::extension::zpages {

std::string Escape(std::string_view text);

class Page {
 public:
  explicit Page(std::string_view title);

  void Heading(std::string_view text);
  void Sentence(std::string_view text);
  void Link(std::string_view target, std::string_view text);
  void BeginTable(std::initializer_list<std::string_view> columns);
  void Row(const std::vector<std::string>& cells);
  void EndTable();
  std::string Finish() &&;

 private:
  std::string html_;
};

}  // namespace gapless::extension::zpages
