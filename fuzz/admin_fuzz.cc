// The admin API behind its guard against web pages: every request gets one answer, JSON is JSON,
// and nothing is changed by a request that a web page could have sent.
//
// Input: lines. The first is method, blank, target; the others are headers, name: value; Host names
// the authority.
#include "base/check.h"
#include "net/http/http_handler.h"
#include "net/server/browser_guard.h"
#include "service/admin/admin_api.h"
#include "wire/json_reader.h"

#include <cstdint>
#include <string>
#include <string_view>

namespace gapless::service {
namespace {

struct Actions final : AdminActions {
  void Reload(std::move_only_function<void(const Result<ReloadReport>&)> done) override {
    ++changes;
    done(InvalidArgument("refused"));
  }
  std::shared_ptr<const pipeline::ServiceStatus> Read() override {
    return std::make_shared<const pipeline::ServiceStatus>();
  }
  void Operate(const OperatorWish& wish,
               std::move_only_function<void(const Result<OperatorAnswer>&)> done) override {
    ++changes;
    GAPLESS_CHECK(!wish.connector.empty());
    done(NotFound(wish.connector + ": " + wish.level.value_or("no level")));
  }
  Result<ReplayAnswer> Replay(const ReplayWish& wish) override {
    ++changes;
    return NotFound(wish.to);
  }

  int changes = 0;
};

struct Sink final : net::ResponseSink {
  void OnResponse(net::HttpResponse given) override {
    GAPLESS_CHECK(!answered);
    answered = true;
    response = std::move(given);
  }

  bool answered = false;
  net::HttpResponse response;
};

std::string_view TakeLine(std::string_view& text) {
  const std::string_view line = text.substr(0, text.find('\n'));
  text.remove_prefix(std::min(text.size(), line.size() + 1));
  return line;
}

net::HttpRequest ReadRequest(std::string_view text) {
  net::HttpRequest request;
  const std::string_view first = TakeLine(text);
  const size_t blank = std::min(first.find(' '), first.size());
  request.method = first.substr(0, blank);
  request.target = "/" + std::string(first.substr(std::min(blank + 2, first.size())));
  while (!text.empty()) {
    const std::string_view line = TakeLine(text);
    const size_t colon = std::min(line.find(':'), line.size());
    std::string name(line.substr(0, colon));
    net::AsciiLower(name);
    const std::string_view value = net::TrimBlanks(line.substr(std::min(colon + 1, line.size())));
    if (name == "host") {
      request.authority = value;
    } else {
      request.headers.Add(name, std::string(value));
    }
  }
  return request;
}

// What needs a script that the browser lets do so.
bool NoPageCanSend(const net::HttpRequest& request) {
  std::string type(request.headers.Find("content-type").value_or(""));
  net::AsciiLower(type);
  return request.method == "POST" &&
         (request.headers.Has("x-gapless-request") || type.starts_with("application/json"));
}

void Run(std::string_view text) {
  const net::HttpRequest request = ReadRequest(text);
  const auto bound = net::SocketAddress::FromNumeric("127.0.0.1", 13134);
  const net::BrowserGuard guard("localhost:13134", *bound, {.always_check_host = true});
  static_cast<void>(guard.Objection(request));
  Actions actions;
  Sink sink;
  const bool allowed = NoPageCanSend(request);
  auto responder = std::make_shared<net::ResponderState>();
  responder->sink = &sink;
  MakeAdminHandler(actions)->Handle({.request = request,
                                     .responder = net::HttpResponder(responder),
                                     .peer = std::make_shared<net::PeerInfo>(),
                                     .worker = nullptr,
                                     .worker_index = 0});
  GAPLESS_CHECK(sink.answered);
  GAPLESS_CHECK(actions.changes == 0 || (allowed && actions.changes == 1));
  if (sink.response.headers.Find("content-type") == "application/json") {
    GAPLESS_CHECK(wire::JsonParser().Parse(sink.response.body, 20).ok());
  }
}

}  // namespace
}  // namespace gapless::service

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  gapless::service::Run({reinterpret_cast<const char*>(data), size});
  return 0;
}
