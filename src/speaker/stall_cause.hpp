// SPDX-License-Identifier: Apache-2.0
// Why the VRRP thread did not run when it had to. The kernel counts for each thread how long it was
// ready and had no CPU, and what else kept it. The control thread reads these counts twice a second,
// so that the VRRP thread itself makes no call for it; after a stall it reads them again, and what
// was added since the last time before the stall tells the cause.
#pragma once

#include <sys/types.h>

#include <array>
#include <cstdint>
#include <optional>
#include <string>

#include "base/time.hpp"

namespace tandem::speaker {

enum class StallCause : std::uint8_t {
  page_fault,  // memory was read in from disk
  throttled,   // real-time threads had used up their share of the CPU
  steal,       // the host of this virtual machine gave the CPU to others
  no_cpu,      // ready to run, behind other threads of this machine
  busy,        // with its own work
  frozen,      // the whole process, or the whole machine, stood still
  blocked,     // it waited in the kernel, or for a lock
  unknown,     // the kernel does not count it
};
inline constexpr std::size_t kStallCauses = 8;
[[nodiscard]] const char* to_string(StallCause cause) noexcept;  // a word, as in metrics
[[nodiscard]] const char* sentence(StallCause cause) noexcept;   // for users

// What the kernel has counted by an instant.
struct ThreadCounts {
  MonotonicTime at{};
  Duration ran{};                  // on a CPU
  Duration waited{};               // ready, for a CPU
  std::uint64_t major_faults = 0;  // pages read in
  Duration stolen{};               // by the host, of all CPUs together
};

// Of a thread of this process. nullopt: the kernel does not tell.
[[nodiscard]] std::optional<ThreadCounts> read_counts(pid_t thread);

// The share of a CPU that real-time threads get, of 1: sched_rt_runtime_us; 1: no limit.
[[nodiscard]] double realtime_share();

// What kept it for `stall`, of what was counted from before to after. reading_late: how much later
// than meant the control thread itself came to read meanwhile.
[[nodiscard]] StallCause judge(const ThreadCounts& before, const ThreadCounts& after,
                               Duration stall, Duration reading_late, double realtime_share);

class StallCauses {
 public:
  static constexpr Duration kInterval = std::chrono::milliseconds(500);  // between readings

  explicit StallCauses(pid_t thread) : thread_(thread) {}

  // Every kInterval, on the control thread.
  void read();
  // A stall of that length ended at that instant.
  StallCause find(MonotonicTime end, Duration stall);
  // How often each was found, by StallCause.
  [[nodiscard]] const std::array<std::uint64_t, kStallCauses>& found() const { return found_; }

 private:
  static constexpr std::size_t kKept = 32;

  // The newest that was read before an instant, or the oldest.
  [[nodiscard]] std::optional<ThreadCounts> before(MonotonicTime instant) const;
  // How long it was at most from one reading to the next, from an instant on, beyond kInterval.
  [[nodiscard]] Duration lateness(MonotonicTime since, MonotonicTime now) const;

  pid_t thread_;
  std::array<std::optional<ThreadCounts>, kKept> read_{};
  std::size_t next_ = 0;
  std::array<std::uint64_t, kStallCauses> found_{};
};

}  // namespace tandem::speaker
