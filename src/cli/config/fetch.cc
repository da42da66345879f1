#include "cli/config/fetch.h"

#include "endpoint/client.h"
#include "endpoint/user_agent.h"
#include "net/loop/worker.h"

#include <cstdlib>
#include <optional>
#include <thread>

#include <fmt/format.h>

namespace gapless::cli {
namespace {

const char* Environment(const char* name) { return std::getenv(name); }

// One GET; any status.
Result<net::HttpResponse> Get(net::Worker& worker, const endpoint::UrlTarget& url, size_t bytes,
                              Duration timeout) {
  const endpoint::HttpClientConfig config;
  ASSIGN_OR_RETURN(auto tls, endpoint::MakeHttpTls(config, url));
  ASSIGN_OR_RETURN(const auto proxy, endpoint::HttpProxy(config, url, &Environment));
  net::ClientChannelOptions options =
      endpoint::HttpChannelOptions(config, url, std::move(tls), timeout);
  options.connection.limits.max_response_bytes = bytes;
  endpoint::UseProxy(proxy, url.https, options);

  net::HttpRequest request;
  request.scheme = url.https ? "https" : "http";
  request.authority = url.authority;
  request.target = url.path;
  if (proxy && !url.https) {
    request.target = fmt::format("http://{}{}", url.authority, url.path);
    if (!proxy->authorization.empty()) {
      request.headers.Add("proxy-authorization", proxy->authorization);
    }
  }
  request.headers.Add("user-agent", endpoint::DefaultUserAgent());
  if (!url.authorization.empty()) {
    request.headers.Add("authorization", url.authorization);
  }
  request.headers.Add("accept", "application/yaml, text/yaml, */*");

  std::optional<net::ExchangeResult> answer;
  net::ClientChannel channel(worker, std::move(options), nullptr);
  channel.Start();
  channel.Ask(std::make_shared<const net::HttpRequest>(std::move(request)), timeout,
              [&answer](net::ExchangeResult result) { answer = std::move(result); });
  if (!worker.RunUntil([&answer] { return answer.has_value(); },
                       timeout + std::chrono::seconds(1))) {
    return DeadlineExceeded("no answer");
  }
  RETURN_IF_ERROR(answer->status);
  if (answer->response.cut) {
    return ResourceExhausted(fmt::format("the response is larger than {} bytes", bytes));
  }
  return std::move(answer->response);
}

// What a Location header means for the page that sent it.
std::string Follow(const endpoint::UrlTarget& url, std::string_view location) {
  return location.starts_with('/')
             ? fmt::format("{}://{}{}", url.https ? "https" : "http", url.authority, location)
             : std::string(location);
}

bool IsRedirect(int status) {
  return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

Result<std::string> FetchHere(std::string url, const FetchLimits& limits) {
  net::Worker worker("fetch");
  const TimePoint deadline = worker.Now() + limits.timeout;
  for (int hops = 0; hops <= limits.redirects; ++hops) {
    ASSIGN_OR_RETURN(const endpoint::UrlTarget target, endpoint::ParseUrl(url));
    ASSIGN_OR_RETURN(const net::HttpResponse response,
                     Get(worker, target, limits.bytes, deadline - worker.Now()));
    const auto location = response.headers.Find("location");
    if (IsRedirect(response.status) && location) {
      std::string next = Follow(target, *location);
      if (target.https && !next.starts_with("https://")) {
        return InvalidArgument("redirected from https to " + next);
      }
      url = std::move(next);
      continue;
    }
    if (response.status != 200) {
      return InvalidArgument(fmt::format("status code {} instead of 200", response.status));
    }
    const auto encoding = response.headers.Find("content-encoding");
    if (encoding && *encoding != "identity") {
      return InvalidArgument(fmt::format("unsupported Content-Encoding: {}", *encoding));
    }
    return response.body.ToString();
  }
  return InvalidArgument(fmt::format("more than {} redirects", limits.redirects));
}

}  // namespace

Result<std::string> Fetch(const std::string& url, const FetchLimits& limits) {
  Result<std::string> result = Internal("not fetched");
  std::jthread([&] { result = FetchHere(url, limits); }).join();
  return result;
}

config::Sources Sources() {
  config::Sources sources = config::SystemSources();
  sources.fetch = [](const std::string& url) { return Fetch(url); };
  return sources;
}

config::Sources WebSources::sources() {
  config::Sources sources = config::SystemSources();
  sources.fetch = [this](const std::string& url) { return Get(url); };
  return sources;
}

bool WebSources::used() const {
  const MutexLock lock(mutex_);
  return used_;
}

Result<std::string> WebSources::Get(const std::string& url) {
  {
    const MutexLock lock(mutex_);
    used_ = true;
    if (const auto brought = brought_.find(url); brought != brought_.end()) {
      return brought->second;
    }
  }
  return Fetch(url);
}

void WebSources::Bring(const config::ResolveOptions& options) {
  std::map<std::string, Result<std::string>> brought;
  config::Sources recording = config::SystemSources();
  recording.fetch = [&brought](const std::string& url) {
    const auto known = brought.find(url);
    return known != brought.end() ? known->second : brought.emplace(url, Fetch(url)).first->second;
  };
  // What is wrong with the configuration is the load's to say.
  config::Resolve(options, recording).ok();
  const MutexLock lock(mutex_);
  brought_ = std::move(brought);
}

void WebSources::Forget() {
  const MutexLock lock(mutex_);
  brought_.clear();
}

}  // namespace gapless::cli
