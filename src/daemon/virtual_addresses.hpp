// SPDX-License-Identifier: Apache-2.0
// The addresses that this node puts on the kernel's interfaces and takes off again: those of its
// virtual routers, while it has them, and those of interfaces that are here only since a port is the
// engine's own. Belongs to the control thread.
//
// An address owner (priority 255) may have its addresses before tandemd starts, by the network's
// configuration. Those are real: they stay, now and later.
#pragma once

#include <boost/asio/io_context.hpp>
#include <deque>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "base/watch.hpp"
#include "netlink/addresses.hpp"
#include "observe/event_log.hpp"
#include "speaker/plan.hpp"

namespace tandem::daemon {

class VirtualAddresses {
 public:
  static Result<std::unique_ptr<VirtualAddresses>> open(boost::asio::io_context& loop,
                                                        const config::Config& config,
                                                        observe::EventLog& events);

  // Which addresses of owners in `config` are real: there, and not put there for `running`.
  void note_real(const config::Config& config, const speaker::Plan& running);
  [[nodiscard]] const std::set<IpAddress>& real() const { return real_; }
  // Back to what real() was.
  void set_real(std::set<IpAddress> addresses) { real_ = std::move(addresses); }
  // Addresses that an earlier run left behind when it was killed, but for those to be kept.
  Result<void> sweep(const config::Config& config, const std::set<IpAddress>& kept);
  // The end: all that this node put anywhere.
  void remove_all();

  // Problems are logged; what could not be installed is tried again.
  void install(const speaker::PlannedRouter& router);
  void remove(const speaker::PlannedRouter& router);
  // Of the ports of the engine's own.
  void install(const config::Interface& interface);
  void remove(const config::Interface& interface);

  // Those that something else removed, and that were put back.
  [[nodiscard]] std::uint64_t restored() const { return addresses_.counters().restored; }
  // A sentence for the operator while something goes on removing them.
  [[nodiscard]] std::vector<std::string> troubles(MonotonicTime now) const;

 private:
  VirtualAddresses(boost::asio::io_context& loop, netlink::Addresses addresses,
                   observe::EventLog& events);
  void keep();
  [[nodiscard]] std::vector<netlink::DeviceAddress> addresses_of(const config::Vrrp& router) const;

  observe::EventLog& events_;
  netlink::Addresses addresses_;
  struct Restored {
    std::string what;  // "192.0.2.100/24 on eth0"
    MonotonicTime at{};
  };
  std::deque<Restored> lately_;  // the newest kFights
  std::set<IpAddress> real_;
  Alarm due_;
  ReadWatch changed_;
};

}  // namespace tandem::daemon
