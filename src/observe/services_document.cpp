// SPDX-License-Identifier: Apache-2.0
#include "observe/services_document.hpp"

#include <cmath>

#include "flow/state_names.hpp"

namespace tandem::observe {

using nlohmann::json;

const char* name_of(config::Protocol protocol) {
  return protocol == config::Protocol::tcp ? "tcp" : "udp";
}

const char* name_of(config::Forward forward) {
  switch (forward) {
    case config::Forward::dsr:
      return "dsr";
    case config::Forward::nat:
      return "nat";
    case config::Forward::fullnat:
      return "fullnat";
    case config::Forward::tunnel:
      return "tunnel";
    case config::Forward::local:
      break;
  }
  return "local";
}

const char* name_of(balance::SchedulerKind scheduler) {
  switch (scheduler) {
    case balance::SchedulerKind::round_robin:
      return "round_robin";
    case balance::SchedulerKind::maglev:
      return "maglev";
    case balance::SchedulerKind::source_hash:
      return "source_hash";
    case balance::SchedulerKind::sed:
      return "sed";
    case balance::SchedulerKind::nq:
      return "nq";
    case balance::SchedulerKind::least_conn:
      break;
  }
  return "least_conn";
}

const char* name_of(balance::State state) {
  switch (state) {
    case balance::State::up:
      return "up";
    case balance::State::draining:
      return "draining";
    case balance::State::down:
      break;
  }
  return "down";
}

namespace {

double rate(double per_second) {
  return std::round(per_second * 10) / 10;
}

void put_traffic(json& row, const Traffic& traffic) {
  row["packets_in"] = traffic.packets_in;
  row["bytes_in"] = traffic.bytes_in;
  row["packets_out"] = traffic.packets_out;
  row["bytes_out"] = traffic.bytes_out;
}

json before_forward_document(const BeforeForward& b) {
  return {{"acknowledged", b.acknowledged},
          {"unacknowledged",
           {{"away", b.away}, {"slow", b.slow}, {"refused", b.refused}, {"no_room", b.no_room}}}};
}

json service_document(const ServiceView& service) {
  const bool local = service.forward == config::Forward::local;
  json row = {{"name", service.name},
              {"address", service.address.to_string()},
              {"protocol", name_of(service.protocol)},
              {"port", service.port},
              {"forward", name_of(service.forward)},
              {"scheduler", local ? json() : json(name_of(service.scheduler))},
              {"lease", service.lease},
              {"up", local ? json() : json(service.up)},
              {"backends",
               {{"up", service.backends_up},
                {"draining", service.backends_draining},
                {"down", service.backends_down}}},
              {"flows", {{"active", service.flows_active}, {"total", service.flows_total}}},
              {"new_per_second", rate(service.new_per_second)},
              {"picks", service.picks},
              {"hash_picks", service.hash_picks},
              {"refused", service.refused}};
  put_traffic(row, service.traffic);
  if (service.before_forward)
    row["before_forward"] = before_forward_document(*service.before_forward);
  if (!service.note.empty()) row["note"] = service.note;
  return row;
}

json next_hop_document(const NextHop& next_hop) {
  return {{"device", next_hop.device}, {"mac", next_hop.mac.to_string()}};
}

// How much of its weight is in force, of 0 to 1; null: all of it.
json slow_start_document(const BackendView& backend, const Now& now) {
  const Duration elapsed = now.monotonic - backend.since;
  if (backend.state != balance::State::up || elapsed >= backend.slow_start) return nullptr;
  return std::round(100 * to_seconds(elapsed) / to_seconds(backend.slow_start)) / 100;
}

json or_null(const std::string& text) {
  return text.empty() ? json() : json(text);
}

json backend_document(const BackendView& backend, const Now& now) {
  json row = {{"service", backend.service},
              {"address", backend.address.to_string()},
              {"port", backend.port},
              {"weight", backend.weight},
              {"configured_weight", backend.configured_weight},
              {"weight_set_on", or_null(backend.weight_set_on)},
              {"drained_on", or_null(backend.drained_on)},
              {"state", name_of(backend.state)},
              {"why", backend.why},
              {"backup", backend.backup},
              {"in_use", backend.in_use},
              {"for_seconds", to_seconds(now.monotonic - backend.since)},
              {"slow_start", slow_start_document(backend, now)},
              {"active", backend.active},
              {"server", {{"own", backend.server_own}, {"peers", backend.server_peers}}},
              {"total", backend.total},
              {"new_per_second", rate(backend.new_per_second)},
              {"max_connections", backend.max_connections},
              {"picks", backend.picks},
              {"next_hop", backend.next_hop ? next_hop_document(*backend.next_hop) : json()}};
  put_traffic(row, backend.traffic);
  return row;
}

json flow_table_document(const FlowTableView& table) {
  return {{"flows", table.flows}, {"capacity", table.capacity}, {"evicted", table.evicted}};
}

}  // namespace

json services_document(const ServicesView& view) {
  const FlowTablesView& tables = view.tables.value();
  json services = json::array();
  for (const ServiceView& service : view.services) services.push_back(service_document(service));
  return {
      {"services", std::move(services)},
      {"flow_tables",
       {{"ipv4", flow_table_document(tables.ipv4)}, {"ipv6", flow_table_document(tables.ipv6)}}},
      {"counts",
       {{"active_in_table", tables.active_in_table},
        {"active_in_schedulers", tables.active_in_schedulers},
        {"agree", tables.active_in_table == tables.active_in_schedulers}}}};
}

json backends_document(std::span<const BackendView> backends, const Now& now) {
  json rows = json::array();
  for (const BackendView& backend : backends) rows.push_back(backend_document(backend, now));
  return {{"backends", std::move(rows)}};
}

json flow_document(const FlowView& flow) {
  json row = {{"client", flow.client.to_string()}, {"client_port", flow.client_port},
              {"service", flow.service},           {"backend", flow.backend.to_string()},
              {"backend_port", flow.backend_port}, {"state", flow::state_name(flow.state)},
              {"counted", flow.counted},           {"idle_seconds", to_seconds(flow.idle)}};
  if (flow.source_port) row["source_port"] = *flow.source_port;
  return row;
}

json flows_document(std::span<const FlowView> flows, std::uint64_t matched) {
  json rows = json::array();
  for (const FlowView& flow : flows) rows.push_back(flow_document(flow));
  return {{"flows", std::move(rows)}, {"matched", matched}};
}

}  // namespace tandem::observe
