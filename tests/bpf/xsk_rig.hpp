// SPDX-License-Identifier: Apache-2.0
// AF_XDP on two veth pairs, for tests. Frames enter and leave by packet sockets on the outer ends.
//
//   [ client ] ---- [ near ]  AfXdp  [ far ] ---- [ server ]
//              2 queues        1 queue
#pragma once

#include <arpa/inet.h>
#include <linux/if_link.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "engine/af_xdp.hpp"
#include "frames.hpp"
#include "namespaces.hpp"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wold-style-cast"
#include "xsk_test.skel.h"  // generated C
#pragma GCC diagnostic pop

namespace tandem::engine {

using frames::Bytes;
using netlink::run;
using std::chrono::seconds;

struct Unload {
  void operator()(xsk_test_bpf* skeleton) const { xsk_test_bpf__destroy(skeleton); }
};

// A frame that is told from others by its number.
inline Bytes numbered(std::uint32_t number, std::size_t size = 64) {
  Bytes payload(size - ETH_HLEN);
  for (std::size_t i = 0; i < payload.size(); i++)
    payload[i] = static_cast<std::uint8_t>(i < 4 ? number >> (8 * i) : number + i);
  return frames::ether({}, 0x88b5, payload);  // an ethertype for experiments
}
inline Bytes bytes_of(const Frame& frame) {
  return {frame.data, frame.data + frame.length};
}

// An outer end of a veth pair.
class Wire {
 public:
  explicit Wire(const char* device)
      : socket_(socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, htons(ETH_P_ALL))) {
    sockaddr_ll at{};
    at.sll_family = AF_PACKET;
    at.sll_protocol = htons(ETH_P_ALL);
    at.sll_ifindex = static_cast<int>(if_nametoindex(device));
    EXPECT_EQ(bind(socket_.get(), reinterpret_cast<const sockaddr*>(&at), sizeof at), 0) << device;
    const int yes = 1;
    EXPECT_EQ(setsockopt(socket_.get(), SOL_PACKET, PACKET_IGNORE_OUTGOING, &yes, sizeof yes), 0);
    const int bytes = 16 << 20;
    setsockopt(socket_.get(), SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof bytes);
  }
  bool send(const Bytes& frame) {
    return ::send(socket_.get(), frame.data(), frame.size(), 0) ==
           static_cast<ssize_t>(frame.size());
  }
  // Nothing if none is there yet.
  std::optional<Bytes> receive() {
    Bytes frame(65536);
    const auto size = recv(socket_.get(), frame.data(), frame.size(), 0);
    if (size < 0) return std::nullopt;
    frame.resize(static_cast<std::size_t>(size));
    return frame;
  }
  // The next one, waited for; empty if none comes.
  Bytes next() {
    pollfd ready{socket_.get(), POLLIN, 0};
    poll(&ready, 1, 10'000);
    return receive().value_or(Bytes{});
  }

 private:
  Descriptor socket_;
};

class AfXdpTest : public testing::Test {
 protected:
  void SetUp() override {
    if (geteuid() != 0) GTEST_SKIP() << "needs root, to make network namespaces";
    before_ = netlink::current_namespace();
    ASSERT_EQ(unshare(CLONE_NEWNET), 0);
    netlink::set_sysctl("net/ipv6/conf/default/disable_ipv6", "1");  // or the kernel talks too
    add_pair("near", 2, "client");
    add_pair("far", 1, "server");
    skeleton_.reset(xsk_test_bpf__open_and_load());
    if (!skeleton_ && (errno == EPERM || errno == ENOSYS))
      GTEST_SKIP() << "needs to be allowed to load BPF programs";
    ASSERT_TRUE(skeleton_);
    attach();
  }
  void TearDown() override {
    af_xdp_.reset();
    if (!before_) return;
    EXPECT_EQ(setns(before_.get(), CLONE_NEWNET), 0);
  }

  static void add_pair(const std::string& ours, int queues, const std::string& outer) {
    const std::string count = std::to_string(queues);
    const std::string shape = " mtu 3400 numrxqueues " + count + " numtxqueues " + count;
    run("ip link add " + ours + shape + " type veth peer name " + outer + shape);
    run("ip link set " + ours + " up");
    run("ip link set " + outer + " up");
  }
  void attach(std::uint32_t mode = XDP_FLAGS_DRV_MODE) {
    const auto& programs = skeleton_->progs;
    for (const auto& [device, program] : {std::pair{"near", programs.near},
                                          {"far", programs.far},
                                          {"client", programs.pass},
                                          {"server", programs.pass}}) {
      const auto ifindex = static_cast<int>(if_nametoindex(device));
      bpf_xdp_detach(ifindex, XDP_FLAGS_DRV_MODE, nullptr);
      ASSERT_EQ(bpf_xdp_attach(ifindex, bpf_program__fd(program), mode, nullptr), 0) << device;
    }
    near_ = if_nametoindex("near");
    far_ = if_nametoindex("far");
    client_.emplace("client");
    server_.emplace("server");
  }

  void open(const AfXdp::Options& options = {}) {
    auto opened = AfXdp::open(options, [this](const std::string& line) { logged_ += line + "\n"; });
    ASSERT_TRUE(opened) << opened.error().message;
    af_xdp_ = std::move(*opened);
  }
  void add_near(bool generic = false) { add(near_, "near", skeleton_->maps.near_xsks, generic); }
  void add_far(bool generic = false) { add(far_, "far", skeleton_->maps.far_xsks, generic); }
  void add(unsigned ifindex, const char* name, const bpf_map* map, bool generic) {
    const auto added = af_xdp_->add({ifindex, name, bpf_map__fd(map), generic});
    ASSERT_TRUE(added) << added.error().message;
  }
  void open_both(const AfXdp::Options& options = {}) {
    open(options);
    add_near();
    add_far();
  }

  void wait(int milliseconds) {
    std::vector<pollfd> ready(af_xdp_->fds().begin(), af_xdp_->fds().end());
    poll(ready.data(), ready.size(), milliseconds);
  }
  // At least one frame, waited for. Nothing if none comes.
  std::size_t receive(std::span<Frame> out) {
    const auto end = MonotonicClock::now() + seconds(10);
    while (MonotonicClock::now() < end) {
      if (const auto came = af_xdp_->receive(out); came > 0) return came;
      wait(100);
    }
    return 0;
  }
  Frame receive_one() {
    Frame frame;
    EXPECT_EQ(receive({&frame, 1}), 1U) << "nothing came";
    return frame;
  }
  // Asserts a way through: client -> near -> server or client.
  void expect_way(std::uint32_t number, unsigned out, Wire& to) {
    ASSERT_TRUE(client_->send(numbered(number)));
    const Frame frame = receive_one();
    ASSERT_NE(frame.owner, nullptr);
    EXPECT_EQ(frame.device, near_);
    EXPECT_EQ(bytes_of(frame), numbered(number));
    af_xdp_->send(frame, out);
    af_xdp_->flush();
    EXPECT_EQ(to.next(), numbered(number));
  }

  void expect_whole(std::uint64_t caller = 0) const {
    const auto a = af_xdp_->account();
    EXPECT_EQ(a.free + a.receiving + a.caller + a.sending, a.all);
    EXPECT_EQ(a.caller, caller);
  }
  // Everything that was to be sent has come back.
  bool all_sent() {
    const auto end = MonotonicClock::now() + seconds(10);
    while (af_xdp_->account().sending > 0 && MonotonicClock::now() < end) {
      af_xdp_->flush();
      wait(1);
    }
    return af_xdp_->account().sending == 0;
  }

  Descriptor before_;
  std::unique_ptr<xsk_test_bpf, Unload> skeleton_;
  std::optional<Wire> client_, server_;
  unsigned near_ = 0, far_ = 0;
  std::string logged_;
  std::unique_ptr<AfXdp> af_xdp_;
};

}  // namespace tandem::engine
