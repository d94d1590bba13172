// SPDX-License-Identifier: Apache-2.0
#include "observe/metrics.hpp"

#include <array>

namespace tandem::observe {
namespace {

constexpr Metric kMetrics[] = {
#define TANDEM_METRIC_ROW(name, type, labels, meaning) {#name, MetricType::type, labels, meaning},
    TANDEM_METRICS(TANDEM_METRIC_ROW)
#undef TANDEM_METRIC_ROW
};

constexpr const char* kIntroduction = R"(# HTTP: metrics and status

<!-- Written by build/src/tandem-reference metrics; a test compares. Don't edit by hand. -->

`tandemd` serves HTTP on `node.http`, by default `127.0.0.1:9105`; `"off"` ends it. It can be asked, not told:
GET and HEAD alone, and nothing that comes over it changes anything. Whoever reaches the address may read all of
it; in a browser, of other origins' pages only those of `node.peer_http` (`Access-Control-Allow-Origin`). No TLS, no
password: on another address than the loopback's, let a firewall or a management network decide who reaches it.

| path | what |
|---|---|
| `/` | [the page](dashboard.md) |
| `/metrics` | the metrics below, as Prometheus reads them |
| `/status` | one JSON document: what `tandemctl status`, `vrrp`, `services` and `backends` print with `--json`, and the last 50 events, each under the name of its command. A part is `null` where a thread that forwards stands still, and `status` says so |

Answers are put together on the control thread, which neither adverts nor packets wait for, and written by a
thread of their own. A document that was made serves all who ask for nine times as long as it took to make, so
that no more than a tenth of a processor goes into it, whoever asks how often. At most 32 connections are open:
for one more, the one that was quiet for longest is closed. A request has 20 seconds and 8 KiB, an answer 10
seconds to be read.

`configs/prometheus/` has what Prometheus needs: whom to scrape, and alerts. `configs/grafana/tandem.json` is a
dashboard. Metrics of Nginx are there if [`[nginx]`](configuration.md) says where its `stub_status` is, those of
workers and ports with `engine = "dpdk"`. A build without prometheus-cpp (`-Dmetrics=disabled`, or where the
library is missing) answers `/metrics` with 503, and has all else.

## Metrics

| name | type | labels | |
|---|---|---|---|
)";

const char* type_name(MetricType type) {
  switch (type) {
    case MetricType::counter:
      return "counter";
    case MetricType::gauge:
      return "gauge";
    case MetricType::histogram:
      break;
  }
  return "histogram";
}

}  // namespace

std::span<const Metric> metrics() {
  return kMetrics;
}

std::string metrics_reference() {
  std::string text = kIntroduction;
  for (const Metric& metric : kMetrics)
    text += std::string("| `") + metric.name + "` | " + type_name(metric.type) + " | " +
            metric.labels + " | " + metric.meaning + " |\n";
  return text;
}

}  // namespace tandem::observe
