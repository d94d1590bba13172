// SPDX-License-Identifier: Apache-2.0
#include "services/kernel_ports.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <fstream>

namespace tandem::services {
namespace {

constexpr const char* kRange = "ip_local_port_range";
constexpr const char* kReserved = "ip_local_reserved_ports";
constexpr std::size_t kFirst = 1024;
constexpr std::size_t kBlock = 16384;  // reserved for fullnat, where the kernel leaves it nothing
constexpr std::size_t kRanges = 256;   // in the kernel's list, of what is reserved here

// The next number in the text, which is cut behind it; kPortNumbers: there is none.
std::size_t next_number(std::string_view& text) {
  const auto begin = text.find_first_of("0123456789");
  if (begin == std::string_view::npos) return kPortNumbers;
  std::size_t number = kPortNumbers;
  const auto* end = text.data() + text.size();
  const auto [last, error] = std::from_chars(text.data() + begin, end, number);
  text = std::string_view(last, static_cast<std::size_t>(end - last));
  return error == std::errc{} ? std::min(number, kPortNumbers) : kPortNumbers;
}

void set(PortSet& ports, std::size_t first, std::size_t last, bool to) {
  for (std::size_t port = first; port <= last && port < kPortNumbers; port++) ports[port] = to;
}

std::size_t count(const PortSet& ports) {
  return static_cast<std::size_t>(std::ranges::count(ports, true));
}

bool has(const PortSet& all, const PortSet& some) {
  for (std::size_t port = 0; port < kPortNumbers; port++)
    if (some[port] && !all[port]) return false;
  return true;
}

// The ranges of what is set; ports that are no more than `gap` apart are of one.
std::string ranges_of(const PortSet& ports, std::size_t gap, std::size_t& number) {
  std::string list;
  number = 0;
  for (std::size_t first = 0; first < kPortNumbers; first++) {
    if (!ports[first]) continue;
    std::size_t last = first;
    for (std::size_t port = first; port < kPortNumbers && port <= last + gap; port++)
      if (ports[port]) last = port;
    list += (list.empty() ? "" : ",") + std::to_string(first);
    if (last > first) list += "-" + std::to_string(last);
    first = last;
    number++;
  }
  return list;
}

// From the last one down: few services listen there.
std::vector<std::uint16_t> take_for_checks(PortSet& usable, const PortSet& taken) {
  const std::size_t wanted = std::min(kCheckPorts, count(usable) / 4);
  std::vector<std::uint16_t> ports;
  for (std::size_t port = kPortNumbers - 1; port >= kFirst && ports.size() < wanted; port--) {
    if (!usable[port] || taken[port]) continue;
    usable[port] = false;
    ports.push_back(static_cast<std::uint16_t>(port));
  }
  return ports;
}

}  // namespace

PortSet parse_ports(std::string_view list) {
  PortSet ports(kPortNumbers);
  for (std::size_t first = next_number(list); first < kPortNumbers; first = next_number(list)) {
    std::size_t last = first;
    if (list.starts_with('-')) last = next_number(list);
    if (last < kPortNumbers) set(ports, first, last, true);
  }
  return ports;
}

std::string to_list(const PortSet& ports, std::size_t ranges) {
  std::size_t number = 0;
  std::string list = ranges_of(ports, 1, number);
  for (std::size_t gap = 2; number > ranges; gap *= 2) list = ranges_of(ports, gap, number);
  return list;
}

PortShares share_out(std::string_view range, const PortSet& reserved, const PortSet& taken) {
  PortShares shares{PortSet(kPortNumbers), PortSet(kPortNumbers), {}, PortSet(kPortNumbers)};
  const std::size_t low = next_number(range), high = next_number(range);
  if (low < kPortNumbers && high < kPortNumbers) set(shares.kernel, low, high, true);
  for (std::size_t port = 0; port < kPortNumbers; port++)
    if (reserved[port]) shares.kernel[port] = false;
  for (std::size_t port = kFirst; port < kPortNumbers; port++)
    shares.usable[port] = !shares.kernel[port];
  if (count(shares.usable) < kFewPorts)
    for (std::size_t port = kPortNumbers - kBlock; port < kPortNumbers; port++)
      if (shares.kernel[port]) shares.reserved[port] = shares.usable[port] = true;
  shares.checks = take_for_checks(shares.usable, taken);
  return shares;
}

KernelPorts::KernelPorts(std::string directory)
    : directory_(std::move(directory)),
      operators_(kPortNumbers),
      ours_(kPortNumbers),
      shares_{PortSet(kPortNumbers), PortSet(kPortNumbers), {}, PortSet(kPortNumbers)} {}

KernelPorts::~KernelPorts() {
  if (count(ours_) == 0) return;
  if (changed()) read();
  reserve(PortSet(kPortNumbers));
}

std::string KernelPorts::line_of(const char* setting) const {
  std::ifstream file(directory_ + setting);
  std::string line;
  std::getline(file, line);
  return line;
}

bool KernelPorts::changed() {
  return !seen_ || line_of(kRange) != range_ || line_of(kReserved) != list_;
}

// Whoever writes the list anew leaves out what is reserved here, or has read it before.
void KernelPorts::read() {
  std::string list = line_of(kReserved);
  range_ = line_of(kRange);
  if (!seen_ || list != list_) {
    operators_ = parse_ports(list);
    if (!has(operators_, ours_)) ours_ = PortSet(kPortNumbers);
    for (std::size_t port = 0; port < kPortNumbers; port++)
      if (ours_[port]) operators_[port] = false;
  }
  list_ = std::move(list);
  seen_ = true;
}

const PortShares& KernelPorts::share_out(const PortSet& taken) {
  read();
  shares_ = services::share_out(range_, operators_, taken);
  keep(taken);
  return shares_;
}

void KernelPorts::keep(const PortSet& taken) {
  PortSet wanted = shares_.reserved;
  strays_ = 0;
  for (std::size_t port = kFirst; port < kPortNumbers; port++)
    if (taken[port] && shares_.kernel[port] && !shares_.reserved[port]) {
      wanted[port] = true;
      strays_++;
    }
  reserve(wanted);
}

void KernelPorts::reserve(const PortSet& wanted) {
  PortSet ours = parse_ports(to_list(wanted, kRanges)), all = operators_;
  for (std::size_t port = 0; port < kPortNumbers; port++) {
    ours[port] = ours[port] && !operators_[port];
    all[port] = all[port] || ours[port];
  }
  if (ours == ours_) return;
  std::ofstream file(directory_ + kReserved);
  file << to_list(all, kPortNumbers) << std::endl;
  const std::string why = file ? "" : std::strerror(errno);
  if (!why.empty() && why != refused_)
    spdlog::warn("net.ipv4.ip_local_reserved_ports cannot be written: {}", why);
  refused_ = why;
  if (!file) return;
  if (const auto number = count(ours); number > 0 && count(ours_) == 0)
    spdlog::info(
        "fullnat: {} ports of net.ipv4.ip_local_port_range are reserved for connections of clients "
        "(net.ipv4.ip_local_reserved_ports)",
        number);
  ours_ = std::move(ours);
  list_ = line_of(kReserved);
}

std::vector<std::string> KernelPorts::troubles() const {
  std::vector<std::string> sentences;
  const std::size_t shared = strays_ + count(shares_.reserved);
  if (!refused_.empty() && shared > 0)
    return {
        "fullnat: connections of clients share " + std::to_string(shared) +
        " ports of net.ipv4.ip_local_port_range with the node's own, which fail where they meet: "
        "net.ipv4.ip_local_reserved_ports cannot be written (" +
        refused_ + "); list ports there, or make the range narrower"};
  if (strays_ > 0)
    sentences.push_back(
        "fullnat: net.ipv4.ip_local_port_range was moved onto ports that connections of clients "
        "have (" +
        std::to_string(strays_) + "): the node's own connections do without these until they end");
  std::size_t left = 0;
  for (std::size_t port = 0; port < kPortNumbers; port++)
    left += shares_.kernel[port] && !ours_[port];
  if (count(ours_) > 0 && left < kFewPorts)
    sentences.push_back(
        "fullnat: the node's own connections have " + std::to_string(left) +
        " ports, as those of clients have the rest of net.ipv4.ip_local_port_range: "
        "make it wider, or move it");
  return sentences;
}

}  // namespace tandem::services
