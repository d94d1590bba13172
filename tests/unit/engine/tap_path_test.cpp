// SPDX-License-Identifier: Apache-2.0
// The way to the kernel and back, over a TAP device in a network namespace of the test's own.
#include "engine/dpdk/tap_path.hpp"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <poll.h>
#include <rte_lcore.h>
#include <rte_mbuf.h>
#include <rte_mempool.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <array>
#include <atomic>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <optional>

namespace tandem::engine {
namespace {

constexpr MacAddress kMac{{2, 0, 0, 0, 0, 1}};
constexpr std::uint32_t kPoolFrames = 511;
constexpr std::size_t kLength = 80;

class Tap : public testing::Test {
 protected:
  void SetUp() override {
    if (unshare(CLONE_NEWNET) != 0) GTEST_SKIP() << "needs root (a network namespace)";
    // The kernel has nothing to say on its own.
    std::ofstream("/proc/sys/net/ipv6/conf/default/disable_ipv6") << 1;
    static int number = 0;
    auto pool = FramePool::create("tap-test" + std::to_string(number++), kPoolFrames, 2048);
    ASSERT_TRUE(pool) << pool.error().message;
    pool_.emplace(std::move(*pool));
    auto device = TapDevice::open("tap0", kMac, 1400);
    ASSERT_TRUE(device) << device.error().message;
    device->set_carrier(true);
    auto path = TapPath::open(std::move(*device), *pool_, [this] { woken_.fetch_add(1); });
    ASSERT_TRUE(path) << path.error().message;
    path_ = std::move(*path);
    open_socket();
  }

  // The kernel's side of the device.
  void open_socket() {
    socket_ = Descriptor(socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, htons(kType)));
    sockaddr_ll to{};
    to.sll_family = AF_PACKET;
    to.sll_protocol = htons(kType);
    to.sll_ifindex = static_cast<int>(path_->device().ifindex());
    ASSERT_EQ(bind(socket_.get(), reinterpret_cast<const sockaddr*>(&to), sizeof to), 0);
  }
  static std::array<std::uint8_t, kLength> frame(std::uint8_t mark) {
    std::array<std::uint8_t, kLength> bytes{};
    bytes.fill(mark);
    bytes[12] = kType >> 8;
    bytes[13] = kType & 0xff;
    return bytes;
  }
  void give(std::uint8_t mark, bool is_advert = false) {
    rte_mbuf* mbuf = rte_pktmbuf_alloc(pool_->get());
    ASSERT_NE(mbuf, nullptr);
    std::memcpy(rte_pktmbuf_append(mbuf, kLength), frame(mark).data(), kLength);
    path_->give(mbuf, is_advert);
  }
  // The mark of what the kernel got; -1: nothing comes.
  int received() {
    std::array<std::uint8_t, 2048> bytes;
    pollfd fd{socket_.get(), POLLIN, 0};
    if (poll(&fd, 1, 2000) != 1) return -1;
    return recv(socket_.get(), bytes.data(), bytes.size(), 0) == kLength ? bytes[20] : -1;
  }
  void send(std::uint8_t mark) {
    const auto bytes = frame(mark);
    ASSERT_EQ(::send(socket_.get(), bytes.data(), bytes.size(), 0), static_cast<ssize_t>(kLength));
  }
  // The mark of what the path has of the kernel's; -1: nothing comes.
  int taken() {
    std::array<rte_mbuf*, 1> frames{};
    for (int i = 0; i < 2000 && path_->take(frames) == 0; i++) usleep(1000);
    if (frames[0] == nullptr) return -1;
    const int mark = *rte_pktmbuf_mtod_offset(frames[0], std::uint8_t*, 20);
    EXPECT_EQ(frames[0]->pkt_len, kLength);
    rte_pktmbuf_free(frames[0]);
    return mark;
  }
  template <class Condition>
  bool soon(Condition condition) {
    for (int i = 0; i < 2000 && !condition(); i++) usleep(1000);
    return condition();
  }

  static constexpr std::uint16_t kType = 0x88b5;  // for experiments (IEEE 802)
  std::optional<FramePool> pool_;
  std::unique_ptr<TapPath> path_;
  Descriptor socket_;
  std::atomic<int> woken_ = 0;
};

TEST_F(Tap, DeviceHasTheMacAddressAndAnMtuThatThePortCanTake) {
  ifreq request{};
  std::strcpy(request.ifr_name, "tap0");
  ASSERT_EQ(ioctl(socket_.get(), SIOCGIFHWADDR, &request), 0);
  EXPECT_EQ(std::memcmp(request.ifr_hwaddr.sa_data, kMac.bytes.data(), 6), 0);
  ASSERT_EQ(ioctl(socket_.get(), SIOCGIFMTU, &request), 0);
  EXPECT_EQ(request.ifr_mtu, 1400);
}

TEST_F(Tap, CarrierFollows) {
  const auto runs = [&] {
    ifreq request{};
    std::strcpy(request.ifr_name, "tap0");
    EXPECT_EQ(ioctl(socket_.get(), SIOCGIFFLAGS, &request), 0);
    return (request.ifr_flags & IFF_RUNNING) != 0;
  };
  EXPECT_TRUE(soon(runs));
  path_->device().set_carrier(false);
  EXPECT_TRUE(soon([&] { return !runs(); }));
}

TEST_F(Tap, CarriesFramesBothWays) {
  for (std::uint8_t mark = 1; mark < 100; mark++) {
    give(mark, mark % 2 == 0);
    EXPECT_EQ(received(), mark);
    send(mark);
    EXPECT_EQ(taken(), mark);
  }
  EXPECT_GT(woken_.load(), 0);
}

TEST_F(Tap, WithoutAFreeBufferCountsWhatIsLostAndGoesOnAfterwards) {
  std::vector<rte_mbuf*> all;
  // The path's thread may keep some at hand: frames of the kernel's use them up.
  for (int i = 0; i < 2000 && path_->counters().no_frame == 0; i++) {
    while (rte_mbuf* mbuf = rte_pktmbuf_alloc(pool_->get())) all.push_back(mbuf);
    send(1);
    usleep(500);
  }
  EXPECT_GT(path_->counters().no_frame, 0U);
  rte_pktmbuf_free_bulk(all.data(), static_cast<unsigned>(all.size()));
  // Out of this thread's own cache, too, where the path's thread would not find them.
  rte_mempool_cache_flush(rte_mempool_default_cache(pool_->get(), rte_lcore_id()), pool_->get());
  send(2);
  int mark = 1;
  while (mark == 1) mark = taken();
  EXPECT_EQ(mark, 2);
}

TEST_F(Tap, ThatIsDeletedIsBroken) {
  EXPECT_FALSE(path_->is_broken());
  ASSERT_EQ(std::system("ip link del tap0"), 0);
  EXPECT_TRUE(soon([&] { return path_->is_broken(); }));
  give(1);
  EXPECT_TRUE(soon([&] { return path_->counters().refused == 1; }));
}

TEST_F(Tap, NameOfAnotherDeviceIsRefused) {
  const auto device = TapDevice::open("lo", kMac, 1500);
  ASSERT_FALSE(device);
  EXPECT_NE(device.error().message.find("lo: a device of that name is there, and no TAP device"),
            std::string::npos)
      << device.error().message;
}

}  // namespace
}  // namespace tandem::engine
