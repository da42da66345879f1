#include "service/admin/admin_api.h"

namespace gapless::service {
namespace {

using testing::HasSubstr;

class Sink final : public net::ResponseSink {
 public:
  void OnResponse(net::HttpResponse given) override { response = std::move(given); }
  std::optional<net::HttpResponse> response;
};

class FakeActions final : public AdminActions {
 public:
  void Reload(std::move_only_function<void(const Result<ReloadReport>&)> done) override {
    ++reloads;
    done(reload);
  }
  std::shared_ptr<const pipeline::ServiceStatus> Read() override {
    return std::make_shared<const pipeline::ServiceStatus>(status);
  }
  void Operate(const OperatorWish& wish,
               std::move_only_function<void(const Result<OperatorAnswer>&)> done) override {
    wishes.push_back(wish);
    done(answer);
  }

  Result<ReplayAnswer> Replay(const ReplayWish& wish) override {
    replays.push_back(wish);
    return replay;
  }

  std::vector<ReplayWish> replays;
  Result<ReplayAnswer> replay =
      ReplayAnswer{.asked = std::chrono::minutes(10),
                   .queues = {{.owner = "failover/a",
                               .signal = otlp::Signal::kLogs,
                               .level = "otlp/b",
                               .amount = {.requests = 2, .items = 30, .bytes = 400},
                               .reach = std::chrono::seconds(90)}}};
  int reloads = 0;
  Result<ReloadReport> reload = ReloadReport{.kept = {"receiver otlp"},
                                             .changed = {},
                                             .restarted = {},
                                             .started = {},
                                             .stopped = {"exporter otlp/a"},
                                             .warnings = {"a \"quoted\" warning"},
                                             .took = std::chrono::milliseconds(12)};
  pipeline::ServiceStatus status;
  std::vector<OperatorWish> wishes;
  Result<OperatorAnswer> answer = OperatorAnswer{{{.signal = otlp::Signal::kLogs,
                                                   .index = 1,
                                                   .name = "otlp/b",
                                                   .result = "transport",
                                                   .error = "refused"}}};
};

class AdminApiTest : public testing::Test {
 protected:
  AdminApiTest() {
    pipeline::QueueStatus queue{.owner = "failover/a",
                                .signal = otlp::Signal::kTraces,
                                .is_failover = true,
                                .tier = "memory",
                                .active = 1,
                                .active_since = std::chrono::seconds(90),
                                .levels = {},
                                .pending = {.items = 7}};
    for (const char* name : {"otlp/a", "otlp/b"}) {
      queue.levels.push_back({.name = name,
                              .state = "healthy",
                              .word = "auto",
                              .since = std::chrono::seconds(5),
                              .reason = "",
                              .exporters = {name}});
    }
    queue.levels[0].state = "down";
    queue.levels[0].reason = "connection refused";
    actions_.status.queues.push_back(queue);
    queue.owner = "otlp/plain";
    queue.is_failover = false;
    actions_.status.queues.push_back(queue);
  }

  net::HttpResponse Ask(std::string method, std::string target, net::HttpHeaders headers = {}) {
    headers.Add("x-gapless-request", "1");
    return AskBare(std::move(method), std::move(target), std::move(headers));
  }
  net::HttpResponse AskBare(std::string method, std::string target, net::HttpHeaders headers) {
    Sink sink;
    auto state = std::make_shared<net::ResponderState>();
    state->sink = &sink;
    net::HttpCall call;
    call.request.method = std::move(method);
    call.request.target = std::move(target);
    call.request.headers = std::move(headers);
    call.responder = net::HttpResponder(state);
    handler_->Handle(std::move(call));
    EXPECT_TRUE(sink.response.has_value()) << "no answer";
    return sink.response.value_or(net::HttpResponse());
  }
  std::string Body(const net::HttpResponse& response) { return response.body.ToString(); }
  const net::HttpHeaders text_ = {{"accept", "text/plain"}};

  FakeActions actions_;
  const std::shared_ptr<net::HttpHandler> handler_ = MakeAdminHandler(actions_);
};

TEST_F(AdminApiTest, AReloadTellsWhatItDid) {
  const auto response = Ask("POST", "/-/reload");
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.headers.Find("content-type"), "application/json");
  EXPECT_EQ(Body(response),
            R"({"status":"reloaded","kept":["receiver otlp"],"changed":[],"restarted":[],)"
            R"("started":[],"stopped":["exporter otlp/a"],"warnings":["a \"quoted\" warning"],)"
            R"("took_ms":12})"
            "\n");
}

TEST_F(AdminApiTest, ABadConfigurationIsA400WithEveryError) {
  actions_.reload = InvalidArgument("invalid configuration:\na.yaml:1:2: x\na.yaml:3:4: y");
  const auto response = Ask("POST", "/-/reload");
  EXPECT_EQ(response.status, 400);
  EXPECT_THAT(Body(response),
              HasSubstr(R"("errors":["invalid configuration:","a.yaml:1:2: x","a.yaml:3:4: y"])"));
}

TEST_F(AdminApiTest, AReplayTellsWhatIsSentAndHowFarBackItReaches) {
  const auto text = Ask("POST", "/replay?to=otlp%2Fb&since=10m&signal=logs", text_);
  EXPECT_EQ(text.status, 200);
  EXPECT_EQ(Body(text),
            "logs of failover/a: 2 requests, 30 items, 400 bytes are sent to otlp/b\n"
            "  retention reaches back 1m30s only, of 10m0s\n");
  ASSERT_EQ(actions_.replays.size(), 1U);
  EXPECT_EQ(actions_.replays[0].to, "otlp/b");
  EXPECT_EQ(actions_.replays[0].since, std::chrono::minutes(10));
  EXPECT_EQ(actions_.replays[0].signal, otlp::Signal::kLogs);
  EXPECT_EQ(Body(Ask("POST", "/replay?to=otlp/b&since=10m")),
            R"({"asked_seconds":600,"queues":[{"queue":"failover/a","signal":"logs",)"
            R"("to":"otlp/b","requests":2,"items":30,"bytes":400,"reach_seconds":90}]})"
            "\n");
  for (const char* wrong : {"/replay?since=10m", "/replay?to=a", "/replay?to=a&since=-1s",
                            "/replay?to=a&since=10m&signal=x"}) {
    EXPECT_EQ(Ask("POST", wrong).status, 400) << wrong;
  }
  actions_.replay = NotFound("nothing is sent to \"x\"");
  EXPECT_EQ(Ask("POST", "/replay?to=x&since=10m").status, 404);
  EXPECT_EQ(actions_.replays.size(), 3U);
}

TEST_F(AdminApiTest, WhatChangesWantsPost) {
  for (const char* path :
       {"/-/reload", "/replay?to=a&since=1m", "/failover/drain?connector=failover/a&level=0"}) {
    const auto response = Ask("GET", path);
    EXPECT_EQ(response.status, 405) << path;
    EXPECT_EQ(response.headers.Find("allow"), "POST");
  }
  EXPECT_EQ(Ask("POST", "/failover/status").status, 405);
  EXPECT_EQ(actions_.reloads, 0);
  EXPECT_TRUE(actions_.wishes.empty());
}

TEST_F(AdminApiTest, WhatChangesWantsAHeaderThatAFormCannotSend) {
  for (const char* type : {"", "text/plain", "application/x-www-form-urlencoded",
                           "multipart/form-data; boundary=application/json"}) {
    const auto response = AskBare("POST", "/-/reload", {{"content-type", type}});
    EXPECT_EQ(response.status, 403) << type;
    EXPECT_THAT(Body(response), HasSubstr("X-Gapless-Request: 1"));
  }
  EXPECT_EQ(actions_.reloads, 0);
  EXPECT_EQ(AskBare("POST", "/-/reload", {{"x-gapless-request", "1"}}).status, 200);
  EXPECT_EQ(
      AskBare("POST", "/-/reload", {{"content-type", "Application/JSON; charset=utf-8"}}).status,
      200);
  EXPECT_EQ(AskBare("GET", "/failover/status", {}).status, 200);
}

TEST_F(AdminApiTest, AWishIsReadFromTheQuery) {
  const auto response =
      Ask("POST", "/failover/probe?connector=failover%2Fa&signal=logs&level=otlp%2Fb");
  EXPECT_EQ(response.status, 200);
  ASSERT_EQ(actions_.wishes.size(), 1U);
  EXPECT_EQ(actions_.wishes[0].verb, OperatorVerb::kProbe);
  EXPECT_EQ(actions_.wishes[0].connector, "failover/a");
  EXPECT_EQ(actions_.wishes[0].signal, otlp::Signal::kLogs);
  EXPECT_EQ(actions_.wishes[0].level, "otlp/b");
  EXPECT_EQ(Body(response),
            R"({"levels":[{"signal":"logs","level":1,"name":"otlp/b","result":"transport",)"
            R"("error":"refused"}]})"
            "\n");
}

TEST_F(AdminApiTest, WishesThatMakeNoSenseAreRefused) {
  const std::pair<const char*, int> cases[] = {
      {"/failover/explode?connector=failover/a", 404},
      {"/failover/drain", 400},
      {"/failover/drain?connector=failover/a", 400},
      {"/failover/drain?connector=failover/a&level=0&signal=profiles", 400},
  };
  for (const auto& [target, status] : cases) {
    EXPECT_EQ(Ask("POST", target).status, status) << target;
  }
  EXPECT_TRUE(actions_.wishes.empty());
  actions_.answer = NotFound("no failover connector");
  EXPECT_EQ(Ask("POST", "/failover/auto?connector=x").status, 404);
}

TEST_F(AdminApiTest, FailoverStatusShowsConnectorsOnly) {
  const std::string json = Body(Ask("GET", "/failover/status"));
  EXPECT_THAT(json, HasSubstr(R"("connector":"failover/a","signal":"traces")"));
  EXPECT_THAT(json, HasSubstr(R"("active_level":1,"active":"otlp/b")"));
  EXPECT_THAT(json, HasSubstr(R"("last_error":"connection refused")"));
  EXPECT_THAT(json, testing::Not(HasSubstr("otlp/plain")));
  EXPECT_EQ(Body(Ask("GET", "/failover/status?connector=other")), "{\"connectors\":[]}\n");
  EXPECT_THAT(Body(Ask("GET", "/status")), HasSubstr(R"("exporter":"otlp/plain")"));
}

TEST_F(AdminApiTest, PeopleGetText) {
  const auto response = Ask("GET", "/failover/status", text_);
  EXPECT_EQ(response.headers.Find("content-type"), "text/plain; charset=utf-8");
  EXPECT_THAT(Body(response), HasSubstr("failover/a traces: level 1 (otlp/b) for 1m30s"));
  EXPECT_THAT(Body(response), HasSubstr("down"));
  EXPECT_THAT(Body(response), HasSubstr("last error: connection refused"));
  EXPECT_THAT(Body(Ask("POST", "/-/reload", text_)), HasSubstr("stopped: exporter otlp/a"));
}

TEST_F(AdminApiTest, UnknownPathsTellWhatThereIs) {
  EXPECT_EQ(Ask("GET", "/").status, 200);
  const auto response = Ask("GET", "/nothing");
  EXPECT_EQ(response.status, 404);
  EXPECT_THAT(Body(response), HasSubstr("/failover/status"));
}

}  // namespace
}  // namespace gapless::service
