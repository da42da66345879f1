#include "service/admin/admin_api.h"

#include "config/units.h"
#include "endpoint/query.h"
#include "service/admin/admin_text.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace gapless::service {
namespace {

using endpoint::QueryValue;
using net::HttpResponder;
using net::HttpResponse;

constexpr std::string_view kFailoverPath = "/failover/";
constexpr std::string_view kReplayPath = "/replay";
constexpr Duration kDrillMax = std::chrono::hours(1);
constexpr std::string_view kUsage =
    "GET  /status\n"
    "GET  /failover/status[?connector=ID]\n"
    "POST /failover/switch|drain|force?connector=ID&level=LEVEL[&signal=SIGNAL]\n"
    "POST /failover/auto|probe?connector=ID[&level=LEVEL][&signal=SIGNAL]\n"
    "POST /failover/drill?connector=ID&outage=refuse|blackhole|slow|5xx&for=30s[&level=LEVEL]\n"
    "POST /replay?to=EXPORTER&since=10m[&signal=SIGNAL]\n"
    "POST /-/reload\n";

// Sent by our sub-commands. Neither a form nor a link can send it, and a script of another site
// only after a question (CORS) that is never answered with yes.
constexpr std::string_view kRequestHeader = "x-gapless-request";

bool IsMeant(const net::HttpRequest& request) {
  std::string type(request.headers.Find("content-type").value_or(""));
  net::AsciiLower(type);
  return request.headers.Has(kRequestHeader) || type.starts_with("application/json");
}

// How the client wants its answer.
struct Form {
  bool text = false;

  HttpResponse Make(int status, std::string body) const {
    HttpResponse response = net::TextResponse(status, body);
    if (!text) {
      response.headers.Set("content-type", "application/json");
    }
    return response;
  }
  HttpResponse Failure(int status, const Status& error) const {
    return Make(status, text ? error.message() + "\n" : ErrorJson(error));
  }
};

int HttpStatusOf(const Status& error) {
  return error.code() == Code::kNotFound ? 404
                                         : (error.code() == Code::kInvalidArgument ? 400 : 503);
}

Status ReadDrill(std::string_view query, OperatorWish& wish) {
  const auto outage = sending::ParseOutage(QueryValue(query, "outage").value_or(""));
  if (!outage) {
    return InvalidArgument("outage=refuse, blackhole, slow or 5xx is missing");
  }
  wish.outage = *outage;
  ASSIGN_OR_RETURN(wish.duration, config::ParseDuration(QueryValue(query, "for").value_or("")));
  if (wish.duration <= Duration::zero() || wish.duration > kDrillMax) {
    return InvalidArgument("for= must be a duration up to 1h, such as 30s");
  }
  return OkStatus();
}

Result<std::optional<otlp::Signal>> ReadSignal(std::string_view query) {
  const auto name = QueryValue(query, "signal");
  const auto signal = name ? otlp::ParseSignal(*name) : std::nullopt;
  if (name && !signal) {
    return InvalidArgument(
        fmt::format("unknown signal \"{}\": expected traces, metrics or logs", *name));
  }
  return signal;
}

Result<ReplayWish> ReadReplay(std::string_view query) {
  ReplayWish wish{.to = QueryValue(query, "to").value_or(""), .since = {}, .signal = std::nullopt};
  if (wish.to.empty()) {
    return InvalidArgument("to=EXPORTER is missing");
  }
  ASSIGN_OR_RETURN(wish.since, config::ParseDuration(QueryValue(query, "since").value_or("")));
  if (wish.since <= Duration::zero()) {
    return InvalidArgument("since= must be a duration such as 10m");
  }
  ASSIGN_OR_RETURN(wish.signal, ReadSignal(query));
  return wish;
}

Result<OperatorWish> ReadWish(std::string_view verb, std::string_view query) {
  const auto parsed = ParseOperatorVerb(verb);
  if (!parsed) {
    return NotFound(
        fmt::format("no operation \"{}\": expected {}", verb, fmt::join(kOperatorVerbs, ", ")));
  }
  OperatorWish wish{.verb = *parsed,
                    .connector = QueryValue(query, "connector").value_or(""),
                    .signal = std::nullopt,
                    .level = QueryValue(query, "level"),
                    .outage = sending::Outage::kNone,
                    .duration = {}};
  if (wish.connector.empty()) {
    return InvalidArgument("connector=ID is missing");
  }
  ASSIGN_OR_RETURN(wish.signal, ReadSignal(query));
  const bool needs_level = wish.verb == OperatorVerb::kSwitch ||
                           wish.verb == OperatorVerb::kDrain || wish.verb == OperatorVerb::kForce;
  if (!wish.level && needs_level) {
    return InvalidArgument("level=INDEX or level=NAME is missing");
  }
  if (wish.verb == OperatorVerb::kDrill) {
    RETURN_IF_ERROR(ReadDrill(query, wish));
  }
  return wish;
}

class AdminHandler final : public net::HttpHandler {
 public:
  explicit AdminHandler(AdminActions& actions) : actions_(actions) {}

  void Handle(net::HttpCall call) override {
    const net::HttpRequest& request = call.request;
    const auto accept = request.headers.Find("accept");
    const Form form{.text = accept && accept->starts_with("text/plain")};
    const std::string_view path = request.path();
    const bool changes = path == "/-/reload" || path == kReplayPath ||
                         (path.starts_with(kFailoverPath) && path != "/failover/status");
    if (request.method != (changes ? "POST" : "GET")) {
      HttpResponse response = form.Failure(
          405, InvalidArgument(fmt::format("{} wants {}", path, changes ? "POST" : "GET")));
      response.headers.Add("allow", changes ? "POST" : "GET");
      call.responder.Send(std::move(response));
    } else if (changes && !IsMeant(request)) {
      call.responder.Send(form.Failure(
          403, InvalidArgument("requests that change something carry the header "
                               "\"X-Gapless-Request: 1\", which a web page cannot send")));
    } else if (path == "/-/reload") {
      Reload(form, std::move(call.responder));
    } else if (path == kReplayPath) {
      call.responder.Send(Replay(form, request));
    } else if (changes) {
      Operate(form, request, std::move(call.responder));
    } else {
      call.responder.Send(Show(form, request));
    }
  }

 private:
  HttpResponse Show(const Form& form, const net::HttpRequest& request) const {
    if (request.path() == "/status") {
      return Form().Make(200, StatusJson(*actions_.Read()));
    }
    if (request.path() == "/failover/status") {
      const std::string connector = QueryValue(request.query(), "connector").value_or("");
      const auto status = actions_.Read();
      return form.Make(
          200, form.text ? FailoverText(*status, connector) : FailoverJson(*status, connector));
    }
    return Form{.text = true}.Make(request.path() == "/" ? 200 : 404, std::string(kUsage));
  }

  void Reload(const Form& form, HttpResponder responder) {
    actions_.Reload(
        [form, responder = std::move(responder)](const Result<ReloadReport>& report) mutable {
          if (report.ok()) {
            responder.Send(form.Make(200, form.text ? ReloadText(*report) : ReloadJson(*report)));
          } else {
            responder.Send(form.Failure(400, report.status()));
          }
        });
  }

  HttpResponse Replay(const Form& form, const net::HttpRequest& request) {
    const auto wish = ReadReplay(request.query());
    const auto answer = wish.ok() ? actions_.Replay(*wish) : wish.status();
    if (!answer.ok()) {
      return form.Failure(HttpStatusOf(answer.status()), answer.status());
    }
    return form.Make(200, form.text ? ReplayText(*answer) : ReplayJson(*answer));
  }

  void Operate(const Form& form, const net::HttpRequest& request, HttpResponder responder) {
    const auto wish = ReadWish(request.path().substr(kFailoverPath.size()), request.query());
    if (!wish.ok()) {
      responder.Send(form.Failure(HttpStatusOf(wish.status()), wish.status()));
      return;
    }
    actions_.Operate(*wish, [form, responder = std::move(responder)](
                                const Result<OperatorAnswer>& answer) mutable {
      if (answer.ok()) {
        responder.Send(form.Make(200, form.text ? AnswerText(*answer) : AnswerJson(*answer)));
      } else {
        responder.Send(form.Failure(HttpStatusOf(answer.status()), answer.status()));
      }
    });
  }

  AdminActions& actions_;
};

}  // namespace

std::shared_ptr<net::HttpHandler> MakeAdminHandler(AdminActions& actions) {
  return std::make_shared<AdminHandler>(actions);
}

}  // namespace gapless::service
