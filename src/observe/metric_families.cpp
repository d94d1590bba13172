// SPDX-License-Identifier: Apache-2.0
#include "observe/metric_families.hpp"

#include <prometheus/text_serializer.h>

#include <array>

namespace tandem::observe {
namespace {

using std::chrono::microseconds;

// Of an advert interval of 10 ms and of one of a second: what is early, late, and much too late.
constexpr std::array<Duration, 16> kBounds{
    microseconds(10),      microseconds(25),      microseconds(50),      microseconds(100),
    microseconds(250),     microseconds(500),     microseconds(1'000),   microseconds(2'500),
    microseconds(5'000),   microseconds(10'000),  microseconds(25'000),  microseconds(50'000),
    microseconds(100'000), microseconds(250'000), microseconds(500'000), microseconds(1'000'000)};

prometheus::MetricType type_of(MetricType type) {
  switch (type) {
    case MetricType::counter:
      return prometheus::MetricType::Counter;
    case MetricType::gauge:
      return prometheus::MetricType::Gauge;
    case MetricType::histogram:
      break;
  }
  return prometheus::MetricType::Histogram;
}

}  // namespace

MetricFamilies::MetricFamilies() {
  families_.reserve(metrics().size());
  for (const Metric& metric : metrics())
    families_.push_back({metric.name, metric.meaning, type_of(metric.type), {}});
}

void MetricFamilies::put(MetricId id, Labels labels, double value) {
  auto& family = families_[static_cast<std::size_t>(id)];
  auto& sample = family.metric.emplace_back();
  sample.label.reserve(labels.size());
  for (const auto& [name, text] : labels)
    sample.label.push_back({std::string(name), std::string(text)});
  if (family.type == prometheus::MetricType::Counter)
    sample.counter.value = value;
  else
    sample.gauge.value = value;
}

void MetricFamilies::add(MetricId id, const Histogram& histogram) {
  auto& sample = families_[static_cast<std::size_t>(id)].metric.emplace_back().histogram;
  sample.sample_count = histogram.count();
  sample.sample_sum = exact_seconds(histogram.sum());
  for (const Duration bound : kBounds)
    sample.bucket.push_back({histogram.count_within(bound), exact_seconds(bound)});
}

std::string MetricFamilies::text() && {
  std::erase_if(families_, [](const auto& family) { return family.metric.empty(); });
  return prometheus::TextSerializer().Serialize(families_);
}

}  // namespace tandem::observe
