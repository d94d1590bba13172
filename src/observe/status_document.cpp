// SPDX-License-Identifier: Apache-2.0
#include "observe/status_document.hpp"

#include "flow/reason_names.hpp"

namespace tandem::observe {

using nlohmann::json;

namespace {

json packets_by_reason(const std::array<std::uint64_t, TD_REASON_COUNT>& packets) {
  json document = json::object();
  for (std::size_t i = 0; i < packets.size(); ++i) document[flow::kReasonNames[i]] = packets[i];
  return document;
}

json losses_document(const std::vector<LossView>& losses) {
  json document = json::array();
  for (const LossView& loss : losses)
    document.push_back({{"place", loss.place}, {"reason", loss.reason}, {"count", loss.count}});
  return document;
}

json interface_document(const InterfaceView& interface) {
  return {{"name", interface.name},
          {"device", interface.device},
          {"ifindex", interface.ifindex},
          {"vlan", interface.vlan},
          {"mac", interface.mac.to_string()},
          {"xdp_mode", interface.xdp_mode.empty() ? json() : json(interface.xdp_mode)},
          {"xdp_way", interface.xdp_way.empty() ? json() : json(interface.xdp_way)},
          {"up", interface.up}};
}

json thread_document(const VrrpThreadView& thread) {
  const auto us = [](Duration duration) {
    return std::chrono::ceil<std::chrono::microseconds>(duration).count();
  };
  const Histogram& lateness = thread.lateness;
  json stalls = json::object();
  for (const auto& [cause, count] : thread.stalls) stalls[cause] = count;
  return {{"scheduler", thread.scheduler},
          {"realtime", thread.realtime},
          {"memory_locked", thread.memory_locked},
          {"stalls", std::move(stalls)},
          {"lateness",
           {{"count", lateness.count()},
            {"p50_us", us(lateness.percentile(50))},
            {"p99_us", us(lateness.percentile(99))},
            {"p99.9_us", us(lateness.percentile(99.9))},
            {"max_us", us(lateness.max())}}}};
}

json check_document(const CheckView& check, const Now& now) {
  const bool known = check.up.has_value();
  return {{"name", check.name},
          {"kind", check.kind},
          {"up", known ? json(*check.up) : json()},
          {"since", known ? json(iso_time(now.wall_at(check.since))) : json()},
          {"for_seconds", known ? json(to_seconds(now.monotonic - check.since)) : json()},
          {"last_result", check.last_result}};
}

}  // namespace

std::span<const char* const, TD_REASON_COUNT> packet_reasons() {
  return flow::kReasonNames;
}

json drops_by_reason(const std::array<std::uint64_t, wire::kAdvertDrops>& dropped) {
  json document = json::object();
  for (std::size_t i = 1; i < dropped.size(); ++i)  // reasons are numbered from 1 on
    document[wire::to_string(static_cast<wire::AdvertDrop>(i))] = dropped[i];
  return document;
}

json status_document(const NodeView& node, const Now& now) {
  json interfaces = json::array();
  for (const InterfaceView& interface : node.interfaces)
    interfaces.push_back(interface_document(interface));
  json checks = json::array();
  for (const CheckView& check : node.checks) checks.push_back(check_document(check, now));

  return {{"node", node.name},
          {"version", node.version},
          {"engine", node.engine},
          {"config_file", node.config_file},
          {"peer_http", node.peer_http.empty() ? json() : json(node.peer_http)},
          {"started", iso_time(now.wall_at(node.started))},
          {"uptime_seconds", to_seconds(now.monotonic - node.started)},
          {"interfaces", std::move(interfaces)},
          {"adverts",
           {{"received", node.adverts.received},
            {"dropped", drops_by_reason(node.adverts.dropped)},
            {"ring_full", node.adverts.ring_full}}},
          {"packets", packets_by_reason(node.packets)},
          {"losses", losses_document(node.losses)},
          {"vrrp_thread", thread_document(node.vrrp_thread)},
          {"control_thread",
           {{"stalls", node.control_thread.stalls},
            {"longest_stall_ms", to_ms(node.control_thread.longest_stall)}}},
          {"checks", std::move(checks)},
          {"unserved", node.unserved},
          {"addresses_restored", node.addresses_restored},
          {"warnings", node.warnings}};
}

}  // namespace tandem::observe
