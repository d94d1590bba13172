// SPDX-License-Identifier: Apache-2.0
// What a scrape answers, sample by sample. Families come in the order of the table; those without
// a sample are left out.
#pragma once

#include <prometheus/metric_family.h>

#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/histogram.hpp"
#include "observe/metrics.hpp"

namespace tandem::observe {

[[nodiscard]] inline double exact_seconds(Duration duration) {
  return std::chrono::duration<double>(duration).count();
}

class MetricFamilies {
 public:
  using Labels = std::initializer_list<std::pair<std::string_view, std::string_view>>;

  MetricFamilies();

  // A counter or a gauge.
  template <class Number>
  void add(MetricId id, Labels labels, Number value) {
    put(id, labels, static_cast<double>(value));
  }
  template <class Number>
  void add(MetricId id, Number value) {
    put(id, {}, static_cast<double>(value));
  }
  void add(MetricId id, const Histogram& histogram);

  // In the text format of Prometheus, 0.0.4.
  [[nodiscard]] std::string text() &&;

 private:
  void put(MetricId id, Labels labels, double value);

  std::vector<prometheus::MetricFamily> families_;  // by MetricId
};

}  // namespace tandem::observe
