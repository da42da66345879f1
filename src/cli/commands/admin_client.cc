#include "cli/commands/admin_client.h"

#include "cli/commands/commands.h"
#include "endpoint/user_agent.h"
#include "net/dial/client_channel.h"
#include "net/loop/worker.h"

#include <cstdio>
#include <optional>

#include <fmt/format.h>

namespace gapless::cli {

Result<net::HttpResponse> AskAdmin(const AdminRequest& request) {
  net::Worker worker("admin");
  net::ClientChannelOptions options;
  ASSIGN_OR_RETURN(options.target, net::HostPort::Parse(request.endpoint));
  options.connection.protocol = net::ClientProtocol::kHttp1;

  net::HttpRequest http;
  http.method = request.method;
  http.scheme = "http";
  http.authority = request.endpoint;
  http.target = request.target;
  http.headers.Add("user-agent", endpoint::DefaultUserAgent());
  http.headers.Add("x-gapless-request", "1");
  http.headers.Add("accept", request.json ? "application/json" : "text/plain");

  std::optional<net::ExchangeResult> answer;
  net::ClientChannel channel(worker, std::move(options), nullptr);
  channel.Start();
  channel.Ask(std::make_shared<const net::HttpRequest>(std::move(http)), request.timeout,
              [&answer](net::ExchangeResult result) { answer = std::move(result); });
  (void)worker.RunUntil([&answer] { return answer.has_value(); },
                        request.timeout + std::chrono::seconds(1));
  if (!answer || !answer->status.ok()) {
    return Unavailable(fmt::format(
        "no gapless answers at {}: {}; --admin names another endpoint (service::admin::endpoint)",
        request.endpoint, answer ? answer->status.message() : "no answer in time"));
  }
  return std::move(answer->response);
}

int PrintAdminAnswer(const AdminRequest& request) {
  const auto answer = AskAdmin(request);
  if (!answer.ok()) {
    return Fail(answer.status());
  }
  const std::string text = answer->body.ToString();
  if (answer->status != 200) {
    return Fail(InvalidArgument(text.substr(0, text.find_last_not_of('\n') + 1)));
  }
  fmt::print("{}", text);
  return 0;
}

}  // namespace gapless::cli
