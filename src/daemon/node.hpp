// SPDX-License-Identifier: Apache-2.0
// One node: joins the rooms on the control thread. What must not wait is elsewhere (the XDP
// program, the VRRP thread); what is here may take its time.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/thread_pool.hpp>
#include <functional>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "base/watch.hpp"
#include "config/load.hpp"
#include "control/http_server.hpp"
#include "control/requests.hpp"
#include "control/server.hpp"
#include "daemon/capture.hpp"
#include "daemon/handovers.hpp"
#include "daemon/nginx_watch.hpp"
#include "daemon/report.hpp"
#include "daemon/running.hpp"
#include "daemon/service_manager.hpp"
#include "daemon/services_report.hpp"
#include "daemon/tracking.hpp"
#include "dataplane/data_plane.hpp"
#include "dataplane/stall_watch.hpp"
#include "engine/steering_program.hpp"
#include "flow/steering.hpp"
#include "netlink/addresses.hpp"
#include "netlink/links.hpp"
#include "notify/notifier.hpp"
#include "observe/event_log.hpp"
#include "observe/overview.hpp"
#include "services/services.hpp"
#include "speaker/interfaces.hpp"
#include "speaker/peers.hpp"
#include "speaker/vrrp_thread.hpp"
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
  // commands, takes everything down and stops the loop.
  void stop();
  // Reads the configuration file again, as `tandemctl reload` does; the outcome goes to the log.
  void reload();

 private:
  Node(boost::asio::io_context& loop, std::string config_file);
  Result<void> bring_up(const config::Config& config);
  Result<void> sweep(const config::Config& config);
  void open_reports();
  void note_real_addresses(const config::Config& config);
  void follow();
  void keep_addresses();
  void check_plane();
  void report_to_manager();
  void tell_again();

  // node_reload.cpp
  void reload(const std::string& file, control::Completion done);
  Result<void> apply(const speaker::Plan& plan, const speaker::Plan& before);
  void apply_own_addresses(const speaker::Plan& before);
  Result<void> publish(const speaker::Plan& plan);
  void watch_nginx();

  // node_follow.cpp: what the world and the VRRP thread report
  void on_vrrp_event(const speaker::VrrpEvent& event);
  void on_transition(const speaker::VrrpEvent& event, const vrrp::Transition& transition);
  void on_notice(MonotonicTime at, const vrrp::Notice& notice);
  void on_links();
  void install(const speaker::PlannedRouter& router);
  [[nodiscard]] std::vector<netlink::DeviceAddress> addresses_of(const config::Vrrp& router) const;
  void reconcile();
  void note(observe::Event event, MonotonicTime at = MonotonicClock::now());

  // node_commands.cpp: the control socket
  void serve();
  void fail_over(const control::FailoverRequest& request, control::Completion done);

  // node_http.cpp: what the HTTP server serves
  // On the scribe's thread.
  using Write = std::function<Result<std::string>(const observe::Overview&)>;
  void serve_http();
  void serve_text(const std::string& path, const std::string& type, Write write);

  // node_services.cpp: its commands about services
  void serve_services();
  control::Answer list_services(const control::ServicesRequest& request);
  control::Answer list_backends(const control::BackendsRequest& request);
  control::Answer list_flows(const control::FlowsRequest& request);
  control::Answer drain(const control::DrainRequest& request);
  control::Answer undrain(const control::DrainRequest& request);
  control::Answer set_drained(const control::DrainRequest& request, bool drained);
  control::Answer set_weight(const control::WeightRequest& request);
  control::Answer explain(const control::ExplainRequest& request);
  Result<void> start_sync(const config::Config& config);

  // node_stop.cpp
  void on_idle();
  void take_down();

  boost::asio::io_context& loop_;
  Running running_;
  std::set<IpAddress> real_;  // addresses that an owner (priority 255) had before it was one
  observe::EventLog events_;

  std::optional<netlink::Links> links_;
  std::optional<netlink::Addresses> addresses_;
  std::unique_ptr<engine::SteeringProgram> program_;
  std::optional<flow::Steering> steering_;
  std::unique_ptr<dataplane::DataPlane> plane_;
  std::unique_ptr<sync::Link> sync_;  // of the plane's flows; nullptr: without [sync]
  std::unique_ptr<services::Services> services_;
  std::unique_ptr<speaker::VrrpThread> thread_;
  std::optional<speaker::Interfaces> interfaces_;
  std::unique_ptr<speaker::Peers> peers_;
  std::optional<Tracking> tracking_;
  std::optional<notify::Notifier> notifier_;
  std::optional<ServicesReport> services_report_;
  std::optional<Report> report_;
  std::optional<Handovers> handovers_;
  std::optional<Capture> capture_;
  std::unique_ptr<control::Server> server_;
  std::unique_ptr<control::HttpServer> http_;  // nullptr: none is configured
  std::unique_ptr<NginxWatch> nginx_;          // the same
  std::optional<ServiceManager> manager_;      // of this process: systemd

  std::vector<std::unique_ptr<ReadWatch>> watches_;
  std::optional<Alarm> addresses_due_, plane_due_;
  boost::asio::steady_timer patience_;
  bool links_changed_ = false;
  bool plane_worked_ = true;
  observe::ReloadsView reloads_;
  std::optional<boost::asio::thread_pool> scribe_;
  enum class Phase { running, resigning, down } phase_ = Phase::running;
};

}  // namespace tandem::daemon
