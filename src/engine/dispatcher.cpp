// SPDX-License-Identifier: Apache-2.0
#include "engine/dispatcher.hpp"

#include <bpf/libbpf.h>
#include <xdp/libxdp.h>

#include <array>
#include <cstdarg>
#include <cstdio>
#include <string_view>

namespace tandem::engine {
namespace {

constexpr std::size_t kMostLog = 65536;
thread_local std::string verifiers_log;  // what libbpf prints while the kernel loads a program

int take_line(libbpf_print_level level, const char* format, va_list arguments) {
  std::array<char, 4096> text{};
  if (level == LIBBPF_DEBUG || verifiers_log.size() > kMostLog) return 0;
  const int length = vsnprintf(text.data(), text.size(), format, arguments);
  verifiers_log += text.data();
  return length;
}

// The last thing that the verifier said: the line before its statistics.
std::string verifiers_reason(std::string_view log) {
  constexpr std::string_view kBegin = "BEGIN PROG LOAD LOG --\n";
  constexpr std::string_view kEnd = "-- END PROG LOAD LOG";
  const auto begin = log.find(kBegin);
  const auto end = log.find(kEnd, begin);
  if (begin == log.npos || end == log.npos) return "";
  log = log.substr(begin + kBegin.size(), end - begin - kBegin.size());
  while (!log.empty()) {
    while (log.ends_with('\n')) log.remove_suffix(1);
    const auto start = log.rfind('\n') + 1;  // 0 if there is none
    const std::string_view line = log.substr(start);
    if (!line.empty() && !line.starts_with("processed ") && !line.starts_with("libbpf:"))
      return std::string(line);
    log = log.substr(0, start);
  }
  return "";
}

}  // namespace

std::expected<void, DispatcherRefusal> put_behind_libxdps(xdp_program& program, unsigned ifindex,
                                                          XdpMode mode) {
  verifiers_log.clear();
  const auto before = libbpf_set_print(take_line);
  const int error =
      xdp_program__attach(&program, static_cast<int>(ifindex),
                          mode == XdpMode::generic ? XDP_MODE_SKB : XDP_MODE_NATIVE, 0);
  libbpf_set_print(before);
  if (error == 0) return {};
  std::array<char, 128> text{};
  libxdp_strerror(error, text.data(), text.size());
  const std::string said = verifiers_reason(verifiers_log);
  return std::unexpected(DispatcherRefusal{-error, said.empty() ? text.data() : said});
}

}  // namespace tandem::engine
