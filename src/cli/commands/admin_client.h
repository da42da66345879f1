// AskAdmin: one request to the admin API of a running gapless, for sub-commands. Blocks.
#pragma once

#include "base/status.h"
#include "net/http/http.h"

#include <chrono>
#include <string>

namespace gapless::cli {

inline constexpr std::string_view kDefaultAdmin = "localhost:13134";

struct AdminRequest {
  std::string endpoint{kDefaultAdmin};  // host:port
  std::string method = "GET";
  std::string target;  // path and query
  Duration timeout = std::chrono::seconds(30);
  bool json = false;  // the answer for programs
};

// The answer, whatever its status. Errors: UNAVAILABLE when nobody answers
// there.
Result<net::HttpResponse> AskAdmin(const AdminRequest& request);

// Asks and prints the answer; the exit status.
int PrintAdminAnswer(const AdminRequest& request);

}  // namespace gapless::cli
