#include "config/errors.h"

#include "config/limits.h"

#include <fmt/format.h>

namespace gapless::config {

std::string Issue::ToString() const {
  std::string text = mark.ToString();
  for (const std::string* part : {&path, &message}) {
    if (!part->empty()) {
      text += (text.empty() ? "" : ": ") + *part;
    }
  }
  return text;
}

void Errors::Add(std::string_view path, const Mark& mark, std::string message, Stage stage) {
  if (errors_.size() >= kIssuesMax) {
    ++left_out_;
    return;
  }
  errors_.push_back(
      {.path = std::string(path), .mark = mark, .message = std::move(message), .stage = stage});
}

void Errors::Warn(std::string_view path, const Mark& mark, std::string message) {
  if (warnings_.size() < kIssuesMax) {
    warnings_.push_back({.path = std::string(path), .mark = mark, .message = std::move(message)});
  }
}

void Errors::Append(const Errors& other) {
  for (const Issue& issue : other.errors_) {
    Add(issue.path, issue.mark, issue.message, issue.stage);
  }
  for (const Issue& issue : other.warnings_) {
    Warn(issue.path, issue.mark, issue.message);
  }
  left_out_ += other.left_out_;
}

std::string Errors::ToString() const {
  std::string text;
  for (const Issue& issue : errors_) {
    text += (text.empty() ? "" : "\n") + issue.ToString();
  }
  if (left_out_ > 0) {
    text += fmt::format("\n… and {} more", left_out_);
  }
  return text;
}

Status Errors::ToStatus() const { return ok() ? OkStatus() : InvalidArgument(ToString()); }

}  // namespace gapless::config
