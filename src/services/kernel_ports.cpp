// SPDX-License-Identifier: Apache-2.0
#include "services/kernel_ports.hpp"

#include <algorithm>
#include <charconv>
#include <fstream>

namespace tandem::services {
namespace {

constexpr std::size_t kFirst = 1024, kPorts = 65536;

std::string line_of(const char* setting) {
  std::ifstream file(std::string("/proc/sys/net/ipv4/") + setting);
  std::string line;
  std::getline(file, line);
  return line;
}

// The next number in the text, which is cut behind it; kPorts: there is none.
std::size_t next_number(std::string_view& text) {
  const auto begin = text.find_first_of("0123456789");
  if (begin == std::string_view::npos) return kPorts;
  std::size_t number = kPorts;
  const auto* end = text.data() + text.size();
  const auto [last, error] = std::from_chars(text.data() + begin, end, number);
  text = std::string_view(last, static_cast<std::size_t>(end - last));
  return error == std::errc{} ? std::min(number, kPorts) : kPorts;
}

void set(std::vector<bool>& ports, std::size_t first, std::size_t last, bool usable) {
  for (std::size_t port = std::max(first, kFirst); port <= last && port < kPorts; port++)
    ports[port] = usable;
}

}  // namespace

KernelPorts KernelPorts::read() {
  return {line_of("ip_local_port_range"), line_of("ip_local_reserved_ports")};
}

UsablePorts usable_ports(const KernelPorts& kernel) {
  UsablePorts usable{std::vector<bool>(kPorts), false};
  set(usable.ports, kFirst, kPorts - 1, true);
  std::string_view range = kernel.range, reserved = kernel.reserved;
  const std::size_t low = next_number(range), high = next_number(range);
  if (low < kPorts && high < kPorts) set(usable.ports, low, high, false);
  for (std::size_t first = next_number(reserved); first < kPorts; first = next_number(reserved)) {
    std::size_t last = first;
    if (reserved.starts_with('-')) last = next_number(reserved);
    set(usable.ports, first, last, true);
  }
  const auto count = static_cast<std::size_t>(std::ranges::count(usable.ports, true));
  if (count >= kFewPorts) return usable;
  set(usable.ports, kFirst, kPorts - 1, true);
  usable.shared = true;
  return usable;
}

}  // namespace tandem::services
