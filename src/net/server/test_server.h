// A server on a free port with a scripted handler, for tests.
#pragma once

#include "net/server/http_server.h"

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace gapless::net {

// Keeps calls until the test answers them, or answers with `reply`.
class TestHandler : public HttpHandler {
 public:
  std::optional<HttpResponse> OnHead(const HttpRequest& request, const PeerInfo&,
                                     size_t&) override {
    if (request.path() == "/refused") {
      return TextResponse(404, "no such path");
    }
    return std::nullopt;
  }
  void Handle(HttpCall call) override {
    if (reply) {
      return call.responder.Send(reply(call.request));
    }
    calls.push_back(std::move(call));
  }
  std::function<HttpResponse(const HttpRequest&)> reply;
  std::vector<HttpCall> calls;
};

// Counts what is turned away. On the test's thread only.
struct TestWatch final : ServerWatch {
  void OnRefused(RefusedRequest reason, const SocketAddress&) override { ++requests[reason]; }
  void OnRefused(RefusedConnection reason, const SocketAddress&, std::string_view) override {
    ++connections[reason];
  }
  std::map<RefusedRequest, int> requests;
  std::map<RefusedConnection, int> connections;
};

// Answers with what the request was.
inline HttpResponse Echo(const HttpRequest& request) {
  HttpResponse response;
  response.headers.Add("x-method", request.method);
  response.headers.Add("x-target", request.target);
  response.headers.Add("x-authority", request.authority);
  response.body = request.body;
  return response;
}

class TestServer {
 public:
  TestServer(Worker& worker, HttpServerOptions options, std::shared_ptr<HttpHandler> handler)
      : listener(Listener::Open({&worker}, "tcp", "127.0.0.1:0", {}).value()),
        server(HttpServer::Create({&worker}, std::move(options), std::move(handler))) {
    listener->SetAcceptor(server);
  }
  std::unique_ptr<Listener> listener;
  std::shared_ptr<HttpServer> server;
};

}  // namespace gapless::net
