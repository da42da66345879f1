#include "extension/zpages/html.h"

#include <utility>

namespace gapless::extension::zpages {
namespace {

constexpr std::string_view kStyle =
    "body{font-family:sans-serif;margin:2em;color:#222}table{border-collapse:collapse;margin:.5em "
    "0}td,th{border:1px solid #bbb;padding:.25em .6em;text-align:left;vertical-align:top}"
    "th{background:#eee}h2{margin-top:1.5em}";

}  // namespace

std::string Escape(std::string_view text) {
  std::string escaped;
  escaped.reserve(text.size());
  for (const char c : text) {
    switch (c) {
      case '&':
        escaped += "&amp;";
        break;
      case '<':
        escaped += "&lt;";
        break;
      case '>':
        escaped += "&gt;";
        break;
      case '"':
        escaped += "&quot;";
        break;
      case '\'':
        escaped += "&#39;";
        break;
      default:
        escaped += c;
    }
  }
  return escaped;
}

Page::Page(std::string_view title) {
  const std::string escaped = Escape(title);
  html_ = "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>" + escaped +
          "</title><style>";
  html_ += kStyle;
  html_ += "</style></head><body>\n<h1>" + escaped + "</h1>\n";
}

void Page::Heading(std::string_view text) { html_ += "<h2>" + Escape(text) + "</h2>\n"; }

void Page::Sentence(std::string_view text) { html_ += "<p>" + Escape(text) + "</p>\n"; }

void Page::Link(std::string_view target, std::string_view text) {
  html_ += "<p><a href=\"" + Escape(target) + "\">" + Escape(text) + "</a></p>\n";
}

void Page::BeginTable(std::initializer_list<std::string_view> columns) {
  html_ += "<table><tr>";
  for (const std::string_view column : columns) {
    html_ += "<th>" + Escape(column) + "</th>";
  }
  html_ += "</tr>\n";
}

void Page::Row(const std::vector<std::string>& cells) {
  html_ += "<tr>";
  for (const std::string& cell : cells) {
    html_ += "<td>" + Escape(cell) + "</td>";
  }
  html_ += "</tr>\n";
}

void Page::EndTable() { html_ += "</table>\n"; }

std::string Page::Finish() && {
  html_ += "</body></html>\n";
  return std::move(html_);
}

}  // namespace gapless::extension::zpages
