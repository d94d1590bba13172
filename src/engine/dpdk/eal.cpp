// SPDX-License-Identifier: Apache-2.0
#include "engine/dpdk/eal.hpp"

#include <pthread.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_log.h>
#include <sched.h>

#include <cstdio>
#include <fstream>
#include <mutex>
#include <vector>

namespace tandem::engine {
namespace {

constexpr const char* kHugePages = "/sys/kernel/mm/hugepages/hugepages-2048kB/";
constexpr std::uint64_t kPageMb = 2;

std::uint64_t pages(const char* which) {
  std::ifstream file(std::string(kHugePages) + which);
  std::uint64_t count = 0;
  file >> count;
  return count;
}

// Where DPDK's lines go.
struct LogStream {
  std::mutex mutex;
  EalLog log;
  std::string line, last;
};
LogStream& log_stream() {
  static LogStream stream;
  return stream;
}

ssize_t write_log(void*, const char* bytes, std::size_t size) {
  LogStream& stream = log_stream();
  const std::scoped_lock lock(stream.mutex);
  for (const char c : std::string_view(bytes, size)) {
    if (c != '\n') {
      stream.line += c;
      continue;
    }
    if (!stream.line.empty() && stream.log) stream.log("DPDK: " + stream.line);
    if (!stream.line.empty()) stream.last = std::exchange(stream.line, {});
  }
  return static_cast<ssize_t>(size);
}

void take_log(EalLog log) {
  log_stream().log = std::move(log);
  cookie_io_functions_t functions{};
  functions.write = write_log;
  std::FILE* file = fopencookie(nullptr, "w", functions);
  if (file == nullptr) return;
  setvbuf(file, nullptr, _IOLBF, 0);
  rte_openlog_stream(file);
}

// The first CPU that this thread may run on.
int own_cpu(const cpu_set_t& allowed) {
  for (int cpu = 0; cpu < CPU_SETSIZE; cpu++)
    if (CPU_ISSET(cpu, &allowed)) return cpu;
  return 0;
}

Result<void> check_huge_pages(std::uint32_t memory_mb) {
  const std::uint64_t free = free_huge_memory_mb();
  if (free >= memory_mb) return {};
  const std::uint64_t wanted = pages("nr_hugepages") + (memory_mb - free + kPageMb - 1) / kPageMb;
  return fail("huge pages: " + std::to_string(free) + " MB are free, packet buffers take " +
              std::to_string(memory_mb) +
              "; set aside more with: sysctl vm.nr_hugepages=" + std::to_string(wanted));
}

}  // namespace

std::uint64_t free_huge_memory_mb() {
  return (pages("free_hugepages") - std::min(pages("free_hugepages"), pages("resv_hugepages"))) *
         kPageMb;
}

Result<void> start_eal(const EalOptions& options, EalLog log) {
  if (options.huge_pages)
    if (auto enough = check_huge_pages(options.memory_mb); !enough) return enough;
  cpu_set_t before;
  pthread_getaffinity_np(pthread_self(), sizeof before, &before);
  take_log(std::move(log));
  std::vector<std::string> words = {"tandem",
                                    options.huge_pages ? "--in-memory" : "--no-shconf",
                                    "--no-telemetry",
                                    "--log-level=error",
                                    "-m",
                                    std::to_string(options.memory_mb),
                                    "-l",
                                    std::to_string(own_cpu(before))};
  if (!options.huge_pages) words.emplace_back("--no-huge");
  if (options.pci.empty()) words.insert(words.end(), {"--no-pci", "--iova-mode=va"});
  for (const auto& device : options.pci) words.insert(words.end(), {"-a", device});
  std::vector<char*> argv;
  for (auto& word : words) argv.push_back(word.data());
  const int done = rte_eal_init(static_cast<int>(argv.size()), argv.data());
  const int error = rte_errno;
  // DPDK pins the thread that starts it; this one has other things to do.
  pthread_setaffinity_np(pthread_self(), sizeof before, &before);
  if (done >= 0) return {};
  const std::string& last = log_stream().last;
  return fail("DPDK does not start: " + (last.empty() ? std::string(rte_strerror(error)) : last));
}

}  // namespace tandem::engine
