// SPDX-License-Identifier: Apache-2.0
#include "ctl/doctor/listeners.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <optional>

namespace tandem::doctor {
namespace {

std::optional<std::uint32_t> hex(std::string_view text) {
  std::uint32_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, 16);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// "0100007F": each word of the address as a number of this machine.
std::optional<IpAddress> address_of(const std::string& text) {
  std::array<std::uint8_t, 16> bytes{};
  if (text.size() != 8 && text.size() != 32) return std::nullopt;
  for (std::size_t word = 0; word < text.size() / 8; ++word) {
    const auto value = hex(std::string_view(text).substr(word * 8, 8));
    if (!value) return std::nullopt;
    std::memcpy(&bytes[word * 4], &*value, 4);
  }
  return text.size() == 8 ? IpAddress::v4(std::span(bytes).first<4>()) : IpAddress::v6(bytes);
}

// proc(5), /proc/net/tcp: "sl local_address rem_address st ...".
void read_table(const Root& root, const std::string& file, config::Protocol protocol,
                const std::string& state, std::vector<Listener>& listeners) {
  for (const auto& line : lines(root.text(file).value_or(""))) {
    const auto fields = words(line);
    if (fields.size() < 4 || fields[3] != state) continue;
    const auto colon = fields[1].find(':');
    if (colon == std::string::npos) continue;
    const auto address = address_of(fields[1].substr(0, colon));
    const auto port = hex(std::string_view(fields[1]).substr(colon + 1));
    if (address && port)
      listeners.push_back({protocol, *address, static_cast<std::uint16_t>(*port)});
  }
}

enum class Listening : std::uint8_t { nowhere, by_address, everywhere };

Listening how(const config::Service& service, const std::vector<Listener>& listeners) {
  Listening listening = Listening::nowhere;
  for (const Listener& listener : listeners) {
    if (listener.protocol != service.protocol || listener.port != service.port) continue;
    if (listener.address == service.address) listening = std::max(listening, Listening::by_address);
    // A socket of IPv6 on all addresses takes IPv4 as well, unless it asked not to.
    if (listener.address.is_unspecified() &&
        (listener.address.family() == service.address.family() || service.address.is_v4()))
      listening = Listening::everywhere;
  }
  return listening;
}

void judge_service(const config::Service& service, Listening listening, const Sysctls& sysctls,
                   Findings& findings) {
  const std::string at = std::string(service.protocol == config::Protocol::tcp ? "TCP" : "UDP") +
                         " port " + std::to_string(service.port);
  const std::string key =
      service.address.is_v4() ? "net/ipv4/ip_nonlocal_bind" : "net/ipv6/ip_nonlocal_bind";
  const bool bound_to_own = sysctls.find(key).value_or(1) == 0;
  std::vector<Action> actions;
  std::string command;
  if (bound_to_own) {
    actions.push_back(sysctl_action(key, 1));
    command = sysctl_command(key, 1);
  }
  const std::string on_backup = "; a server that listens on " + service.address.to_string() +
                                " itself does not start on a Backup";
  if (listening == Listening::nowhere)
    findings.add(Check::local_listener, Severity::warning, service.name,
                 "nothing listens on " + at + (bound_to_own ? on_backup : ""),
                 (bound_to_own ? command + "\n" : "") + "systemctl start nginx",
                 std::move(actions));
  else if (listening == Listening::by_address && bound_to_own)
    findings.add(Check::local_listener, Severity::warning, service.name,
                 "listens on " + service.address.to_string() + " alone" + on_backup, command,
                 std::move(actions));
  else
    findings.good(Check::local_listener, service.name, "something listens on " + at);
}

}  // namespace

std::vector<Listener> read_listeners(const Root& root) {
  constexpr const char* kListen = "0A";       // TCP_LISTEN
  constexpr const char* kUnconnected = "07";  // of UDP
  std::vector<Listener> listeners;
  for (const char* version : {"", "6"}) {
    const std::string suffix = version;
    read_table(root, "proc/net/tcp" + suffix, config::Protocol::tcp, kListen, listeners);
    read_table(root, "proc/net/udp" + suffix, config::Protocol::udp, kUnconnected, listeners);
  }
  return listeners;
}

void judge_listeners(const config::Config& config, const std::vector<Listener>& listeners,
                     const Sysctls& sysctls, Findings& findings) {
  for (const auto& service : config.services)
    if (service.forward == config::Forward::local)
      judge_service(service, how(service, listeners), sysctls, findings);
}

}  // namespace tandem::doctor
