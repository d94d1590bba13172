// SPDX-License-Identifier: Apache-2.0
#include "daemon/explanation.hpp"

#include <algorithm>

#include "base/endpoint_text.hpp"
#include "flow/state_names.hpp"

namespace tandem::daemon {
namespace {

MacAddress mac_at(const std::uint8_t* bytes) {
  MacAddress mac;
  std::copy_n(bytes, mac.bytes.size(), mac.bytes.begin());
  return mac;
}

// What the packet core finds in a frame, in the words of people.
struct Seen {
  explicit Seen(std::vector<std::uint8_t> bytes) : frame(std::move(bytes)) {
    td_parse(&p, frame.data(), frame.data() + frame.size(), TD_FULL);
  }
  [[nodiscard]] bool is_ip() const { return p.shape == TD_SHAPE_IP; }
  [[nodiscard]] IpAddress address(const std::uint8_t* at) const {
    return p.family == 4 ? IpAddress::v4(std::span<const std::uint8_t, 4>(at, 4))
                         : IpAddress::v6(std::span<const std::uint8_t, 16>(at, 16));
  }
  [[nodiscard]] std::string source() const {
    return text(address(td_ip_source(&p)), p.source_port);
  }
  [[nodiscard]] std::string destination() const {
    return text(address(td_ip_destination(&p)), p.destination_port);
  }
  [[nodiscard]] std::string text(const IpAddress& a, std::uint32_t port) const {
    return p.has_ports ? endpoint_text(a, static_cast<std::uint16_t>(port)) : a.to_string();
  }
  [[nodiscard]] std::vector<std::uint16_t> tags() const {
    std::vector<std::uint16_t> ids;
    for (const auto id : p.vlan)
      if (id != 0) ids.push_back(id);
    return ids;
  }

  std::vector<std::uint8_t> frame;
  td_packet p{};
};

}  // namespace

observe::FlowView view_of(const forward::KnownFlow& flow, const services::RunningService& service,
                          const services::RunningBackend& backend, Duration idle) {
  observe::FlowView v;
  v.client = flow.name.client;
  v.client_port = flow.name.port;
  v.service = service.config.name;
  v.backend = backend.config.address;
  v.backend_port = backend.config.port;
  v.state = flow.state;
  v.counted = flow.counted;
  v.idle = idle;
  if (service.config.forward == config::Forward::fullnat) v.source_port = flow.extra;
  return v;
}

void Explanation::step(const char* what, std::string result, bool good) {
  view_.steps.push_back({what, std::move(result), good});
}

observe::ExplainView Explanation::view(const forward::Question& q, const forward::Rehearsed& r,
                                       MonotonicTime now) {
  view_ = {};
  view_.reason = r.reason;
  view_.verdict = td_is_tx(r.reason)     ? observe::Verdict::forward
                  : td_is_pass(r.reason) ? observe::Verdict::pass
                                         : observe::Verdict::drop;
  if (r.match.vip != TD_NONE)
    tell_address(q, r, now);
  else if (r.flow)
    step("reply", "comes from a backend's address and port");
  else
    step("virtual address", q.destination.to_string() + " is none of this node");
  if (r.match.about == TD_ABOUT_BACKENDS || r.flow) tell_flow(r, now);
  if (td_is_tx(r.reason)) tell_rewrite(r);
  if (r.reason == TD_PUNT_MISS && service_ != nullptr)  // what the data thread would do with it
    view_.reason = service_->config.unavailable == config::Unavailable::reject ? TD_TX_REFUSED
                                                                               : TD_DROP_NO_BACKEND;
  if (view_.verdict == observe::Verdict::pass) step("kernel", "takes it from here");
  return view_;
}

void Explanation::tell_address(const forward::Question& q, const forward::Rehearsed& r,
                               MonotonicTime now) {
  for (const auto& router : deps_.plan.routers)
    if (router.config.has(q.destination)) view_.virtual_router = router.config.name;
  step("virtual address", q.destination.to_string() + " of " + view_.virtual_router);
  const std::uint64_t lease = deps_.tables.vrouter[r.match.vrouter].lease_ns;
  view_.lease = observe::LeaseView{};
  if (lease > to_ns(now)) {
    view_.lease = observe::LeaseView{true, from_ns(lease) - now};
    step("lease", "this node is Active");
  } else {
    step("lease", "this node is not Active: it has no live lease of the address", false);
  }
  tell_service(q, r);
}

void Explanation::tell_service(const forward::Question& q, const forward::Rehearsed& r) {
  const auto protocol = q.udp ? config::Protocol::udp : config::Protocol::tcp;
  const std::string what = "port " + std::to_string(q.port) + (q.udp ? "/udp" : "/tcp");
  for (const auto& service : deps_.services)
    if (service.config.address == q.destination && service.config.port == q.port &&
        service.config.protocol == protocol)
      service_ = &service;
  if (r.match.about == TD_ABOUT_ADDRESS || service_ == nullptr)
    return step("service", "none on " + what, td_is_pass(r.reason) != 0);
  view_.service = service_->config.name;
  step("service", service_->config.name + ", " + what);
}

void Explanation::tell_flow(const forward::Rehearsed& r, MonotonicTime now) {
  const auto slot = r.flow ? std::optional(r.flow->backend) : r.pick;
  for (const auto& service : deps_.services)
    for (const auto& backend : service.backends)
      if (slot && backend.slot == *slot) {
        service_ = &service;
        backend_ = &backend;
      }
  if (service_ == nullptr) return;
  view_.service = service_->config.name;
  const auto& data = deps_.plane;
  if (r.flow && backend_ != nullptr) {
    view_.flow = view_of(*r.flow, *service_, *backend_, data.idle(r.flow->stamp, data.tick(now)));
    step("flow", std::string("there, ") + flow::state_name(r.flow->state));
  } else {
    step("flow", r.held ? "none yet: it goes where its client was before (affinity)"
                        : "none yet: it goes to the scheduler");
  }
  if (backend_ == nullptr) return tell_nobody();
  const auto by = r.flow   ? observe::PickedBy::flow
                  : r.held ? observe::PickedBy::affinity
                           : observe::PickedBy::scheduler;
  view_.pick = observe::PickView{backend_->config.address, backend_->config.port, by};
  step("backend", endpoint_text(backend_->config.address, backend_->config.port) + ", " +
                      std::string(r.flow ? "as its flow has it" : "if it came now"));
}

// Why each of them is not eligible.
void Explanation::tell_nobody() {
  if (service_->backends.empty()) step("backend", "the service has none", false);
  for (const auto& b : service_->backends) {
    std::string why = b.why;
    if (b.state == balance::State::up && b.weight > 0)
      why = "has all the connections that it may have";
    step("backend", endpoint_text(b.config.address, b.config.port) + ": " + why, false);
  }
}

void Explanation::tell_rewrite(const forward::Rehearsed& r) {
  const Seen before(r.before);
  const Seen after(r.after);
  const auto say = [&](const std::string& text) { view_.rewrite.push_back(text); };
  if (!before.is_ip() || !after.is_ip()) return;
  const bool tunnel = after.p.protocol == TD_PROTO_IPIP || after.p.protocol == TD_PROTO_IPV6;
  if (tunnel) {
    say("into a tunnel from " + after.source() + " to " + after.destination());
  } else {
    if (before.source() != after.source())
      say("source " + before.source() + " becomes " +
          (after.p.source_port != 0 ? after.source()
                                    : after.address(td_ip_source(&after.p)).to_string() +
                                          " and a port that is free then"));
    if (before.destination() != after.destination())
      say("destination " + before.destination() + " becomes " + after.destination());
  }
  const std::uint32_t ifindex = r.outcome.ifindex != 0 ? r.outcome.ifindex
                                : r.match.vrouter != TD_NONE
                                    ? deps_.tables.vrouter[r.match.vrouter].ifindex
                                    : 0;
  const auto link = deps_.link(static_cast<int>(ifindex));
  say(std::string("MAC addresses") + (before.tags() != after.tags() ? " and VLAN tags" : ""));
  observe::EgressView egress;
  egress.device = link ? link->name : "the device that it came in on";
  egress.destination_mac = mac_at(after.frame.data());
  egress.source_mac = mac_at(after.frame.data() + 6);
  egress.vlan = after.tags();
  egress.mtu = link ? link->mtu : 0;
  view_.egress = egress;
}

}  // namespace tandem::daemon
