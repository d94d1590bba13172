// SPDX-License-Identifier: Apache-2.0
#include "speaker/vrrp_driver.hpp"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <poll.h>
#include <sys/socket.h>

#include <memory>
#include <span>

#include "namespaces.hpp"
#include "vrrp/timers.hpp"

namespace tandem::speaker {
namespace {

using std::chrono::seconds;

constexpr vrrp::RouterId kId = 3;
constexpr std::uint16_t kLink = 1;

IpAddress ip(const char* text) {
  return *IpAddress::parse(text);
}

class DriverParts {
 protected:
  static VrrpLink usable_link(std::uint32_t device) {
    VrrpLink link;
    link.present = link.usable = true;
    link.device = device;
    link.source_v4 = ip("192.0.2.2");
    return link;
  }

  void add(std::uint8_t priority) {
    vrrp::Settings settings;
    settings.priority = priority;
    settings.addresses = {ip("192.0.2.100")};
    driver_.add(kId, {kLink, false, {kLink}}, settings, now_);
  }

  // Those of the events since the last call that tell what the kernel is to have.
  std::vector<bool> installs() {
    std::vector<bool> list;
    for (const auto& event : std::exchange(events_, {})) {
      if (std::holds_alternative<vrrp::InstallAddresses>(event.what)) list.push_back(true);
      if (std::holds_alternative<vrrp::RemoveAddresses>(event.what)) list.push_back(false);
    }
    return list;
  }

  MonotonicTime now_{seconds(1000)};
  std::vector<VrrpEvent> events_;
  std::unique_ptr<td_tables> tables_ = std::make_unique<td_tables>();
  flow::Steering steering_{*tables_};
  VrrpDriver driver_{steering_, [this](const VrrpEvent& event) {
                       events_.push_back(event);
                       return true;
                     }};
};

class Driver : public testing::Test, protected DriverParts {};

// With a link that adverts can leave by: a router whose adverts cannot does not stay Active.
class SendingDriver : public netlink::NamespaceTest, protected DriverParts {
 protected:
  static VrrpLink sending_link() {
    const unsigned device = if_nametoindex("veth0");
    VrrpLink link = usable_link(device);
    auto socket = engine::PacketSocket::open(device, device, "veth0");
    EXPECT_TRUE(socket) << socket.error().message;
    if (socket) link.socket = std::move(*socket);
    return link;
  }

  // All that comes out of veth0.
  [[nodiscard]] Descriptor far_end() const {
    const netlink::Inside peer(peer_);
    Descriptor fd(socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, htons(ETH_P_ALL)));
    sockaddr_ll at{};
    at.sll_family = AF_PACKET;
    at.sll_protocol = htons(ETH_P_ALL);
    at.sll_ifindex = static_cast<int>(if_nametoindex("veth1"));
    EXPECT_EQ(bind(fd.get(), reinterpret_cast<sockaddr*>(&at), sizeof at), 0);
    return fd;
  }
};

TEST_F(Driver, GivesALinkBackThatAnotherOneReplaces) {
  VrrpLink link = usable_link(7);
  driver_.set_link(kLink, link, now_);
  EXPECT_EQ(link.device, 0U) << "there was none before";
  link = usable_link(8);
  driver_.set_link(kLink, link, now_);
  EXPECT_EQ(link.device, 7U) << "its socket is the caller's to close";
}

// Beats ten times a second, then none: an address that the kernel has not got is given up.
TEST_F(SendingDriver, HearsTheControlThreadsBeats) {
  VrrpLink link = sending_link();
  driver_.set_link(kLink, link, now_);
  add(255);
  const auto pass = [this](std::uint64_t beats, bool goes_on) {
    for (int i = 0; i < 15; i++) {
      now_ += vrrp::Heartbeat::kLook;
      driver_.on_time(now_);
      driver_.watch_control(goes_on ? beats + i : beats, now_);
    }
  };
  pass(1, true);
  EXPECT_EQ(driver_.routers().status(kId).state, vrrp::State::active);
  EXPECT_EQ(driver_.counters().control_stalls, 0U);
  pass(15, false);
  EXPECT_EQ(driver_.routers().status(kId).state, vrrp::State::backup);
  EXPECT_EQ(driver_.routers().status(kId).cause, vrrp::Cause::unserved);
  EXPECT_EQ(driver_.counters().control_stalls, 1U);
  EXPECT_GE(driver_.counters().longest_control_stall, vrrp::kUnserved);
  pass(16, true);
  driver_.on_installed(kId, now_);
  EXPECT_EQ(driver_.counters().control_stalls, 1U);
}

TEST_F(SendingDriver, SaysAgainWhatTheKernelIsToHave) {
  VrrpLink link = sending_link();
  driver_.set_link(kLink, link, now_);
  add(255);
  EXPECT_EQ(installs(), std::vector<bool>{true});
  driver_.restate_addresses(kId, now_);
  EXPECT_EQ(installs(), std::vector<bool>{true});

  VrrpLink none;
  driver_.set_link(kLink, none, now_);
  EXPECT_EQ(installs(), std::vector<bool>{false}) << "Fault";
  driver_.restate_addresses(kId, now_);
  EXPECT_EQ(installs(), std::vector<bool>{false});
}

// Within a generous while.
template <class Wanted>
bool comes_in(const Descriptor& socket, const Wanted& is_wanted) {
  std::vector<std::uint8_t> frame(2048);
  pollfd readable{socket.get(), POLLIN, 0};
  while (poll(&readable, 1, 5000) > 0) {
    const ssize_t length = recv(socket.get(), frame.data(), frame.size(), 0);
    if (length > 0 && is_wanted(std::span(frame).first(static_cast<std::size_t>(length))))
      return true;
  }
  return false;
}

// Of a multicast advert of version 3 over IPv4: its source, and its priority.
bool is_advert(std::span<const std::uint8_t> frame, const IpAddress& source, int priority) {
  return frame.size() >= 46 && frame[23] == 112 && frame[36] == priority &&
         IpAddress::v4(frame.subspan<26, 4>()) == source;
}

TEST_F(SendingDriver, ResignsWithTheAddressThatItHad) {
  VrrpLink link = sending_link();
  driver_.set_link(kLink, link, now_);
  add(255);
  const Descriptor wire = far_end();
  VrrpLink without = sending_link();
  without.source_v4 = {};
  driver_.set_link(kLink, without, now_);
  EXPECT_EQ(driver_.routers().status(kId).state, vrrp::State::fault);
  EXPECT_TRUE(comes_in(wire, [](auto frame) { return is_advert(frame, ip("192.0.2.2"), 0); }));
}

TEST_F(SendingDriver, AnnouncesAnAddressWhoseDeviceComesBack) {
  constexpr std::uint16_t kOther = 2;  // the virtual address's own device
  VrrpLink link = sending_link();
  driver_.set_link(kLink, link, now_);
  VrrpLink other = sending_link();
  driver_.set_link(kOther, other, now_);
  vrrp::Settings settings;
  settings.priority = 255;
  settings.addresses = {ip("192.0.2.100")};
  settings.garp_repeat = 1;
  settings.garp_delay = settings.garp_refresh = {};
  driver_.add(kId, {kLink, false, {kOther}}, settings, now_);
  VrrpLink gone;
  driver_.set_link(kOther, gone, now_);
  const Descriptor wire = far_end();
  now_ += seconds(2);
  VrrpLink back = sending_link();
  driver_.set_link(kOther, back, now_);
  EXPECT_TRUE(comes_in(wire, [](auto frame) { return frame[12] == 0x08 && frame[13] == 0x06; }));
}

}  // namespace
}  // namespace tandem::speaker
