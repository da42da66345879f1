#include "telemetry/metrics.h"

#include "base/check.h"
#include "telemetry/series.h"

#include <algorithm>
#include <cctype>

namespace gapless::telemetry {
namespace {

// True if `labels` names only what the definition lists.
bool LabelsKnown(const MetricDef& def, const Labels& labels) {
  return std::all_of(labels.begin(), labels.end(), [&](const auto& label) {
    size_t at = 0;
    while (at < def.labels.size()) {
      const size_t end = std::min(def.labels.find(',', at), def.labels.size());
      if (def.labels.substr(at, end - at) == label.first) {
        return true;
      }
      at = end + 2;
    }
    return false;
  });
}

}  // namespace

void Counter::Add(uint64_t n) const {
  if (series_) {
    series_->Add(n);
  }
}

uint64_t Counter::Value() const { return series_ ? series_->Value() : 0; }

void Gauge::Set(double value) const {
  if (series_) {
    series_->value.store(value, std::memory_order_relaxed);
  }
}

void Gauge::Add(double delta) const {
  if (series_) {
    series_->value.fetch_add(delta, std::memory_order_relaxed);
  }
}

double Gauge::Value() const { return series_ ? series_->value.load(std::memory_order_relaxed) : 0; }

void Histogram::Observe(double value) const {
  if (series_) {
    series_->Observe(value);
  }
}

uint64_t Histogram::Count() const {
  uint64_t count = 0;
  if (series_) {
    for (const auto& shard : series_->shards) {
      for (const auto& bucket : shard.buckets) {
        count += bucket.load(std::memory_order_relaxed);
      }
    }
  }
  return count;
}

Callback& Callback::operator=(Callback&& other) noexcept {
  if (this != &other) {
    Reset();
    series_ = std::move(other.series_);
  }
  return *this;
}

void Callback::Reset() {
  if (series_) {
    MutexLock lock(series_->mu);
    series_->value = nullptr;
  }
  series_.reset();
}

Registry::Registry(MetricLevel level) : level_(level) {}
Registry::~Registry() = default;

internal::Family& Registry::FamilyFor(const MetricDef& def) {
  auto& family = families_[def.name];
  if (!family) {
    family = std::make_unique<internal::Family>(def);
  }
  GAPLESS_CHECK(family->def->kind == def.kind);
  return *family;
}

Counter Registry::GetCounter(const MetricDef& def, Labels labels) {
  GAPLESS_CHECK(def.kind == MetricKind::kCounter);
  GAPLESS_CHECK(LabelsKnown(def, labels));
  MutexLock lock(mu_);
  internal::Series& series = FamilyFor(def).Find(std::move(labels));
  if (!series.counter) {
    series.counter = std::make_shared<internal::CounterSeries>();
  }
  return Counter(series.counter);
}

Gauge Registry::GetGauge(const MetricDef& def, Labels labels) {
  GAPLESS_CHECK(def.kind == MetricKind::kGauge || def.kind == MetricKind::kUpDownCounter);
  GAPLESS_CHECK(LabelsKnown(def, labels));
  MutexLock lock(mu_);
  internal::Series& series = FamilyFor(def).Find(std::move(labels));
  auto gauge = series.gauge.lock();
  if (!gauge) {
    gauge = std::make_shared<internal::GaugeSeries>();
    series.gauge = gauge;
  }
  return Gauge(std::move(gauge));
}

Histogram Registry::GetHistogram(const MetricDef& def, Labels labels) {
  GAPLESS_CHECK(def.kind == MetricKind::kHistogram);
  GAPLESS_CHECK(LabelsKnown(def, labels));
  MutexLock lock(mu_);
  internal::Series& series = FamilyFor(def).Find(std::move(labels));
  if (!series.histogram) {
    series.histogram = std::make_shared<internal::HistogramSeries>(def.bounds);
  }
  return Histogram(series.histogram);
}

Callback Registry::AddCallback(const MetricDef& def, Labels labels, Callback::Function value) {
  GAPLESS_CHECK(def.kind != MetricKind::kHistogram);
  GAPLESS_CHECK(LabelsKnown(def, labels));
  auto callback = std::make_shared<internal::CallbackSeries>();
  {
    MutexLock lock(callback->mu);
    callback->value = std::move(value);
  }
  MutexLock lock(mu_);
  auto& callbacks = FamilyFor(def).Find(std::move(labels)).callbacks;
  std::erase_if(callbacks, [](const auto& weak) { return weak.expired(); });
  callbacks.push_back(callback);
  return Callback(std::move(callback));
}

void Registry::Remove(std::string_view label, std::string_view value) {
  MutexLock lock(mu_);
  for (auto& [name, family] : families_) {
    std::erase_if(family->series, [&](const auto& entry) {
      return std::any_of(entry.first.begin(), entry.first.end(), [&](const auto& pair) {
        return pair.first == label && pair.second == value;
      });
    });
  }
}

std::vector<FamilyValue> Registry::Collect() {
  const MetricLevel exposed = level();
  std::vector<FamilyValue> families;
  MutexLock lock(mu_);
  for (auto& [name, family] : families_) {
    const MetricDef& def = *family->def;
    FamilyValue out{.def = &def, .series = {}};
    for (auto it = family->series.begin(); it != family->series.end();) {
      SeriesValue value;
      if (!it->second.Read(def, &value)) {
        it = family->series.erase(it);
        continue;
      }
      if (!def.hidden_while_zero || value.value != 0) {
        value.labels = it->first;
        out.series.push_back(std::move(value));
      }
      ++it;
    }
    if (!out.series.empty() && def.level <= exposed) {
      families.push_back(std::move(out));
    }
  }
  return families;
}

bool ParseMetricLevel(std::string_view text, MetricLevel* out) {
  constexpr std::pair<std::string_view, MetricLevel> kLevels[] = {
      {"none", MetricLevel::kNone},
      {"basic", MetricLevel::kBasic},
      {"normal", MetricLevel::kNormal},
      {"detailed", MetricLevel::kDetailed}};
  for (const auto& [name, level] : kLevels) {
    if (std::equal(name.begin(), name.end(), text.begin(), text.end(), [](char a, char b) {
          return a == std::tolower(static_cast<unsigned char>(b));
        })) {
      *out = level;
      return true;
    }
  }
  return false;
}

}  // namespace gapless::telemetry
