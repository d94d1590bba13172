// SPDX-License-Identifier: Apache-2.0
// timer_bench: how late the machine wakes a real-time thread that does nothing else.
//
// The reference for the lateness of adverts: a thread of the VRRP thread's scheduling class sleeps
// until one deadline after the other, as many a second as the virtual routers have. What it is late
// is the machine's doing, and no daemon can do better. Prints one JSON object, in microseconds, of
// the fields that `tandemctl status --json` has, and the share of a core that waking so often took.
#include <sched.h>
#include <sys/mman.h>
#include <time.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "base/histogram.hpp"
#include "base/time.hpp"

namespace {

constexpr int kPriority = 50;  // the VRRP thread's

tandem::Histogram lateness_of(tandem::Duration interval, tandem::Duration length) {
  tandem::Histogram lateness;
  auto deadline = tandem::MonotonicClock::now() + interval;
  const auto end = deadline + length;
  while (deadline < end) {
    const auto ns = static_cast<long>(tandem::to_ns(deadline));
    const timespec until{ns / 1'000'000'000, ns % 1'000'000'000};
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, nullptr);
    lateness.record(tandem::MonotonicClock::now() - deadline);
    deadline += interval;
  }
  return lateness;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3 || std::atof(argv[1]) <= 0) {
    std::fputs("usage: timer_bench DEADLINES-A-SECOND SECONDS\n", stderr);
    return 2;
  }
  const sched_param priority{kPriority};
  if (sched_setscheduler(0, SCHED_RR, &priority) != 0) {
    std::perror("timer_bench: SCHED_RR");
    return 1;
  }
  mlockall(MCL_CURRENT | MCL_FUTURE);
  const auto ns = [](double seconds) {
    return tandem::Duration(static_cast<tandem::Duration::rep>(seconds * 1e9));
  };
  const double seconds = std::atof(argv[2]);
  const auto lateness = lateness_of(ns(1 / std::atof(argv[1])), ns(seconds));
  timespec used{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
  const double used_seconds =
      static_cast<double>(used.tv_sec) + static_cast<double>(used.tv_nsec) / 1e9;
  const auto us = [](tandem::Duration duration) {
    return std::chrono::ceil<std::chrono::microseconds>(duration).count();
  };
  const nlohmann::json report{{"count", lateness.count()},
                              {"p50_us", us(lateness.percentile(50))},
                              {"p99_us", us(lateness.percentile(99))},
                              {"p99.9_us", us(lateness.percentile(99.9))},
                              {"max_us", us(lateness.max())},
                              {"processor_percent", used_seconds / seconds * 100}};
  std::puts(report.dump().c_str());
}
