// SPDX-License-Identifier: Apache-2.0
// Runs the notify commands of virtual routers and services: in order, one at a time for each virtual router,
// several virtual routers side by side.
//
// A command is called as keepalived calls its own, with two words appended to the configured ones:
//   /etc/tandem/notify.sh master|backup|fault|stop VI_1
// and with TANDEM_ROUTER, TANDEM_STATE ("Active", "Backup", "Fault", "Initialize"), TANDEM_PRIORITY and
// TANDEM_CAUSE in its environment. What it leaves running when it exits by itself stays; what it
// leaves running when it is timed out is killed with it.
//
// When a virtual router changes faster than its commands run, at most kWaiting notices wait; the
// oldest waiting one gives way to a new one. So the commands that do run are in the order of the
// changes, and the last change is always told.
#pragma once

#include <boost/asio/io_context.hpp>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "config/config.hpp"
#include "vrrp/action.hpp"

namespace tandem::notify {

[[nodiscard]] const char* notify_word(
    vrrp::State state) noexcept;  // "master", "backup", "fault", "stop"

struct Notice {
  std::string router{};  // the virtual router's name
  vrrp::State state = vrrp::State::backup;
  int priority = 0;       // effective, 0-255
  std::string cause{};    // a phrase, such as "no advert from the peer"
  std::string service{};  // of this service's quorum, and of no virtual router
  bool up = false;
  bool any = false;  // for the command that is run at any change
};

struct Outcome {
  enum class Kind : std::uint8_t {
    ok,
    failed,      // did not start, exited with another status than 0, or died of a signal
    timed_out,   // and was killed
    refused,     // others than root could change the command
    superseded,  // gave way to later notices and was not run
  };
  Kind kind = Kind::ok;
  Notice notice;
  std::string what;  // "exit status 2: LAST LINE OF OUTPUT", or why it was refused
};

// Belongs to the thread that runs the io_context, and must not outlive the io_context.
class Notifier {
 public:
  // Called once for each notice that had a command, from the loop and never from within notify().
  using Report = std::function<void(const Outcome&)>;

  static constexpr std::size_t kWaiting = 4;    // notices of one virtual router, beside the running
  static constexpr std::size_t kParallel = 16;  // commands running at once, by default

  Notifier(boost::asio::io_context& loop, Report report, std::size_t parallel = kParallel);
  Notifier(const Notifier&) = delete;
  Notifier& operator=(const Notifier&) = delete;
  ~Notifier();  // kills what is running and forgets what waits

  // Has the command for the notice's state run, and then the one for any, or does nothing if there is
  // none. `commands` is copied: a later reload does not change a notice that waits.
  void notify(const config::Notify& commands, Notice notice);

  void notify_of_service(const config::ServiceNotify& commands, Notice notice);

  // No command runs and no notice waits.
  [[nodiscard]] bool idle() const noexcept;
  // Calls `done` once, from the loop, as soon as this is idle: for an orderly stop.
  void when_idle(std::function<void()> done);

 private:
  class Desk;
  std::shared_ptr<Desk> desk_;
};

}  // namespace tandem::notify
