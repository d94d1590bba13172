// SPDX-License-Identifier: Apache-2.0
#include "daemon/node.hpp"

#include <ifaddrs.h>
#include <netinet/in.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <bit>
#include <iterator>
#include <set>

namespace tandem::daemon {
namespace {

std::set<IpAddress> addresses_of_host() {
  std::set<IpAddress> addresses;
  ifaddrs* list = nullptr;
  if (getifaddrs(&list) != 0) return addresses;
  for (const ifaddrs* i = list; i != nullptr; i = i->ifa_next) {
    if (i->ifa_addr == nullptr) continue;
    if (i->ifa_addr->sa_family == AF_INET) {
      const auto* v4 = reinterpret_cast<const sockaddr_in*>(i->ifa_addr);
      const auto bytes = std::bit_cast<std::array<std::uint8_t, 4>>(v4->sin_addr.s_addr);
      addresses.insert(IpAddress::v4(bytes));
    } else if (i->ifa_addr->sa_family == AF_INET6) {
      const auto* v6 = reinterpret_cast<const sockaddr_in6*>(i->ifa_addr);
      addresses.insert(IpAddress::v6(std::span<const std::uint8_t, 16>(v6->sin6_addr.s6_addr)));
    }
  }
  freeifaddrs(list);
  return addresses;
}

void log_notify(const notify::Outcome& outcome) {
  const bool good = outcome.kind == notify::Outcome::Kind::ok;
  spdlog::log(good ? spdlog::level::info : spdlog::level::warn, "{}: notify {}: {}",
              outcome.notice.router, notify::notify_word(outcome.notice.role),
              good ? "ok" : outcome.what);
}

// Flow tables and source ports take their memory at once, and keep it. Only XDP's flow tables are
// maps.
engine::MapSizes map_sizes(const config::Config& config) {
  std::set<IpAddress> sources;
  for (const auto& service : config.services)
    sources.insert(service.sources.begin(), service.sources.end());
  const auto room = std::bit_ceil(std::max<std::size_t>(sources.size(), 1));
  if (config.node.engine != "xdp") return {1, 1, static_cast<std::uint32_t>(room)};
  return {flow::FlowTable4::elements_for(static_cast<std::uint32_t>(config.flows.size)),
          flow::FlowTable6::elements_for(static_cast<std::uint32_t>(config.flows.size_ipv6)),
          static_cast<std::uint32_t>(room)};
}

observe::Event backend_event(const std::string& service, const services::RunningBackend& backend) {
  return observe::CheckEvent{service + "/" + backend.config.address.to_string() + ":" +
                                 std::to_string(backend.config.port),
                             backend.state == balance::State::up, backend.why};
}

vrrp::State state_of(notify::Role role) {
  return role == notify::Role::active   ? vrrp::State::active
         : role == notify::Role::backup ? vrrp::State::backup
                                        : vrrp::State::fault;
}

}  // namespace

Node::Node(boost::asio::io_context& loop, std::string config_file) : loop_(loop), patience_(loop) {
  running_.file = std::move(config_file);
}

Node::~Node() {
  if (program_) take_down();
}

Result<std::unique_ptr<Node>> Node::start(boost::asio::io_context& loop,
                                          const std::string& config_file,
                                          const config::Config& config) {
  std::unique_ptr<Node> node(new Node(loop, config_file));
  if (auto up = node->bring_up(config); !up) return std::unexpected(up.error());
  return node;
}

// In this order, so that at no moment a leftover address is answered for: addresses off, gates
// up, program on, and only then somebody who may grant a lease.
Result<void> Node::bring_up(const config::Config& config) {
  auto links = netlink::Links::open();
  if (!links) return std::unexpected(links.error());
  links_.emplace(std::move(*links));
  auto addresses = netlink::Addresses::open();
  if (!addresses) return std::unexpected(addresses.error());
  addresses_.emplace(std::move(*addresses));
  if (auto listening = control::Server::listen(loop_, config.node.control_socket); !listening)
    return std::unexpected(listening.error());  // before anything of a running daemon is touched
  else
    server_ = std::move(*listening);
  if (const auto& http = config.node.http) {
    auto listening = control::HttpServer::listen(loop_, http->address, http->port);
    if (!listening) return fail("node.http: " + listening.error().message);
    http_ = std::move(*listening);
  }

  auto program =
      engine::SteeringProgram::open(config.node.bpffs, map_sizes(config),
                                    [](const std::string& line) { spdlog::warn("{}", line); });
  if (!program) return std::unexpected(program.error());
  program_ = std::move(*program);
  steering_.emplace(program_->tables());
  if (auto swept = sweep(config); !swept) spdlog::warn("{}", swept.error().message);
  auto clock = program_->read_clock();
  if (!clock) return std::unexpected(clock.error());
  steering_->set_clock(*clock);
  auto plane = dataplane::open_data_plane(config, *program_, *clock);
  if (!plane) return std::unexpected(plane.error());
  plane_ = std::move(*plane);
  auto services = services::Services::open(
      {loop_, *program_, *plane_, *steering_, *links_},
      [this] {
        if (auto again = publish(running_.plan); !again) spdlog::error("{}", again.error().message);
      },
      [this](const std::string& service, const services::RunningBackend& backend) {
        note(backend_event(service, backend));
      });
  if (!services) return std::unexpected(services.error());
  services_ = std::move(*services);
  steering_->clear();  // an earlier run's gates, which may still be up
  auto ring = engine::AdvertRing::open(program_->advert_ring_fd());
  if (!ring) return std::unexpected(ring.error());
  // What came in while no daemon ran says nothing about now.
  while (ring->drain(64, [](const td_advert&) {}) > 0) {
  }
  auto thread = speaker::VrrpThread::start(*steering_, std::move(*ring));
  if (!thread) return std::unexpected(thread.error());
  thread_ = std::move(*thread);
  interfaces_.emplace(*links_, *program_, *plane_, *thread_,
                      [](const std::string& line) { spdlog::warn("{}", line); });
  auto peers = speaker::Peers::open(loop_, *thread_);
  if (!peers) return std::unexpected(peers.error());
  peers_ = std::move(*peers);
  notifier_.emplace(loop_, [this](const notify::Outcome& outcome) {
    log_notify(outcome);
    note(observe::NotifyEvent{outcome.notice.router, state_of(outcome.notice.role),
                              outcome.kind == notify::Outcome::Kind::ok, outcome.what});
  });
  tracking_.emplace(loop_, running_, *thread_, events_);
  handovers_.emplace(loop_, running_, *thread_);

  auto plan = speaker::make_plan(config, running_.numbers);
  if (!plan) return std::unexpected(plan.error());
  if (auto applied = apply(*plan, {}); !applied) return std::unexpected(applied.error());
  if (auto begun = start_sync(config); !begun) return std::unexpected(begun.error());
  open_reports();
  capture_.emplace(Capture::Rooms{loop_, *program_, *plane_, *links_});
  follow();
  serve();
  serve_http();
  report_to_manager();
  const auto& realtime = thread_->realtime();
  if (!realtime.realtime) spdlog::warn("adverts may be late: {}", realtime.scheduler);
  if (!realtime.memory_locked) spdlog::warn("adverts may be late: memory could not be locked");
  return {};
}

void Node::open_reports() {
  services_report_.emplace(ServicesReport::Sources{
      running_, services_->all(), *plane_, program_->tables(),
      [this](int ifindex) { return links_->find(ifindex); },
      [this](const services::RunningBackend& backend) { return services_->last_check(backend); },
      [this] { return sync_ ? std::optional(sync_->view()) : std::nullopt; }});
  report_.emplace(Report::Sources{
      running_, *tracking_, events_, reloads_, *plane_, thread_->realtime(), interfaces_->all(),
      *services_report_, [this] { return interfaces_->troubles(); },
      [this](vrrp::RouterId id) { return peers_->troubles(id); },
      [this] { return addresses_->counters().restored; },
      [this] {
        const auto counted = http_ ? http_->counters() : control::HttpCounters{};
        return observe::HttpView{counted.connections, counted.evicted, counted.requests,
                                 counted.refused};
      },
      [this] { return nginx_ ? std::optional(nginx_->view()) : std::nullopt; }});
}

// An address owner's addresses that are there, and not by our doing, are its own: they stay, now
// and later.
void Node::note_real_addresses(const config::Config& config) {
  std::set<IpAddress> present = addresses_of_host();
  for (const auto& r : running_.plan.routers)
    for (const auto& address : r.settings.addresses) present.erase(address);
  for (const auto& v : config.vrrp)
    if (v.priority == vrrp::kOwnerPriority)
      for (const auto& a : v.addresses)
        if (present.contains(a.prefix.address)) real_.insert(a.prefix.address);
}

// Addresses that an earlier run left behind when it was killed.
Result<void> Node::sweep(const config::Config& config) {
  note_real_addresses(config);
  std::vector<netlink::DeviceAddress> leftovers;
  for (const auto& v : config.vrrp)
    std::ranges::copy(addresses_of(v), std::back_inserter(leftovers));
  return addresses_->sweep(leftovers);
}

// What wakes the control thread.
void Node::follow() {
  watches_.push_back(std::make_unique<ReadWatch>(loop_, thread_->event_fd(), [this] {
    if (!thread_->process([this](const speaker::VrrpEvent& event) { on_vrrp_event(event); }))
      reconcile();
  }));
  links_->on_change([this](int, const std::string&) { links_changed_ = true; });
  watches_.push_back(std::make_unique<ReadWatch>(loop_, links_->fd(), [this] {
    if (auto taken = links_->process(); !taken) spdlog::warn("{}", taken.error().message);
    if (std::exchange(links_changed_, false)) on_links();
  }));
  addresses_due_.emplace(loop_, [this] { keep_addresses(); });
  plane_due_.emplace(loop_, [this] { check_plane(); });
  if (running_.plan.config.node.engine == "dpdk") check_plane();
  watches_.push_back(
      std::make_unique<ReadWatch>(loop_, addresses_->fd(), [this] { keep_addresses(); }));
  addresses_->on_restore([this](const netlink::DeviceAddress& a, const Result<void>& outcome) {
    const std::string what = outcome ? "put back" : outcome.error().message;
    spdlog::warn("{} on {}: {}", a.prefix.to_string(), a.device, what);
    note(observe::AddressEvent{a.device, a.prefix.to_string(), what});
  });
}

void Node::report_to_manager() {
  manager_.emplace(loop_, [this](std::function<void(const std::string&)> answer) {
    with_snapshot(*thread_, running_.plan,
                  [this, answer = std::move(answer)](const speaker::Snapshot& snapshot) {
                    std::vector<std::pair<std::string, vrrp::State>> states;
                    for (const auto& status : snapshot.routers)
                      if (const auto* r = running_.plan.find(status.id))
                        states.emplace_back(r->config.name, status.state);
                    answer(roles_line(states));
                  });
  });
  manager_->ready();
}

// What the forwarder has not heard while it stood still.
void Node::tell_again() {
  if (auto staged = services_->stage(running_.plan.config); !staged)
    spdlog::error("{}", staged.error().message);
  services_->commit(*interfaces_);
}

void Node::check_plane() {
  const MonotonicTime now = MonotonicClock::now();
  plane_->check(now);
  if (const bool works = plane_->works(); works != std::exchange(plane_worked_, works)) {
    on_links();
    if (works) tell_again();
  }
  plane_due_->set(now + dataplane::StallWatch::kInterval);
}

void Node::keep_addresses() {
  addresses_->process(MonotonicClock::now());
  addresses_due_->set(addresses_->next_deadline());
}

}  // namespace tandem::daemon
