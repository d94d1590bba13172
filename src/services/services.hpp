// SPDX-License-Identifier: Apache-2.0
// The services with backends, on the control thread: from one configuration to the next, and what
// the forwarder and the steering tables are told of them and of their backends' states.
//
//   stage()   numbers and settings for a configuration; the forwarder knows them from here on
//   (the node publishes the steering tables, with steered() and replies())
//   commit()  what is no longer configured goes; checks and next hops follow
#pragma once

#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "base/watch.hpp"
#include "config/config.hpp"
#include "control/endpoint.hpp"
#include "dataplane/data_plane.hpp"
#include "engine/steering_program.hpp"
#include "flow/steering.hpp"
#include "netlink/links.hpp"
#include "netlink/next_hop.hpp"
#include "services/backend_states.hpp"
#include "services/kernel_ports.hpp"
#include "services/operator_change.hpp"
#include "services/pick_tables.hpp"
#include "services/running_service.hpp"
#include "services/service_numbers.hpp"
#include "speaker/interfaces.hpp"
#include "sync/wish_book.hpp"

namespace tandem::services {

class Services {
 public:
  struct Deps {
    boost::asio::io_context& loop;
    engine::SteeringProgram& program;
    dataplane::DataPlane& plane;
    flow::Steering& steering;
    netlink::Links& links;
  };
  // A backend's change, for the events.
  using Note = std::function<void(const std::string& service, const RunningBackend& backend)>;

  // The service's quorum came or went.
  using NoteQuorum = std::function<void(const RunningService&, const std::string& why)>;

  // Before Steering::close_all(), since numbers are taken over. republish: the steering tables are to be
  // published again, since replies() has changed. served: DataPlane::unserved() may have changed.
  static Result<std::unique_ptr<Services>> open(const Deps& deps, std::function<void()> republish,
                                                Note note, NoteQuorum note_quorum,
                                                std::function<void()> served);

  Result<void> stage(const config::Config& config);
  void commit(const speaker::Interfaces& interfaces);
  // Interfaces or links have changed.
  void follow(const speaker::Interfaces& interfaces);

  [[nodiscard]] std::vector<flow::SteeredService> steered() const {
    return services::steered(latest());
  }
  [[nodiscard]] flow::SteeredReplies replies() const { return services::replies(latest()); }

  [[nodiscard]] const RunningServices& all() const { return services_; }
  // Sentences for the operator.
  [[nodiscard]] std::vector<std::string> troubles() const;
  // nullopt: nothing checks it.
  [[nodiscard]] std::optional<health::Status> last_check(const RunningBackend& backend) const {
    return states_.last_check(backend);
  }
  // By the operator. nullopt: all of the service's. false: there is none such.
  bool drain(const std::string& service, const std::optional<control::Endpoint>& backend,
             bool drained);
  bool set_weight(const std::string& service, const control::Endpoint& backend,
                  std::uint16_t weight);
  // What the operator has set on the other node. true: this node did not have it.
  bool merge(const std::vector<sync::BackendWish>& wishes);
  // All that the operator has set or undone, here or on the other node.
  [[nodiscard]] OperatorChanges operator_changes() const;
  [[nodiscard]] std::vector<sync::BackendWish> wishes() const { return wishes_.all(); }
  // Of an earlier run; before the first stage().
  void restore(OperatorChanges changes) { restored_ = std::move(changes); }

 private:
  Services(const Deps& deps, netlink::NextHops next_hops, std::function<void()> republish,
           Note note, NoteQuorum note_quorum, std::function<void()> served);
  Result<RunningService> stage(const config::Service& service);
  CountedSlot counted_slot(const config::Service& config);
  void take_restored(const config::Config& config);
  void obey(const config::Service& service, RunningBackend& backend) const;
  void note_newer_weights(const RunningServices& before);
  void note_unused_weights(std::vector<std::string>& sentences) const;
  Result<void> place_sources(RunningService& service);
  void make_room_for_sources(const config::Config& config);
  void tell(const RunningService& service);
  void tell(const RunningService& service, const RunningBackend& backend);
  void judge_quorum(RunningService& service);
  void on_judged(RunningService& service, RunningBackend& backend, bool news);
  void on_second();
  void follow_kernel_ports();
  void share_ports();
  void drop_retired();
  void ask_for_sockets();
  void make_tables();
  void follow_devices(const speaker::Interfaces& interfaces);
  [[nodiscard]] forward::BackendSettings settings_of(const RunningService& service,
                                                     const RunningBackend& backend) const;
  [[nodiscard]] const RunningServices& latest() const { return staging_ ? staged_ : services_; }
  template <class Change>
  bool change(const std::string& service, const std::optional<control::Endpoint>& backend,
              Change change);

  Deps deps_;
  std::function<void()> republish_;
  Note note_;
  NoteQuorum note_quorum_;
  std::function<void()> served_;
  const speaker::Interfaces* interfaces_ = nullptr;
  int unserved_for_ = 0;  // seconds, since sockets were asked for
  ServiceNumbers numbers_;
  std::optional<KernelPorts> kernel_ports_;  // since there is fullnat
  bool ports_are_told_ = false;              // to the forwarder
  std::uint32_t stray_ports_ = 0;            // flows with ports of the kernel's
  health::SharedLocalPorts check_ports_;
  PickTables tables_;
  RunningServices services_, staged_;
  OperatorChanges restored_;
  sync::WishBook wishes_;  // the operator's, of backends that are not configured, too
  std::string node_;       // this node's name
  bool staging_ = false;   // between stage() and commit()
  bool adopted_ = false;
  BackendStates states_;
  Alarm tables_due_, second_;
};

}  // namespace tandem::services
