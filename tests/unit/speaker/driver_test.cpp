// SPDX-License-Identifier: Apache-2.0
#include "speaker/vrrp_driver.hpp"

#include <gtest/gtest.h>
#include <net/if.h>

#include <memory>

#include "namespaces.hpp"

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
};

TEST_F(Driver, GivesALinkBackThatAnotherOneReplaces) {
  VrrpLink link = usable_link(7);
  driver_.set_link(kLink, link, now_);
  EXPECT_EQ(link.device, 0U) << "there was none before";
  link = usable_link(8);
  driver_.set_link(kLink, link, now_);
  EXPECT_EQ(link.device, 7U) << "its socket is the caller's to close";
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

}  // namespace
}  // namespace tandem::speaker
