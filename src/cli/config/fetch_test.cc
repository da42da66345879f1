#include "cli/config/fetch.h"

#include "net/server/test_server.h"

#include <atomic>

namespace gapless::cli {
namespace {

using std::chrono::milliseconds;

// A web server on a thread of its own.
struct Web {
  explicit Web(std::function<net::HttpResponse(const net::HttpRequest&)> reply)
      : handler(std::make_shared<net::TestHandler>()), server(worker, {}, handler) {
    handler->reply = std::move(reply);
    url = "http://" + server.listener->address().ToString();
    worker.Start();
  }
  ~Web() {
    worker.Stop();
    worker.Join();
  }
  net::Worker worker;
  std::shared_ptr<net::TestHandler> handler;
  net::TestServer server;
  std::string url;
};

net::HttpResponse Page(int status, std::string_view text, net::HttpHeaders headers = {}) {
  net::HttpResponse response;
  response.status = status;
  response.headers = std::move(headers);
  response.body = Rope::CopyOf(text);
  return response;
}

TEST(FetchTest, GivesTheBodyOfAnAnswer200) {
  const Web web([](const net::HttpRequest& request) {
    return Page(200, request.method + " " + request.target);
  });
  const auto text = Fetch(web.url + "/a/b.yaml?c=d");
  ASSERT_TRUE(text.ok()) << text.status().ToString();
  EXPECT_EQ(*text, "GET /a/b.yaml?c=d");
}

TEST(FetchTest, OnlyStatus200IsAnAnswer) {
  for (const int status : {204, 401, 404, 500}) {
    const Web web([&](const net::HttpRequest&) { return Page(status, ""); });
    EXPECT_EQ(Fetch(web.url + "/").status().message(),
              "status code " + std::to_string(status) + " instead of 200");
  }
}

TEST(FetchTest, RedirectsAreFollowedAndCounted) {
  const Web web([](const net::HttpRequest& request) {
    if (request.target == "/old") {
      return Page(302, "", {{.name = "location", .value = "/new"}});
    }
    if (request.target == "/round") {
      return Page(308, "", {{.name = "location", .value = "/round"}});
    }
    return Page(200, request.target);
  });
  EXPECT_EQ(Fetch(web.url + "/old").value(), "/new");
  EXPECT_EQ(Fetch(web.url + "/round").status().message(), "more than 5 redirects");
}

TEST(FetchTest, LimitsOfSizeAndTimeHold) {
  const Web large([](const net::HttpRequest&) { return Page(200, std::string(2000, 'x')); });
  EXPECT_FALSE(Fetch(large.url + "/", {.bytes = 1000}).ok());
  EXPECT_TRUE(Fetch(large.url + "/", {.bytes = 4000}).ok());
  const Web silent(nullptr);  // keeps the call
  EXPECT_FALSE(Fetch(silent.url + "/", {.timeout = milliseconds(50)}).ok());
}

TEST(FetchTest, NobodyThereAndNonsenseAreErrors) {
  EXPECT_FALSE(Fetch("http://127.0.0.1:1/", {.timeout = milliseconds(500)}).ok());
  EXPECT_FALSE(Fetch("http:nothing").ok());
  EXPECT_FALSE(Fetch("https://user@host/").ok());
}

TEST(WebSourcesTest, WhatWasBroughtIsTakenUntilItIsForgotten) {
  std::atomic<int> asked = 0;
  const Web web([&](const net::HttpRequest&) { return Page(200, std::to_string(++asked)); });
  WebSources sources;
  const config::Sources loads = sources.sources();
  EXPECT_FALSE(sources.used());
  EXPECT_EQ(loads.fetch(web.url + "/").value(), "1");
  EXPECT_TRUE(sources.used());
  sources.Bring(
      {.configs = {"yaml:{a: '${" + web.url + "/}', b: '${" + web.url + "/}'}"}, .sets = {}});
  EXPECT_EQ(loads.fetch(web.url + "/").value(), "2");
  EXPECT_EQ(loads.fetch(web.url + "/").value(), "2");
  sources.Forget();
  EXPECT_EQ(loads.fetch(web.url + "/").value(), "3");
}

}  // namespace
}  // namespace gapless::cli
