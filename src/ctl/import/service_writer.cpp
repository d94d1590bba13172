// SPDX-License-Identifier: Apache-2.0
// A virtual server, as the [[service]] of each of its addresses.
#include <algorithm>
#include <array>

#include "ctl/import/virtual_server.hpp"

namespace tandem::importer {
namespace {

struct Algorithm {
  std::string_view name;
  std::string_view scheduler;
  bool has_weights;
};
constexpr std::array kAlgorithms{
    Algorithm{"wlc", "least_conn", true},  Algorithm{"lc", "least_conn", false},
    Algorithm{"wrr", "round_robin", true}, Algorithm{"rr", "round_robin", false},
    Algorithm{"sh", "source_hash", true},  Algorithm{"mh", "maglev", true},
    Algorithm{"sed", "sed", true},         Algorithm{"nq", "nq", true},
};

class ServiceWriter {
 public:
  ServiceWriter(const VirtualServer& server, const Entry& entry, Gateway& gateway)
      : server_(server), entry_(entry), gateway_(gateway), notes_(gateway.notes) {
    table_ = {"[[service]]", entry.place, {}, {}};
  }

  Table write() {
    const bool is_v6 = !entry_.address.is_v4();
    const auto address = entry_.address.to_string();
    table_.set("name",
               toml((is_v6 ? "[" + address + "]" : address) + ":" + std::to_string(entry_.port) +
                    (server_.protocol == "udp" ? "/udp" : "")),
               entry_.place);
    table_.set("address", toml(address), entry_.place);
    table_.set("protocol", toml(server_.protocol), server_.place);
    table_.set("port", std::to_string(entry_.port), entry_.place);
    if (ends_here()) {
      forward_locally();
      return std::move(table_);
    }
    table_.set("forward", toml(server_.forward), server_.forward_place);
    scheduler();
    persistence();
    one_packet();
    quorum();
    backends();
    sorry_server();
    check();
    return std::move(table_);
  }

 private:
  // IPVS hands packets for a server that is this node to the kernel.
  [[nodiscard]] bool is_here(const RealServer& backend) const {
    return gateway_.is_own(backend.address) || backend.address == entry_.address;
  }
  [[nodiscard]] bool ends_here() const {
    return std::ranges::any_of(server_.servers, [&](const auto& b) { return is_here(b); });
  }

  // A service is this node's own, or has backends. With both, its own is nearest to what was.
  void forward_locally() {
    table_.set("forward", "\"local\"", server_.forward_place);
    for (const auto& backend : server_.servers) {
      const std::string name = "real_server " + backend.address.to_string();
      if (!is_here(backend)) {
        notes_.lost(backend.place, name +
                                       ": another real_server of this service is this node, and a "
                                       "service that ends here has no backends beside");
        continue;
      }
      const std::string where = entry_.address.to_string() + " port " + std::to_string(entry_.port);
      const bool is_same_port = backend.port == 0 || backend.port == entry_.port;
      if (server_.forward == "nat" && !(is_same_port && backend.address == entry_.address))
        notes_.trap(backend.place, name +
                                       ": is this node, and gets packets as they come: what "
                                       "listens has to listen at " +
                                       where + ", or at all addresses");
      else
        notes_.implied(backend.place, name + ": is this node, and gets packets as they come");
      if (!backend.checkers.empty())
        notes_.lost(backend.checkers.front().place,
                    name +
                        ": a service of this node is not checked; have a [[check]] tracked by "
                        "the virtual router");
    }
  }

  void scheduler() {
    const auto* known = std::ranges::find(kAlgorithms, server_.scheduler, &Algorithm::name);
    if (known == kAlgorithms.end()) {
      notes_.lost(server_.scheduler_place, "lb_algo " + server_.scheduler +
                                               ": there is no such scheduler; least_conn instead");
      known = kAlgorithms.begin();
    }
    has_weights_ = known->has_weights;
    table_.set("scheduler", toml(known->scheduler), server_.scheduler_place);
  }

  void persistence() {
    if (server_.persistence)
      table_.set("affinity", toml(*server_.persistence), server_.persistence_place);
    if (!server_.granularity) return;
    const auto [bits, is_v6] = *server_.granularity;
    if (is_v6 == entry_.address.is_v4())
      notes_.lost(server_.granularity_place,
                  "persistence_granularity: is of the other family than the service's address");
    else if (server_.persistence && bits < (is_v6 ? 128 : 32))
      table_.set("affinity_prefix", std::to_string(bits), server_.granularity_place);
  }

  void one_packet() {
    if (!server_.one_packet) return;
    if (server_.protocol != "udp")
      return notes_.implied(*server_.one_packet, "ops: IPVS has it for UDP only");
    if (server_.forward == "nat")
      return notes_.lost(*server_.one_packet,
                         "ops: with nat replies need a flow; forward = \"dsr\" or \"tunnel\" has "
                         "one_packet");
    table_.set("one_packet", "true", *server_.one_packet);
  }

  // What goes by the quorum: the sorry server, and the commands.
  void quorum() {
    if (server_.quorum > 1)
      table_.set("quorum", std::to_string(server_.quorum), server_.quorum_place);
    std::string commands;
    for (const auto& [key, command] :
         {std::pair{"up", &server_.quorum_up}, {"down", &server_.quorum_down}})
      if (!command->empty())
        commands += (commands.empty() ? "" : ", ") + std::string(key) + " = " + *command;
    if (!commands.empty()) table_.set("notify", "{ " + commands + " }", server_.quorum_place);
  }

  // After the others, since it is checked as they are, and keepalived does not check it.
  void sorry_server() {
    if (!server_.sorry_server) return;
    const RealServer& sorry = *server_.sorry_server;
    if (!is_carried(sorry)) return;
    const auto port = port_of(sorry);
    const auto is_same = [&](const RealServer& b) {
      return b.address == sorry.address && port_of(b) == port;
    };
    if (std::ranges::any_of(server_.servers, is_same))
      return notes_.lost(sorry.place, "sorry_server " + sorry.address.to_string() +
                                          ": is a real_server of this service, too");
    std::string value = "{ address = " + toml(sorry.address.to_string());
    if (port != entry_.port) value += ", port = " + std::to_string(port);
    table_.add("backends", value + ", weight = 1, backup = true }", sorry.place);
    gateway_.backends.emplace(sorry.address, sorry.place);
    const auto is_checked = [](const RealServer& b) { return !b.checkers.empty(); };
    if (std::ranges::any_of(server_.servers, is_checked))
      notes_.trap(sorry.place, "sorry_server " + sorry.address.to_string() +
                                   ": is checked as the other backends are; keepalived takes it "
                                   "to be up");
  }

  [[nodiscard]] bool is_carried(const RealServer& backend) {
    if (backend.forward.empty() || backend.forward == server_.forward) return true;
    notes_.lost(backend.place, "real_server " + backend.address.to_string() +
                                   ": all backends of a service are reached in the same way");
    return false;
  }

  void backends() {
    for (const auto& backend : server_.servers) {
      if (!is_carried(backend)) continue;
      std::string value = "{ address = " + toml(backend.address.to_string());
      const auto port = port_of(backend);
      if (port != entry_.port) value += ", port = " + std::to_string(port);
      auto weight = weight_of(backend);
      if (!has_weights_ && weight > 1 && !is_even()) {
        notes_.implied(backend.place, "real_server " + backend.address.to_string() + ": lb_algo " +
                                          server_.scheduler +
                                          " asks whether a weight is 0, and not for more");
        weight = 1;
      }
      value += ", weight = " + std::to_string(weight);
      if (backend.most_connections.value_or(0) != 0)
        value += ", max_connections = " + std::to_string(*backend.most_connections);
      table_.add("backends", value + " }", backend.place);
      carried_.push_back(&backend);
      gateway_.backends.emplace(backend.address, backend.place);
    }
  }

  [[nodiscard]] std::int64_t weight_of(const RealServer& backend) const {
    return backend.weight.value_or(server_.weight);
  }
  // Whether all weights that are not 0 are one.
  [[nodiscard]] bool is_even() const {
    const RealServer* first = nullptr;
    for (const auto& backend : server_.servers) {
      if (weight_of(backend) == 0) continue;
      if (first == nullptr) first = &backend;
      if (weight_of(backend) != weight_of(*first)) return false;
    }
    return true;
  }

  // IPVS does not look at the port of a real server that it reaches by DR or TUN.
  [[nodiscard]] std::uint16_t port_of(const RealServer& backend) const {
    return backend.port == 0 || server_.forward != "nat" ? entry_.port : backend.port;
  }

  [[nodiscard]] std::string value_of(const RealServer& backend, bool for_any) const {
    if (backend.checkers.empty()) return {};
    const Checked server{backend.address, port_of(backend),
                         backend.port == 0 ? entry_.port : backend.port};
    return check_value(backend.checkers.front(), backend.timing.over(server_.timing), server,
                       for_any);
  }

  // A service has one check for all of its backends. Scripts that differ in nothing but the
  // address and the port of their server are one.
  void check() {
    for (const auto* backend : carried_)
      for (std::size_t i = 1; i < backend->checkers.size(); ++i)
        notes_.lost(backend->checkers[i].place, "a backend has one check, and that is the first");
    const auto checked = std::ranges::find_if(
        carried_, [](const auto* backend) { return !backend->checkers.empty(); });
    if (checked == carried_.end()) return;
    const auto is_alike = [&](bool for_any) {
      return std::ranges::all_of(carried_, [&](const auto* backend) {
        return value_of(*backend, for_any) == value_of(**checked, for_any);
      });
    };
    const bool for_any = !is_alike(false) && is_alike(true);
    const auto value = value_of(**checked, for_any);
    for (const auto* backend : carried_)
      if (value_of(*backend, for_any) != value)
        notes_.lost(backend->place, "real_server " + backend->address.to_string() +
                                        ": all backends of a service have the same check, and this "
                                        "one's differs from that of " +
                                        (*checked)->address.to_string());
    const auto& checker = (*checked)->checkers.front();
    table_.set("check", value, checker.place);
    const auto patience = patience_of(checker, (*checked)->timing.over(server_.timing));
    if (patience.here > patience.there)
      notes_.trap(checker.place, "a dead backend is found after up to " + toml(patience.here) +
                                     ", with keepalived after " + toml(patience.there) +
                                     " because it retries faster; a shorter interval has it "
                                     "sooner");
  }

  const VirtualServer& server_;
  const Entry& entry_;
  Gateway& gateway_;
  Notes& notes_;
  Table table_;
  bool has_weights_ = true;
  std::vector<const RealServer*> carried_;
};

}  // namespace

Table service_of(const VirtualServer& server, const Entry& entry, Gateway& gateway) {
  return ServiceWriter(server, entry, gateway).write();
}

}  // namespace tandem::importer
