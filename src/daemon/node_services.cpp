// SPDX-License-Identifier: Apache-2.0
// The control socket's commands about services.
#include <algorithm>

#include "daemon/check_figures.hpp"
#include "daemon/explanation.hpp"
#include "daemon/node.hpp"
#include "forward/known_flow.hpp"

namespace tandem::daemon {
namespace {

std::string names_of(const std::vector<services::RunningService>& services) {
  std::string names;
  for (const auto& s : services)
    if (s.number != 0) names += (names.empty() ? "" : ", ") + s.config.name;
  return names.empty() ? "none has backends" : "there are " + names;
}

std::unexpected<Error> no_service(const std::string& name,
                                  const std::vector<services::RunningService>& services) {
  return fail("there is no service '" + name + "' with backends; " + names_of(services));
}

bool is_meant(const services::RunningBackend& backend,
              const std::optional<control::Endpoint>& endpoint) {
  return !endpoint || (backend.config.address == endpoint->address &&
                       (!endpoint->port || *endpoint->port == backend.config.port));
}

observe::BackendView view(const services::RunningService& service,
                          const services::RunningBackend& b, const dataplane::DataPlane& plane,
                          const netlink::Links& links) {
  const forward::Forwarder& forwarder = plane.forwarder();
  observe::BackendView v;
  v.service = service.config.name;
  v.address = b.config.address;
  v.port = b.config.port;
  v.weight = b.weight;
  v.configured_weight = b.config.weight;
  v.state = b.state;
  v.why = b.why;
  v.since = b.since;
  v.slow_start = service.config.slow_start;
  v.active = forwarder.counts().active(b.slot);
  v.total = forwarder.counts().total(b.slot);
  v.new_per_second = b.new_per_second;
  v.max_connections = b.config.max_connections;
  const services::BackendTotals totals = services::totals_of(b.slot, plane);
  v.picks = totals.picks - b.before.picks;
  v.traffic = {totals.traffic.in_packets - b.before.traffic.in_packets,
               totals.traffic.in_bytes - b.before.traffic.in_bytes,
               totals.traffic.out_packets - b.before.traffic.out_packets,
               totals.traffic.out_bytes - b.before.traffic.out_bytes};
  if (b.next_hop) {
    const auto link = links.find(b.next_hop->ifindex);
    v.next_hop = observe::NextHop{link ? link->name : "?", b.next_hop->mac};
  }
  return v;
}

constexpr const char* kStandsStill = "a worker stands still: `tandemctl status` tells which";

std::string note_of(const observe::ServiceView& v, const forward::ServiceCounts& counts) {
  std::string note;
  const auto add = [&](const std::string& text) { note += (note.empty() ? "" : "; ") + text; };
  if (v.backends_up == 0) add("no backend is up: new connections find nobody");
  if (counts.full > 0)
    add("the flow table was full for " + std::to_string(counts.full) + " new flows");
  if (counts.exhausted > 0)
    add("no source port was left for " + std::to_string(counts.exhausted) + " new flows");
  return note;
}

void sum_up(observe::ServiceView& v, const observe::BackendView& b) {
  if (b.state == balance::State::up) v.backends_up++;
  if (b.state == balance::State::draining) v.backends_draining++;
  if (b.state == balance::State::down) v.backends_down++;
  v.flows_active += b.active;
  v.flows_total += b.total;
  v.new_per_second += b.new_per_second;
  v.traffic.packets_in += b.traffic.packets_in;
  v.traffic.bytes_in += b.traffic.bytes_in;
  v.traffic.packets_out += b.traffic.packets_out;
  v.traffic.bytes_out += b.traffic.bytes_out;
}

}  // namespace

void Node::serve_services() {
  const auto on = [this]<class Request>(const char* command,
                                        control::Answer (Node::*answer)(const Request&)) {
    server_->on(command, [this, answer](const nlohmann::json& arguments) -> control::Answer {
      const auto request = Request::from_json(arguments);
      if (!request) return std::unexpected(request.error());
      return (this->*answer)(*request);
    });
  };
  on("services", &Node::list_services);
  on("backends", &Node::list_backends);
  on("flows", &Node::list_flows);
  on("drain", &Node::drain);
  on("undrain", &Node::undrain);
  on("weight", &Node::set_weight);
  on("explain", &Node::explain);
  server_->on_async("capture", [this](const nlohmann::json& arguments, control::Completion done) {
    const auto request = control::CaptureRequest::from_json(arguments);
    if (!request) return done(std::unexpected(request.error()));
    capture_->start(*request, std::move(done));
  });
  server_->on("capture-end", [this](const nlohmann::json&) -> control::Answer {
    capture_->end();
    return nlohmann::json::object();
  });
}

// Whether the virtual router whose address it is holds the lease.
bool Node::has_lease(const IpAddress& address) const {
  const auto now = to_ns(MonotonicClock::now());
  for (const auto& r : plan_.routers)
    for (const auto& a : r.config.addresses)
      if (a.prefix.address == address) return now < program_->tables().vrouter[r.id].lease_ns;
  return false;
}

observe::ServicesView Node::services_view(const std::optional<std::string>& name) {
  const auto& forwarder = plane_->forwarder();
  observe::ServicesView document;
  for (const auto& s : services_->all()) {
    if (name && s.config.name != *name) continue;
    observe::ServiceView v;
    v.name = s.config.name;
    v.address = s.config.address;
    v.protocol = s.config.protocol;
    v.port = s.config.port;
    v.forward = s.config.forward;
    v.scheduler = s.config.scheduler;
    v.lease = has_lease(s.config.address);
    for (const auto& b : s.backends) sum_up(v, view(s, b, *plane_, *links_));
    if (s.number != 0) {
      const auto& counts = forwarder.of_service(s.number);
      v.picks = counts.picks;
      v.hash_picks = counts.joined;
      v.refused = counts.refused + counts.exhausted;
      v.no_source_port = counts.exhausted;
      v.table_full = counts.full;
      v.note = note_of(v, counts);
    }
    document.services.push_back(std::move(v));
  }
  observe::FlowTablesView tables;
  if (plane_->call([&](forward::Forwarder& f, MonotonicTime) {
        const auto sums = f.sums();
        tables.active_in_table = sums.in_table;
        tables.active_in_schedulers = sums.in_schedulers;
        tables.ipv4 = {f.flows4().flows(), f.flows4().capacity(), f.flows4().evictions()};
        tables.ipv6 = {f.flows6().flows(), f.flows6().capacity(), f.flows6().evictions()};
      }))
    document.tables = tables;
  return document;
}

control::Answer Node::list_services(const control::ServicesRequest& request) {
  const auto document = services_view(request.name);
  if (request.name && document.services.empty())
    return fail("there is no service '" + *request.name + "'");
  if (!document.tables) return fail(kStandsStill);
  return services_document(document);
}

std::vector<observe::BackendView> Node::backend_views(
    const std::optional<std::string>& service,
    const std::optional<control::Endpoint>& backend) const {
  std::vector<observe::BackendView> views;
  for (const auto& s : services_->all()) {
    if (s.number == 0 || (service && s.config.name != *service)) continue;
    for (const auto& b : s.backends) {
      if (!is_meant(b, backend)) continue;
      views.push_back(view(s, b, *plane_, *links_));
      if (const auto check = services_->last_check(b)) views.back().check = figures_of(*check);
    }
  }
  return views;
}

control::Answer Node::backends_of(const std::optional<std::string>& service,
                                  const std::optional<control::Endpoint>& backend) const {
  const auto known = [&](const services::RunningService& s) {
    return s.number != 0 && s.config.name == *service;
  };
  if (service && std::ranges::none_of(services_->all(), known))
    return no_service(*service, services_->all());
  const auto views = backend_views(service, backend);
  if (backend && views.empty())
    return fail("service '" + *service + "' has no backend " + backend->to_string());
  return backends_document(views, observe::Now::read());
}

control::Answer Node::list_backends(const control::BackendsRequest& request) {
  return backends_of(request.service, std::nullopt);
}

control::Answer Node::set_drained(const control::DrainRequest& request, bool drained) {
  auto answer = backends_of(request.service, request.backend);
  if (!answer) return answer;
  const auto* endpoint = request.backend ? &*request.backend : nullptr;
  services_->drain(request.service, endpoint != nullptr ? &endpoint->address : nullptr,
                   endpoint != nullptr ? endpoint->port.value_or(0) : 0, drained);
  return backends_of(request.service, request.backend);
}

control::Answer Node::drain(const control::DrainRequest& request) {
  return set_drained(request, true);
}

control::Answer Node::undrain(const control::DrainRequest& request) {
  return set_drained(request, false);
}

control::Answer Node::set_weight(const control::WeightRequest& request) {
  auto answer = backends_of(request.service, request.backend);
  if (!answer) return answer;
  services_->set_weight(request.service, request.backend.address, request.backend.port.value_or(0),
                        request.weight);
  return backends_of(request.service, request.backend);
}

control::Answer Node::list_flows(const control::FlowsRequest& request) {
  struct Place {
    const services::RunningService* service;
    const services::RunningBackend* backend;
  };
  std::map<std::uint16_t, Place> places;  // by slot, of the backends that are asked for
  bool known = !request.service;
  for (const auto& s : services_->all()) {
    if (s.number == 0 || (request.service && s.config.name != *request.service)) continue;
    known = true;
    for (const auto& b : s.backends)
      if (is_meant(b, request.backend)) places[b.slot] = {&s, &b};
  }
  if (!known) return no_service(*request.service, services_->all());

  const auto& data = *plane_;
  const auto now = data.tick(MonotonicClock::now());
  std::vector<observe::FlowView> views;
  std::uint64_t matched = 0;
  const auto take = [&](const auto& in_table) {
    const auto place = places.find(in_table.backend);
    if (place == places.end() || (request.state && in_table.state != *request.state)) return;
    const auto flow = forward::known(in_table);
    if (request.client && flow.name.client != *request.client) return;
    if (matched++ >= request.limit || request.count_only) return;
    const auto& [service, backend] = place->second;
    views.push_back(view_of(flow, *service, *backend, data.idle(flow.stamp, now)));
  };
  data.forwarder().flows4().for_each(take);
  data.forwarder().flows6().for_each(take);
  return flows_document(views, matched);
}

control::Answer Node::explain(const control::ExplainRequest& request) {
  forward::Question question;
  question.source = request.source;
  question.destination = request.destination;
  question.source_port = request.source_port.value_or(kAnyClientPort);
  question.port = request.port;
  question.udp = request.protocol == config::Protocol::udp;
  forward::Rehearsed rehearsed{};
  if (!plane_->call([&](forward::Forwarder& f, MonotonicTime now) {
        rehearsed = forward::rehearse(f, question, now, plane_->jiffies(now));
      }))
    return fail(kStandsStill);
  return explain_document(Explanation({plan_, *services_, *program_, *links_})
                              .view(question, rehearsed, MonotonicClock::now()));
}

}  // namespace tandem::daemon
