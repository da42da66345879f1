// RequestQueue: the requests of a channel: those on a connection, and those that wait for one.
//
// Decides which may be sent again. On the channel's worker; callbacks may add and remove requests.
#pragma once

#include "base/loop.h"
#include "net/http/client_session.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <utility>

namespace gapless::net {

class ClientConnection;

class RequestQueue {
 public:
  struct Request {
    // kRescued: its connection is being killed, though the peer lives; it is to be sent again.
    enum class State : uint8_t { kWaiting, kSent, kRescued };

    uint64_t id;
    SharedRequest request;
    ExchangeCallback done;
    bool urgent = false;
    State state = State::kWaiting;
    ClientConnection* connection = nullptr;  // while it does not wait
    TimePoint sent = {};                     // to its connection
    int attempts = 0;
    bool doubted = false;  // the peer was found absent while the answer was awaited
    bool resent = false;   // may have arrived twice
    Timer deadline = {};
  };

  uint64_t Add(SharedRequest request, ExchangeCallback done, bool urgent) {
    const uint64_t id = next_id_++;
    requests_.emplace(
        id,
        Request{
            .id = id, .request = std::move(request), .done = std::move(done), .urgent = urgent});
    waiting_.push_back(id);
    return id;
  }
  // Null: unknown.
  Request* Find(uint64_t id) {
    const auto it = requests_.find(id);
    return it == requests_.end() ? nullptr : &it->second;
  }
  // Its callback will not run here.
  Request Remove(uint64_t id) {
    Request request = std::move(requests_.extract(id).mapped());
    if (request.state == Request::State::kWaiting) {
      std::erase(waiting_, id);
    }
    return request;
  }
  // The request that has waited longest is on `connection` from now on. Precondition: waiting().
  Request& Hand(ClientConnection& connection, TimePoint now) {
    Request& request = requests_.at(waiting_.front());
    waiting_.pop_front();
    request.state = Request::State::kSent;
    request.connection = &connection;
    request.sent = now;
    request.doubted = false;
    ++request.attempts;
    return request;
  }
  // Whether the request, which ended so, waits again. Else it is to be Finished.
  bool TryAgain(Request& request, const ExchangeResult& result) {
    const bool unprocessed = result.fate == Fate::kUnprocessed;
    const bool rescued = request.state == Request::State::kRescued && result.fate == Fate::kLost;
    const bool once_more = !request.resent && (result.fate == Fate::kStale || rescued);
    // Once the head of an answer has come, the peer has decided.
    if (request.attempts >= kMaxAttempts || result.head || !(unprocessed || once_more)) {
      return false;
    }
    if (!unprocessed) {
      request.resent = true;
      ++resent_count_;
    }
    request.state = Request::State::kWaiting;
    waiting_.push_back(request.id);
    return true;
  }
  void Finish(uint64_t id, ExchangeResult result) {
    Request& request = requests_.at(id);
    result.resent = request.resent;
    ExchangeCallback done = std::move(request.done);
    requests_.erase(id);
    done(std::move(result));
  }
  // Those that wait end with `status`, or the urgent ones among them.
  void FailWaiting(const Status& status, bool only_urgent) {
    std::deque<uint64_t> keep;
    for (uint64_t id : std::exchange(waiting_, {})) {
      const Request* request = Find(id);
      if (request && only_urgent && !request->urgent) {
        keep.push_back(id);
      } else if (request) {
        Finish(id, {status, request->resent ? Fate::kLost : Fate::kUnprocessed, {}});
      }
    }
    std::erase_if(keep, [this](uint64_t id) { return Find(id) == nullptr; });  // by a callback
    waiting_.insert(waiting_.begin(), keep.begin(), keep.end());
  }
  // The peer was found absent.
  void DoubtAll() {
    for (auto& [id, request] : requests_) {
      request.doubted = true;
    }
  }
  void Rescue(const ClientConnection& connection) {
    for (auto& [id, request] : requests_) {
      if (request.state == Request::State::kSent && request.connection == &connection) {
        request.state = Request::State::kRescued;
      }
    }
  }

  bool waiting() const { return !waiting_.empty(); }
  size_t waiting_count() const { return waiting_.size(); }
  bool urgent_waits() const {
    return std::ranges::any_of(waiting_, [this](uint64_t id) { return requests_.at(id).urgent; });
  }
  // Requests on connections.
  size_t sent_count() const { return requests_.size() - waiting_.size(); }
  uint64_t resent_count() const { return resent_count_; }

 private:
  // A peer that keeps refusing streams is not to keep us busy for ever.
  static constexpr int kMaxAttempts = 5;

  std::map<uint64_t, Request> requests_;
  std::deque<uint64_t> waiting_;
  uint64_t next_id_ = 1;
  uint64_t resent_count_ = 0;
};

}  // namespace gapless::net
