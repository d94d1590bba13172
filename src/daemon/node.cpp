// SPDX-License-Identifier: Apache-2.0
#include "daemon/node.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <filesystem>
#include <iterator>
#include <set>
#include <utility>

#include "daemon/log.hpp"
#include "daemon/reload_parts.hpp"
#include "daemon/system_check.hpp"
#include "sync/key.hpp"

namespace tandem::daemon {
namespace {

// A lease ends by itself within this, unless the advert interval is very long.
constexpr auto kResignPatience = std::chrono::seconds(5);
constexpr auto kSyncPatience = std::chrono::seconds(5);  // it goes round each 0.1 s
constexpr auto kNotifyPatience = std::chrono::seconds(10);
constexpr auto kAnswersWait = std::chrono::seconds(30);  // for the next start, an upgrade's too

observe::Event backend_event(const std::string& service, const services::RunningBackend& backend) {
  return observe::CheckEvent{service + "/" + backend.config.address.to_string() + ":" +
                                 std::to_string(backend.config.port),
                             backend.state == balance::State::up, backend.why};
}

// What a peer may have on any of its interfaces: never this node's own.
std::set<IpAddress> virtual_addresses(const speaker::Plan& plan, const std::set<IpAddress>& real) {
  std::set<IpAddress> addresses;
  for (const auto& r : plan.routers)
    for (const auto& a : r.config.addresses)
      if (!real.contains(a.prefix.address)) addresses.insert(a.prefix.address);
  return addresses;
}

// Whether there are flows whose backends answer through this node.
bool carries_answers(const forward::Forwarder& forwarder) {
  const td_env& env = forwarder.env();
  for (std::uint16_t slot = 1; slot < TD_MAX_BACKENDS; slot++) {
    if (forwarder.counts().total(slot) == 0) continue;
    const auto mode = env.tables->service[env.backends[slot].service % TD_MAX_SERVICES].mode;
    if (mode == TD_MODE_NAT || mode == TD_MODE_FULLNAT) return true;
  }
  return false;
}

// As the other node knows them.
std::vector<sync::RoleExchange::Router> named_routers(const speaker::Plan& plan) {
  std::vector<sync::RoleExchange::Router> routers;
  for (const auto& r : plan.routers)
    routers.push_back({r.id, r.settings.vrid, std::ranges::min(r.settings.addresses),
                       r.settings.advert_interval});
  return routers;
}

void log_trouble(const Result<void>& done) {
  if (!done) spdlog::error("{}", done.error().message);
}

}  // namespace

// ---- The start

Node::Node(boost::asio::io_context& loop, std::string config_file) : loop_(loop), patience_(loop) {
  running_.file = std::move(config_file);
}

Node::~Node() {
  if (gates_) take_down();
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
  // Before anything of a daemon that runs already is touched.
  auto server =
      control::Server::listen(loop_, config.node.control_socket, config.node.socket_group);
  if (!server) return std::unexpected(server.error());
  std::unique_ptr<control::HttpServer> http;
  if (const auto& at = config.node.http) {
    auto listening = control::HttpServer::listen(loop_, at->address, at->port);
    if (!listening) return fail("node.http: " + listening.error().message);
    http = std::move(*listening);
  }
  transitions_.emplace(
      loop_, events_,
      std::filesystem::path(config.node.control_socket).parent_path() / "transitions.json");
  if (auto opened = open_kernel(config); !opened) return opened;
  if (auto started = start_threads(config); !started) return started;
  tracking_.emplace(loop_, running_, speaker_->thread(), events_);
  vrrp_events_.emplace(loop_, running_, *tracking_, speaker_->interfaces().all(), events_,
                       vrrp_effects());
  reload_.emplace(
      running_,
      [this](const config::Config& wanted) { return check_system(wanted, links_->links()); },
      reload_parts());
  memory_.emplace(std::filesystem::path(config.node.control_socket).parent_path() /
                  "operator.json");
  services_->restore(memory_->wishes().backends);
  changed_backends_.emplace(
      running_, [this](const config::Config& wanted) { return reload_->install(wanted); });
  if (auto applied =
          reload_->start(changed_backends_->restore(config), memory_->wishes().handed_over);
      !applied)
    return applied;
  if (auto begun = start_sync(config); !begun) return begun;
  if (sync_) keep_sockets();
  make_report();
  gate_moves();
  capture_.emplace(Capture::Deps{loop_, gates_->program(), *plane_, links_->links()});
  follow();
  serve(std::move(*server), std::move(http));
  report_to_systemd();
  const auto& realtime = speaker_->thread().realtime();
  if (!realtime.realtime) spdlog::warn("adverts may be late: {}", realtime.scheduler);
  if (!realtime.memory_locked) spdlog::warn("adverts may be late: memory could not be locked");
  return {};
}

VrrpEvents::Effects Node::vrrp_effects() {
  return {
      [this](const speaker::PlannedRouter& router) {
        addresses_->install(router);
        if (kept_sockets_) kept_sockets_->installed(router);
        if (sync_gate_) sync_gate_->arrived(router.id);
        speaker_->thread().post([id = router.id](speaker::VrrpDriver& driver, MonotonicTime now) {
          driver.on_installed(id, now);
        });
      },
      [this](const speaker::PlannedRouter& router) {
        kept_sockets_ ? kept_sockets_->remove(router, MonotonicClock::now())
                      : addresses_->remove(router);
      },
      [this] {
        if (systemd_) systemd_->changed();
        memory_->changed();
        transitions_->changed();
      },
      // Not from here: it ends the VRRP thread, whose event this is.
      [this] { boost::asio::post(loop_, [this] { on_idle(); }); },
      [this](MonotonicTime until, Duration stall) {
        return std::string(sentence(speaker_->stall_causes().find(until, stall)));
      }};
}

Result<void> Node::open_kernel(const config::Config& config) {
  auto links = LinkWatch::open();
  if (!links) return std::unexpected(links.error());
  links_ = std::move(*links);
  auto addresses = VirtualAddresses::open(loop_, config, events_);
  if (!addresses) return std::unexpected(addresses.error());
  addresses_ = std::move(*addresses);
  auto gates = Gates::open(config);
  if (!gates) return std::unexpected(gates.error());
  gates_ = std::move(*gates);
  addresses_->note_real(config, running_.plan);
  if (config.sync) kept_by_earlier_ = gates_->steering().kept_sockets(MonotonicClock::now());
  std::set<IpAddress> kept;
  for (const auto& [address, until] : kept_by_earlier_) kept.insert(address);
  if (auto swept = addresses_->sweep(config, kept); !swept)
    spdlog::warn("{}", swept.error().message);
  return {};
}

Result<void> Node::start_threads(const config::Config& config) {
  auto plane = dataplane::open_data_plane(config, gates_->program(), gates_->clock());
  if (!plane) return std::unexpected(plane.error());
  plane_ = std::move(*plane);
  auto services = services::Services::open(
      {loop_, gates_->program(), *plane_, gates_->steering(), links_->links()},
      [this] { log_trouble(publish(running_.plan)); },
      [this](const std::string& service, const services::RunningBackend& backend) {
        events_.add(backend_event(service, backend));
      },
      [this](const services::RunningService& service, const std::string& why) {
        tracking_->look_at_services(services_->all());
        vrrp_events_->on_quorum(service.config, service.up, why);
      },
      [this] { tracking_->look_at_forwarding(plane_->unserved()); });
  if (!services) return std::unexpected(services.error());
  services_ = std::move(*services);
  gates_->steering().close_all();  // an earlier run's, which may still be up
  auto speaker = speaker::Speaker::start(loop_, links_->links(), gates_->program(),
                                         gates_->steering(), *plane_);
  if (!speaker) return std::unexpected(speaker.error());
  speaker_ = std::move(*speaker);
  return {};
}

Result<void> Node::start_sync(const config::Config& config) {
  if (!config.sync || plane_->replication() == nullptr) return {};
  const auto key = sync::read_key(config.sync->key_file);
  if (!key) return std::unexpected(key.error());
  auto link = sync::Link::start(
      {config.node.name, config.sync->listen, config.sync->peer, *key, &speaker_->thread().roles(),
       [this] { speaker_->thread().wake_for_roles(); }},
      plane_->forwarder(), *plane_->replication(), [this] { plane_->wake_for_changes(); },
      [](const std::string& line) { spdlog::info("{}", line); });
  if (!link) return std::unexpected(link.error());
  sync_ = std::move(*link);
  sync_->set_routers(named_routers(running_.plan));
  share_wishes();
  return {};
}

// The operator's drains and weights, both ways.
void Node::share_wishes() {
  if (!sync_) return;
  sync_->share(services_->wishes());
  sync_->follow([this](std::vector<sync::BackendWish> wishes) {
    boost::asio::post(loop_, [this, wishes = std::move(wishes)] {
      if (services_ && services_->merge(wishes)) memory_->changed();
    });
  });
}

// What the operator has set is kept, and told to the other node.
void Node::on_wishes() {
  memory_->changed();
  if (sync_) sync_->share(services_->wishes());
}

void Node::keep_sockets() {
  socket_counter_.emplace(loop_);
  kept_sockets_.emplace(KeptSockets::Deps{
      loop_, running_, gates_->steering(), speaker_->thread(),
      [this](const speaker::PlannedRouter& router) -> std::optional<MacAddress> {
        const auto* interface = speaker_->interfaces().find(router.config.interface);
        if (interface == nullptr || !interface->present) return std::nullopt;
        return interface->mac;
      },
      [this](const speaker::PlannedRouter& router) { addresses_->remove(router); },
      [this](const std::set<netlink::TcpEnd>& ends, KeptSockets::Counted done) {
        socket_counter_->count(ends, std::move(done));
      },
      [this] { return sync_->view(); },
      [this](const sync::LocalSockets& sockets) { sync_->tell(sockets); },
      [this](const std::string& line) {
        spdlog::info("{}", line);
        events_.add(observe::NoticeEvent{line});
      }});
  go_on_with_sockets();
}

// What an earlier process left to the kernel. Addresses that are not of such a router any more go.
void Node::go_on_with_sockets() {
  if (kept_by_earlier_.empty()) return;
  const auto now = MonotonicClock::now();
  for (const auto& router : running_.plan.routers) {
    MonotonicTime until{};
    for (const auto& end : router.own_tcp)
      if (const auto kept = kept_by_earlier_.find(end.address); kept != kept_by_earlier_.end())
        until = std::max(until, kept->second);
    if (until <= now) continue;
    addresses_->install(router);
    kept_sockets_->resume(router, until, now);
  }
  kept_by_earlier_.clear();
  addresses_->remove_all();
}

// Planned moves wait for the flows, both ways, and preemption for the backends.
void Node::gate_moves() {
  backends_gate_.emplace(
      loop_, running_, services_->all(),
      [this](const services::RunningBackend& backend) { return services_->last_check(backend); },
      speaker_->thread());
  const auto look = [this] { return report_->services().sync(); };
  if (sync_)
    sync_gate_.emplace(loop_, running_, speaker_->thread(), [this, look] {
      observe::SyncView sync = *look();
      sync.sockets_known = kept_sockets_->knows_peer();
      return sync;
    });
  handovers_.emplace(loop_, running_, speaker_->thread(),
                     Handovers::Gate{[look](const speaker::PlannedRouter& router) {
                                       const auto sync = look();
                                       return sync ? SyncGate::missing_there(router, *sync) : "";
                                     },
                                     [this](vrrp::RouterId router) {
                                       if (sync_gate_) sync_gate_->force(router);
                                     }});
}

// What wakes the control thread.
void Node::follow() {
  memory_->follow(loop_, [this](std::function<void(const OperatorWishes&)> answer) {
    with_snapshot(speaker_->thread(), running_.plan,
                  [this, answer = std::move(answer)](const speaker::Snapshot& snapshot) {
                    if (phase_ != Phase::running) return;
                    OperatorWishes wishes{services_->operator_changes(), {}};
                    for (const auto& status : snapshot.routers)
                      if (const auto* r = running_.plan.find(status.id); r && status.handed_over)
                        wishes.handed_over.insert(r->config.name);
                    answer(wishes);
                  });
  });
  speaker_->follow(running_.plan,
                   [this](const speaker::VrrpEvent& event) { vrrp_events_->on(event); });
  links_->follow(loop_, [this] { on_links(); });
  speaker_->watch_programs(running_.plan, [this] { on_links(); });
  plane_watch_.emplace(loop_, *plane_, [this](bool admits) { on_plane(admits); });
}

void Node::serve(std::unique_ptr<control::Server> server,
                 std::unique_ptr<control::HttpServer> http) {
  commands_.emplace(
      std::move(server),
      Commands::Deps{
          running_, *report_, events_, *handovers_, speaker_->thread(),
          [this](const std::string& file) { return reload(file); },
          [this](const std::string& service, const std::optional<control::Endpoint>& backend,
                 bool drained) {
            services_->drain(service, backend, drained);
            on_wishes();
          },
          [this](const std::string& service, const control::Endpoint& backend,
                 std::uint16_t weight) {
            services_->set_weight(service, backend, weight);
            on_wishes();
          },
          [this](const control::BackendRequest& request) { return change_backend(request); },
          [this](const control::CaptureRequest& request, control::Completion done) {
            capture_->start(request, std::move(done));
          },
          [this] { capture_->end(); }});
  if (http) documents_.emplace(std::move(http), running_, *report_, speaker_->thread());
}

void Node::make_report() {
  report_.emplace(
      Report::Sources{
          running_, *tracking_, events_, reload_->counted(), *plane_, speaker_->thread().realtime(),
          speaker_->stall_causes().found(), speaker_->interfaces().all(),
          [this] { return speaker_->interfaces().troubles(); }, [this] { return part_troubles(); },
          [this](vrrp::RouterId id) { return speaker_->peers().troubles(id); },
          [this](vrrp::RouterId id) {
            return kept_sockets_ ? kept_sockets_->view(id, MonotonicClock::now())
                                 : observe::SocketsView{};
          },
          [this] { return addresses_->restored(); },
          [this] { return documents_ ? documents_->view() : observe::HttpView{}; },
          [this] { return nginx_ ? std::optional(nginx_->view()) : std::nullopt; }},
      ServicesReport::Sources{
          running_, services_->all(), *plane_, gates_->program().tables(),
          [this](int ifindex) { return links_->links().find(ifindex); },
          [this](const services::RunningBackend& backend) {
            return services_->last_check(backend);
          },
          [this] { return sync_ ? std::optional(sync_->view()) : std::nullopt; }});
}

std::vector<std::string> Node::part_troubles() const {
  std::vector<std::string> sentences = services_->troubles();
  std::ranges::move(addresses_->troubles(MonotonicClock::now()), std::back_inserter(sentences));
  std::ranges::move(vrrp_events_->troubles(), std::back_inserter(sentences));
  if (kept_sockets_) std::ranges::move(kept_sockets_->troubles(), std::back_inserter(sentences));
  return sentences;
}

void Node::report_to_systemd() {
  systemd_.emplace(
      loop_,
      [this](std::function<void(const std::string&)> answer) {
        with_snapshot(speaker_->thread(), running_.plan,
                      [this, answer = std::move(answer)](const speaker::Snapshot& snapshot) {
                        std::vector<std::pair<std::string, vrrp::State>> states;
                        for (const auto& status : snapshot.routers)
                          if (const auto* r = running_.plan.find(status.id))
                            states.emplace_back(r->config.name, status.state);
                        answer(roles_line(states));
                      });
      },
      [this, rounds = std::uint64_t{0}]() mutable -> std::string {
        if (!plane_->can_forward()) return "a worker";
        if (std::exchange(rounds, plane_->rounds()) == plane_->rounds()) return "the data thread";
        const bool syncs = !sync_ || MonotonicClock::now() - sync_->view().at < kSyncPatience;
        return syncs ? "" : "the sync thread";
      });
  systemd_->ready();
}

// ---- Reload

void Node::reload() {
  if (auto done = reload(running_.file); !done) spdlog::error("reload: {}", done.error().message);
}

control::Answer Node::reload(const std::string& file) {
  if (phase_ != Phase::running) return fail("tandemd is stopping");
  systemd_->reloading();
  links_->process();
  auto outcome = reload_->reload(file);
  if (outcome) {
    spdlog::info("reloaded {}: {}", file, outcome->dump());
    events_.add(observe::NoticeEvent{"reloaded " + file});
  }
  systemd_->ready();
  systemd_->changed();
  return outcome;
}

Result<void> Node::change_backend(const control::BackendRequest& request) {
  if (phase_ != Phase::running) return fail("tandemd is stopping");
  links_->process();
  auto changed = changed_backends_->change(request);
  if (!changed) return changed;
  const std::string text = "service " + request.service + ": backend " +
                           request.backend.to_string() + ": " + request.action + " by the operator";
  spdlog::info("{}", text);
  events_.add(observe::NoticeEvent{text});
  return {};
}

// In this order, both those that stage and those that commit.
std::vector<ReloadPart> Node::reload_parts() {
  auto& interfaces = speaker_->interfaces();
  const ReloadPart forwarding{
      .commit = [this](const Change&) { tracking_->look_at_forwarding(plane_->unserved()); }};
  const ReloadPart gates{.stage = [this](const Change& change) { return publish(change.to); }};
  const ReloadPart checks{.commit = [this](const Change&) { tracking_->apply(); }};
  const ReloadPart log{
      .commit = [](const Change& change) { set_log_level(change.to.config.node.log_level); }};
  const ReloadPart nginx{.commit = [this](const Change& change) {
    const auto& wanted = change.to.config.nginx;
    if (nginx_ && wanted && nginx_->config() == *wanted) return;
    nginx_ = wanted ? std::make_unique<NginxWatch>(loop_, *wanted) : nullptr;
  }};
  const ReloadPart links{.commit = [this](const Change&) {
    on_links();
    if (sync_) sync_->set_routers(named_routers(running_.plan));
    if (sync_) sync_->share(services_->wishes());
    if (sync_gate_) sync_gate_->tell_anew();
    if (backends_gate_) backends_gate_->tell_anew();
  }};
  return {addresses_part(*addresses_, interfaces),
          departures_part(*addresses_, *speaker_),
          interfaces_part(interfaces, running_.numbers),
          services_part(*services_, interfaces),
          forwarding,
          gates,
          routers_part(*speaker_),
          checks,
          log,
          nginx,
          links};
}

Result<void> Node::publish(const speaker::Plan& plan) {
  if (auto published = gates_->steering().publish(steered_routers(plan, speaker_->interfaces()),
                                                  services_->steered(), services_->replies(),
                                                  speaker_->interfaces().host());
      !published)
    return published;
  links_->links().set_virtual_addresses(virtual_addresses(plan, addresses_->real()));
  return {};
}

// ---- Who hears of whom

void Node::on_links() {
  if (backends_gate_) backends_gate_->on_links(links_->links());
  if (speaker_->interfaces().refresh(running_.plan.routers)) log_trouble(publish(running_.plan));
  services_->follow(speaker_->interfaces());
  tracking_->look_at_forwarding(plane_->unserved());
  tracking_->look_at_services(services_->all());
  tracking_->look_at_interfaces([this](const std::string& interface) {
    const auto link = links_->links().find(interface);
    return link && link->up;
  });
}

void Node::on_plane(bool admits) {
  on_links();
  if (!admits) return;
  // What the forwarder has not heard while it stood still.
  log_trouble(services_->stage(running_.plan.config));
  services_->commit(speaker_->interfaces());
}

// ---- The end. Make before break: every Active resigns, but answers until the peer does. Or in place:
// what a crash would leave stays, and the next process goes on with it if it is there before the
// leases end. It stays, too, while there are sockets that go on here. What backends answer waits a while:
// the kernel would forward it as it is, which ends what could go on here or at the peer.

void Node::stop(bool leaves) {
  if (phase_ != Phase::running) return;
  phase_ = Phase::resigning;
  leaves_ = leaves;
  systemd_->stopping();
  if (running_.plan.config.node.stop == config::Stop::in_place) {
    spdlog::info("stopping in place: the peer takes over when the leases end");
    return on_idle();
  }
  spdlog::info("stopping: handing over");
  speaker_->thread().post(
      [](speaker::VrrpDriver& driver, MonotonicTime now) { driver.shut_down(now); });
  patience_.expires_after(kResignPatience);
  patience_.async_wait([this](const boost::system::error_code& error) {
    if (!error) on_idle();
  });
}

void Node::on_idle() {
  if (phase_ != Phase::resigning) return;
  phase_ = Phase::down;
  leaves_answers_ = leaves_ && carries_answers(plane_->forwarder());
  leaves_ = leaves_ && (running_.plan.config.node.stop == config::Stop::in_place ||
                        (kept_sockets_ && kept_sockets_->holds()));
  if (leaves_) spdlog::info("programs and addresses stay for the next start");
  take_down();
  patience_.expires_after(kNotifyPatience);
  patience_.async_wait([this](const boost::system::error_code&) { loop_.stop(); });
  vrrp_events_->when_notified([this] { loop_.stop(); });
}

void Node::take_down() {
  plane_watch_.reset();
  systemd_.reset();
  documents_.reset();
  commands_.reset();
  capture_.reset();
  handovers_.reset();
  backends_gate_.reset();
  sync_gate_.reset();
  nginx_.reset();
  tracking_.reset();
  services_.reset();
  kept_sockets_.reset();
  socket_counter_.reset();
  sync_.reset();
  if (plane_) plane_->stop();
  speaker_.reset();  // nobody grants a lease any more
  links_.reset();
  const bool is_end = phase_ == Phase::down;
  if (is_end && leaves_) return plane_->leave();
  for (const auto& r : running_.plan.routers) addresses_->remove(r);
  if (addresses_) addresses_->remove_all();
  const bool keeps_flows =
      plane_ && running_.plan.config.flows.keep_at_stop &&
      plane_->forwarder().flows4().flows() + plane_->forwarder().flows6().flows() > 0;
  if (keeps_flows) {
    if (is_end && leaves_answers_)
      gates_->program().leave_answers(MonotonicClock::now() + kAnswersWait);
    gates_->program().detach_all();
  } else {
    gates_->program().close();
    if (plane_) plane_->forget();
  }
  plane_.reset();  // not before the program is off its devices
  gates_.reset();
  addresses_.reset();
}

}  // namespace tandem::daemon
