// OTLP/HTTP: one path per signal that a pipeline uses, protobuf and JSON.
#pragma once

#include "net/http/http_handler.h"
#include "receiver/otlp/config.h"
#include "receiver/otlp/intake.h"

#include <memory>

namespace gapless::otlp_receiver {

std::shared_ptr<net::HttpHandler> MakeHttpHandler(std::shared_ptr<const Intake> intake,
                                                  const HttpConfig& config);

}  // namespace gapless::otlp_receiver
