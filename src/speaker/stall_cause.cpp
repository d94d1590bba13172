// SPDX-License-Identifier: Apache-2.0
#include "speaker/stall_cause.hpp"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <sstream>

namespace tandem::speaker {
namespace {

using std::chrono::nanoseconds;

// Most of a stall is its cause. Half, since readings do not begin and end with it.
constexpr int kMost = 2;
// The share that it may use up without having been throttled: one that is throttled used all of it.
constexpr double kNearly = 0.8;

std::string path_of(pid_t thread, const char* file) {
  return "/proc/self/task/" + std::to_string(thread) + "/" + file;
}

// Field 12 of proc_pid_stat(5): the name before it may have blanks.
std::optional<std::uint64_t> major_faults(pid_t thread) {
  std::ifstream file(path_of(thread, "stat"));
  std::string line;
  if (!std::getline(file, line)) return std::nullopt;
  const auto name_end = line.rfind(')');
  if (name_end == std::string::npos) return std::nullopt;
  std::istringstream fields(line.substr(name_end + 1));
  std::string skipped;
  for (int field = 3; field < 12; field++) fields >> skipped;
  std::uint64_t faults = 0;
  if (!(fields >> faults)) return std::nullopt;
  return faults;
}

// The eighth number of the first line of proc_stat(5), in clock ticks.
Duration stolen() {
  std::ifstream file("/proc/stat");
  std::string word;
  std::int64_t ticks = 0;
  file >> word;
  for (int field = 1; field <= 8; field++) file >> ticks;
  return file ? ticks * Duration(std::chrono::seconds(1)) / sysconf(_SC_CLK_TCK) : Duration{};
}

}  // namespace

const char* to_string(StallCause cause) noexcept {
  switch (cause) {
    case StallCause::page_fault:
      return "page_fault";
    case StallCause::throttled:
      return "throttled";
    case StallCause::steal:
      return "steal";
    case StallCause::no_cpu:
      return "no_cpu";
    case StallCause::busy:
      return "busy";
    case StallCause::frozen:
      return "frozen";
    case StallCause::blocked:
      return "blocked";
    case StallCause::unknown:
      break;
  }
  return "unknown";
}

const char* sentence(StallCause cause) noexcept {
  switch (cause) {
    case StallCause::page_fault:
      return "memory was read in from disk";
    case StallCause::throttled:
      return "real-time threads had used up their share of the CPU (kernel.sched_rt_runtime_us)";
    case StallCause::steal:
      return "the host of this virtual machine gave the CPU to others (steal)";
    case StallCause::no_cpu:
      return "it was ready, and other real-time threads or the kernel had the CPU";
    case StallCause::busy:
      return "it was busy with work of its own";
    case StallCause::frozen:
      return "the whole process or machine stood still (stopped, frozen or paused)";
    case StallCause::blocked:
      return "it waited in the kernel or for a lock";
    case StallCause::unknown:
      break;
  }
  return "the kernel does not count what kept it";
}

std::optional<ThreadCounts> read_counts(pid_t thread) {
  std::ifstream file(path_of(thread, "schedstat"));
  std::int64_t ran = 0, waited = 0;
  if (!(file >> ran >> waited)) return std::nullopt;
  const auto faults = major_faults(thread);
  if (!faults) return std::nullopt;
  return ThreadCounts{MonotonicClock::now(), nanoseconds(ran), nanoseconds(waited), *faults,
                      stolen()};
}

double realtime_share() {
  std::int64_t runtime = -1, period = 0;
  std::ifstream("/proc/sys/kernel/sched_rt_runtime_us") >> runtime;
  std::ifstream("/proc/sys/kernel/sched_rt_period_us") >> period;
  if (runtime < 0 || period <= 0) return 1;
  return static_cast<double>(runtime) / static_cast<double>(period);
}

StallCause judge(const ThreadCounts& before, const ThreadCounts& after, Duration stall,
                 Duration reading_late, double realtime_share) {
  const Duration passed = after.at - before.at;
  const Duration ran = after.ran - before.ran, waited = after.waited - before.waited;
  if (realtime_share < 1 && waited > Duration{} &&
      static_cast<double>(ran.count()) >=
          kNearly * realtime_share * static_cast<double>((passed - stall).count()) &&
      kMost * waited >= stall)
    return StallCause::throttled;
  if (kMost * (after.stolen - before.stolen) >= stall) return StallCause::steal;
  if (kMost * waited >= stall) return StallCause::no_cpu;
  if (kMost * ran >= stall) return StallCause::busy;
  if (after.major_faults > before.major_faults) return StallCause::page_fault;
  if (kMost * reading_late >= stall) return StallCause::frozen;
  return StallCause::blocked;
}

void StallCauses::read() {
  read_[next_ % kKept] = read_counts(thread_);
  next_++;
}

std::optional<ThreadCounts> StallCauses::before(MonotonicTime instant) const {
  std::optional<ThreadCounts> newest, oldest;
  for (const auto& counts : read_) {
    if (!counts) continue;
    if (!oldest || counts->at < oldest->at) oldest = counts;
    if (counts->at <= instant && (!newest || counts->at > newest->at)) newest = counts;
  }
  return newest ? newest : oldest;
}

Duration StallCauses::lateness(MonotonicTime since, MonotonicTime now) const {
  Duration longest{};
  MonotonicTime last = since;
  for (std::size_t i = 0; i < kKept; i++) {  // from the oldest on
    const auto& counts = read_[(next_ + i) % kKept];
    if (!counts || counts->at <= since) continue;
    longest = std::max(longest, counts->at - last - kInterval);
    last = counts->at;
  }
  return std::max(longest, now - last - kInterval);
}

StallCause StallCauses::find(MonotonicTime end, Duration stall) {
  const auto first = before(end - stall);
  const auto after = read_counts(thread_);
  const StallCause cause = first && after ? judge(*first, *after, stall,
                                                  lateness(first->at, after->at), realtime_share())
                                          : StallCause::unknown;
  found_[static_cast<std::size_t>(cause)]++;
  return cause;
}

}  // namespace tandem::speaker
