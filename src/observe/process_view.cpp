// SPDX-License-Identifier: Apache-2.0
#include "observe/process_view.hpp"

#include <sys/resource.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>

namespace tandem::observe {
namespace {

Duration to_duration(const timeval& time) {
  return std::chrono::seconds(time.tv_sec) + std::chrono::microseconds(time.tv_usec);
}

// statm(5): pages of the whole, and of what is resident.
std::uint64_t resident_pages() {
  std::ifstream file("/proc/self/statm");
  std::uint64_t whole = 0, resident = 0;
  file >> whole >> resident;
  return resident;
}

std::uint64_t count_open_files() {
  std::error_code error;
  std::uint64_t files = 0;
  for (std::filesystem::directory_iterator i("/proc/self/fd", error), end; !error && i != end;
       i.increment(error))
    files++;
  return files;
}

}  // namespace

ProcessView ProcessView::read() {
  ProcessView view;
  rusage usage{};
  if (getrusage(RUSAGE_SELF, &usage) == 0)
    view.processor = to_duration(usage.ru_utime) + to_duration(usage.ru_stime);
  view.memory = resident_pages() * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
  view.open_files = count_open_files();
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) == 0) view.most_files = limit.rlim_cur;
  return view;
}

}  // namespace tandem::observe
