#include "journal/read_ahead.h"

#include <algorithm>
#include <utility>

namespace gapless::journal {

namespace {

// Below this much ready the next window is asked for; above the other, what is oldest is dropped.
constexpr uint64_t kReadyLow = uint64_t{4} << 20;
constexpr uint64_t kReadyMax = uint64_t{8} << 20;
// So many windows are asked for at a time: the disk's thread does not wait for this one.
constexpr size_t kOnTheirWayMax = 4;
// What the disk does not give back is damaged after so many attempts.
constexpr int kAttempts = 30;
constexpr Duration kReadAgain = std::chrono::seconds(1);

uint64_t BytesOf(const ReadRecord& record) {
  return record.batch.ok() ? record.batch->body.size() : 0;
}

}  // namespace

ReadAhead::ReadAhead(Host& host, Loop& home, io::Executor& executor)
    : host_(host), home_(home), executor_(executor) {}

ReadAhead::~ReadAhead() = default;

void ReadAhead::Read(std::vector<Position> positions, Journal::ReadCallback done) {
  Request request{.positions = std::move(positions), .batches = {}, .done = std::move(done)};
  request.batches.reserve(request.positions.size());
  if (!Advance(request)) {
    requests_.push_back(std::move(request));
    Continue();
    return;
  }
  Continue();
  request.done(std::move(request.batches));
}

bool ReadAhead::Advance(Request& request) {
  while (request.batches.size() < request.positions.size()) {
    const Position position = request.positions[request.batches.size()];
    std::optional<Result<otlp::Batch>> batch = host_.AtOnce(position);
    if (!batch) {
      const std::optional<Place> place = Find(position);
      if (place && !windows_[place->window].ready()) {
        return false;
      }
      batch = place ? Take(*place) : std::nullopt;
    }
    if (!batch) {
      return false;
    }
    request.batches.push_back(std::move(*batch));
  }
  return true;
}

// What one window holds between its first and its last position is taken for all that is wanted
// there; if it is not, the rest has its turn later.
void ReadAhead::Ask(const Request& request) {
  for (size_t i = request.batches.size();
       i < request.positions.size() && on_their_way_ < kOnTheirWayMax;) {
    const Position position = request.positions[i];
    std::optional<Place> place = Find(position);
    if (!place && host_.AtOnce(position)) {
      ++i;
      continue;
    }
    const Position last = place ? windows_[place->window].last : Start(position);
    while (i < request.positions.size() && request.positions[i] <= last) {
      ++i;
    }
  }
}

std::optional<ReadAhead::Place> ReadAhead::Find(Position position) {
  for (size_t i = 0; i < windows_.size(); ++i) {
    const Window& window = windows_[i];
    if (position < window.first || position > window.last) {
      continue;
    }
    const std::vector<ReadItem>& items = window.source->items;
    size_t item = window.next;
    if (item >= items.size() || items[item].position != position) {
      const auto found = std::ranges::lower_bound(items, position, {}, &ReadItem::position);
      item = static_cast<size_t>(found - items.begin());
    }
    if (items[item].position == position && !window.gone[item]) {
      return Place{.window = i, .item = item};
    }
  }
  return std::nullopt;
}

std::optional<Result<otlp::Batch>> ReadAhead::Take(const Place& place) {
  Window& window = windows_[place.window];
  window.next = place.item + 1;
  if (Result<otlp::Batch>& stored = window.records[place.item].batch; stored.ok()) {
    const uint64_t bytes = stored->body.size();
    Result<otlp::Batch> batch = std::move(stored);
    Remove(place, bytes);
    return batch;
  }
  const std::shared_ptr<const ReadWindow> source = window.source;
  const Status status = window.records[place.item].batch.status();
  Remove(place, 0);
  const ReadItem& item = source->items[place.item];
  if (!host_.IsCurrent(*source, item)) {
    return std::nullopt;  // it was moved, and its old place may belong to others
  }
  host_.OnDamaged(*source, item, status);
  return DataLoss(status.message());
}

void ReadAhead::Remove(const Place& place, uint64_t bytes) {
  Window& window = windows_[place.window];
  window.gone[place.item] = true;
  window.bytes -= bytes;
  ready_bytes_ -= bytes;
  if (--window.left == 0 && window.ready()) {
    windows_.erase(windows_.begin() + static_cast<std::ptrdiff_t>(place.window));
  }
}

void ReadAhead::Forget(Position position) {
  if (const std::optional<Place> place = Find(position)) {
    const Window& window = windows_[place->window];
    Remove(*place, window.ready() ? BytesOf(window.records[place->item]) : 0);
  }
}

Position ReadAhead::Start(Position position) {
  ReadWindow made = host_.WindowAt(position);
  // What is ready or on its way already is not read twice.
  const auto known = std::ranges::find_if(
      made.items, [this](const ReadItem& item) { return Find(item.position).has_value(); });
  made.items.erase(known, made.items.end());
  next_window_ = made.items.back().position + 1;
  const size_t count = made.items.size();
  const auto source = std::make_shared<const ReadWindow>(std::move(made));
  windows_.push_back({.source = source,
                      .first = position,
                      .last = source->items.back().position,
                      .records = {},
                      .gone = std::vector<bool>(count),
                      .left = count});
  ++on_their_way_;
  Send(source);
  return next_window_ - 1;
}

void ReadAhead::Send(const std::shared_ptr<const ReadWindow>& source) {
  executor_.Post([&home = home_, source,
                  done = lifetime_.Guard([this, source](std::vector<ReadRecord> records) {
                    OnRead(source, std::move(records));
                  })]() mutable {
    home.Post([records = ReadRecords(*source, true), done = std::move(done)]() mutable {
      done(std::move(records));
    });
  });
}

void ReadAhead::OnRead(const std::shared_ptr<const ReadWindow>& source,
                       std::vector<ReadRecord> records) {
  const auto window = std::ranges::find(windows_, source, &Window::source);
  const auto unread = std::ranges::find_if(records, [](const ReadRecord& record) {
    return !record.batch.ok() && record.batch.status().code() != Code::kDataLoss;
  });
  if (unread != records.end() && window->left > 0 && ++window->failures < kAttempts) {
    host_.OnUnreadable(*source, unread->batch.status());
    window->again = home_.RunAfter(kReadAgain, [this, source] { Send(source); });
    return;
  }
  --on_their_way_;
  window->records = std::move(records);
  for (size_t i = 0; i < window->records.size(); ++i) {
    window->bytes += window->gone[i] ? 0 : BytesOf(window->records[i]);
  }
  ready_bytes_ += window->bytes;
  if (window->left == 0) {
    windows_.erase(window);
  }
  std::vector<Request> answered;
  for (auto request = requests_.begin(); request != requests_.end();) {
    if (Advance(*request)) {
      answered.push_back(std::move(*request));
      request = requests_.erase(request);
    } else {
      ++request;
    }
  }
  Trim();
  Continue();
  auto lives = lifetime_.Guard([] { return true; });
  for (Request& request : answered) {
    if (lives()) {
      request.done(std::move(request.batches));
    }
  }
}

void ReadAhead::Continue() {
  for (const Request& request : requests_) {
    Ask(request);
  }
  while (on_their_way_ < kOnTheirWayMax && next_window_ != 0 && ready_bytes_ < kReadyLow) {
    const std::optional<Position> next = host_.NextPendingPosition(next_window_);
    if (!next || Find(*next)) {
      return;
    }
    Start(*next);
  }
}

void ReadAhead::Trim() {
  for (auto window = windows_.begin(); window != windows_.end() && ready_bytes_ > kReadyMax;) {
    if (!window->ready()) {
      ++window;
      continue;
    }
    ready_bytes_ -= window->bytes;
    window = windows_.erase(window);
  }
}

}  // namespace gapless::journal
