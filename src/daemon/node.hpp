// SPDX-License-Identifier: Apache-2.0
// One node: its parts, in the order of their start. What each does is in its own file; here is what
// they are made from, and who hears of whom. All of it is on the control thread; what must not wait
// is elsewhere (the XDP program, the VRRP thread).
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "config/load.hpp"
#include "control/http_server.hpp"
#include "control/server.hpp"
#include "daemon/backends_gate.hpp"
#include "daemon/capture.hpp"
#include "daemon/changed_backends.hpp"
#include "daemon/commands.hpp"
#include "daemon/documents.hpp"
#include "daemon/gates.hpp"
#include "daemon/handovers.hpp"
#include "daemon/kept_sockets.hpp"
#include "daemon/link_watch.hpp"
#include "daemon/nginx_watch.hpp"
#include "daemon/operator_memory.hpp"
#include "daemon/reload.hpp"
#include "daemon/report.hpp"
#include "daemon/running.hpp"
#include "daemon/socket_counter.hpp"
#include "daemon/sync_gate.hpp"
#include "daemon/systemd.hpp"
#include "daemon/tracking.hpp"
#include "daemon/transition_memory.hpp"
#include "daemon/virtual_addresses.hpp"
#include "daemon/vrrp_events.hpp"
#include "dataplane/data_plane.hpp"
#include "dataplane/plane_watch.hpp"
#include "observe/event_log.hpp"
#include "services/services.hpp"
#include "speaker/speaker.hpp"
#include "sync/link.hpp"

namespace tandem::daemon {

class Node {
 public:
  // Brings everything up: sweeps what an earlier run left, attaches the program, starts the VRRP
  // thread. On an error nothing stays behind.
  static Result<std::unique_ptr<Node>> start(boost::asio::io_context& loop,
                                             const std::string& config_file,
                                             const config::Config& config);
  ~Node();

  // Resigns everywhere, waits until no lease is held or nobody takes over, runs the last notify
  // commands, takes everything down and stops the loop. leaves: programs and addresses stay if
  // `node.stop` says so, or sockets need them.
  void stop(bool leaves);
  // Reads the configuration file again, as `tandemctl reload` does; the outcome goes to the log.
  void reload();

 private:
  Node(boost::asio::io_context& loop, std::string config_file);

  // ---- The start, from below to above
  Result<void> bring_up(const config::Config& config);
  VrrpEvents::Effects vrrp_effects();
  Result<void> open_kernel(const config::Config& config);
  Result<void> start_threads(const config::Config& config);
  Result<void> start_sync(const config::Config& config);
  void share_wishes();
  void gate_moves();
  void keep_sockets();
  void go_on_with_sockets();
  void follow();
  void serve(std::unique_ptr<control::Server> server, std::unique_ptr<control::HttpServer> http);
  void make_report();
  [[nodiscard]] std::vector<std::string> part_troubles() const;
  void report_to_systemd();

  // ---- What a reload does, part by part
  std::vector<ReloadPart> reload_parts();
  Result<void> publish(const speaker::Plan& plan);
  control::Answer reload(const std::string& file);
  Result<void> change_backend(const control::BackendRequest& request);

  // ---- Who hears of whom
  void on_links();
  void on_plane(bool admits);
  void on_wishes();

  // ---- The end
  void on_idle();
  void take_down();

  boost::asio::io_context& loop_;
  Running running_;
  observe::EventLog events_;

  std::map<IpAddress, MonotonicTime> kept_by_earlier_;  // sockets go on so long; until it is up

  // In the order of their start.
  std::unique_ptr<LinkWatch> links_;
  std::unique_ptr<VirtualAddresses> addresses_;
  std::unique_ptr<Gates> gates_;
  std::unique_ptr<dataplane::DataPlane> plane_;
  std::unique_ptr<services::Services> services_;
  std::unique_ptr<speaker::Speaker> speaker_;
  std::optional<Tracking> tracking_;
  std::optional<VrrpEvents> vrrp_events_;
  std::optional<OperatorMemory> memory_;
  std::optional<TransitionMemory> transitions_;
  std::unique_ptr<NginxWatch> nginx_;  // nullptr: none is configured
  std::optional<Reload> reload_;
  std::optional<ChangedBackends> changed_backends_;
  std::unique_ptr<sync::Link> sync_;  // of the plane's flows; nullptr: without [sync]
  std::optional<SocketCounter> socket_counter_;
  std::optional<KeptSockets> kept_sockets_;  // nullopt: without [sync]
  std::optional<Report> report_;
  std::optional<SyncGate> sync_gate_;  // nullopt: without [sync]
  std::optional<BackendsGate> backends_gate_;
  std::optional<Handovers> handovers_;
  std::optional<Capture> capture_;
  std::optional<Commands> commands_;
  std::optional<Documents> documents_;  // nullopt: [node] has no `http`
  std::optional<Systemd> systemd_;
  std::optional<dataplane::PlaneWatch> plane_watch_;

  boost::asio::steady_timer patience_;
  enum class Phase { running, resigning, down } phase_ = Phase::running;
  bool leaves_ = false;          // programs and addresses, at the end
  bool leaves_answers_ = false;  // to the next start
};

}  // namespace tandem::daemon
