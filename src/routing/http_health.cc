#include "routing/http_health.h"

#include "endpoint/client.h"
#include "endpoint/user_agent.h"
#include "net/loop/worker.h"

#include <chrono>
#include <cstdlib>

#include <fmt/format.h>

namespace gapless::routing {
namespace {

constexpr Duration kSuspectAfter = std::chrono::seconds(1);
constexpr int kFirstGood = 200;
constexpr int kLastGood = 299;

const char* Environment(const char* name) { return std::getenv(name); }

Status Verdict(const net::ExchangeResult& result) {
  if (!result.status.ok()) {
    return result.status;
  }
  const int status = result.response.status;
  return status >= kFirstGood && status <= kLastGood
             ? OkStatus()
             : Unavailable(fmt::format("the health page answers {}", status));
}

}  // namespace

HttpHealth::HttpHealth(net::Worker& home, std::string_view url)
    : home_(home), prepared_(Prepare(url)) {}

Status HttpHealth::Prepare(std::string_view url) {
  const endpoint::HttpClientConfig config;
  ASSIGN_OR_RETURN(const endpoint::UrlTarget target, endpoint::ParseUrl(url));
  ASSIGN_OR_RETURN(auto tls, endpoint::MakeHttpTls(config, target));
  ASSIGN_OR_RETURN(const auto proxy, endpoint::HttpProxy(config, target, &Environment));
  net::HttpRequest request;
  request.scheme = target.https ? "https" : "http";
  request.authority = target.authority;
  request.target = target.path;
  request.headers.Add("user-agent", endpoint::DefaultUserAgent());
  if (!target.authorization.empty()) {
    request.headers.Add("authorization", target.authorization);
  }
  if (proxy && !target.https) {
    request.target = "http://" + target.authority + target.path;
    if (!proxy->authorization.empty()) {
      request.headers.Add("proxy-authorization", proxy->authorization);
    }
  }
  request_ = std::make_shared<const net::HttpRequest>(std::move(request));
  options_ = endpoint::HttpChannelOptions(config, target, std::move(tls), kSuspectAfter);
  endpoint::UseProxy(proxy, target.https, options_);
  return OkStatus();
}

void HttpHealth::Ask(Duration timeout, Answer done) {
  if (!prepared_.ok()) {
    refusal_ = home_.RunAfter(Duration::zero(),
                              [this, done = std::move(done)]() mutable { done(prepared_); });
    return;
  }
  channel_ = std::make_unique<net::ClientChannel>(home_, options_, nullptr);
  channel_->Ask(request_, timeout,
                [this, done = std::move(done)](const net::ExchangeResult& result) mutable {
                  channel_->Stop();
                  done(Verdict(result));
                });
}

}  // namespace gapless::routing
