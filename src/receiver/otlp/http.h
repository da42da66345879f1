// OTLP/HTTP: one path per signal that a pipeline uses, protobuf and JSON.
#pragma once

#include "net/http/http_handler.h"
#include "net/http/server_watch.h"
#include "receiver/otlp/config.h"
#include "receiver/otlp/intake.h"

#include <memory>
#include <string>

namespace gapless::otlp_receiver {

// For clients of gRPC, which speak HTTP/2 as well: what they are told, and who hears of them (null:
// nobody).
struct WrongPort {
  std::string text;
  std::shared_ptr<net::ServerWatch> watch;
};

std::shared_ptr<net::HttpHandler> MakeHttpHandler(std::shared_ptr<const Intake> intake,
                                                  const HttpConfig& config, WrongPort wrong_port);

}  // namespace gapless::otlp_receiver
