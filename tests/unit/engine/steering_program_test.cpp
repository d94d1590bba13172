// SPDX-License-Identifier: Apache-2.0
// The steering program on real devices: native and generic, beside others' programs, and what one
// process leaves to the next.
#include "engine/steering_program.hpp"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/if_link.h>

#include <algorithm>
#include <filesystem>

#include "engine/ring.hpp"
#include "flow/steering.hpp"
#include "listener.hpp"
#include "namespaces.hpp"
#include "private_bpffs.hpp"

namespace tandem::engine {
namespace {

using frames::Bytes;
using netlink::Inside;
using netlink::run;
using std::chrono::milliseconds;
using std::chrono::seconds;

// What the kernel has on a device: a program's number in one of the modes, 0 if none.
struct OnDevice {
  std::uint32_t native = 0;
  std::uint32_t generic = 0;
};

OnDevice on_device(unsigned ifindex) {
  bpf_xdp_query_opts options{};
  options.sz = sizeof options;
  EXPECT_EQ(bpf_xdp_query(static_cast<int>(ifindex), 0, &options), 0);
  return {options.drv_prog_id, options.skb_prog_id};
}

// A program of somebody else's: passes everything.
Descriptor others_program() {
  const bpf_insn code[] = {
      {.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 0, .src_reg = 0, .off = 0, .imm = XDP_PASS},
      {.code = BPF_JMP | BPF_EXIT, .dst_reg = 0, .src_reg = 0, .off = 0, .imm = 0}};
  return Descriptor(
      bpf_prog_load(BPF_PROG_TYPE_XDP, "not_ours", "GPL", code, std::size(code), nullptr));
}

class SteeringProgramTest : public netlink::NamespaceTest,
                            public testing::WithParamInterface<XdpMode> {
 protected:
  void SetUp() override {
    NamespaceTest::SetUp();
    if (IsSkipped() || HasFatalFailure()) return;
    bpffs_.emplace();
    if (bpffs_->path().empty()) GTEST_SKIP() << "needs to be allowed to mount a BPF file system";
    ifindex_ = if_nametoindex("veth0");
    const Inside peer(peer_);
    peer_socket_ = socket_on("veth1");
  }
  void TearDown() override {
    program_.reset();
    NamespaceTest::TearDown();
  }

  static Descriptor socket_on(const char* device) {
    Descriptor fd(socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0));
    sockaddr_ll to{};
    to.sll_family = AF_PACKET;
    to.sll_ifindex = static_cast<int>(if_nametoindex(device));
    EXPECT_EQ(bind(fd.get(), reinterpret_cast<const sockaddr*>(&to), sizeof to), 0);
    return fd;
  }
  void send_from_peer(const Bytes& frame) {
    ASSERT_EQ(send(peer_socket_.get(), frame.data(), frame.size(), 0),
              static_cast<ssize_t>(frame.size()));
  }

  void open(Dispatcher dispatcher = put_behind_libxdps) {
    auto opened = SteeringProgram::open(
        directory(), sizes_, [this](const std::string& line) { log(line); }, std::move(dispatcher));
    ASSERT_TRUE(opened) << opened.error().message;
    program_ = std::move(*opened);
  }
  // That the program is alone is right on some kernels; `alone_` has it apart.
  void log(const std::string& line) {
    (line.find(" is attached alone: ") == line.npos ? logged_ : alone_) += line + "\n";
  }
  // As if the process had been killed: nothing is detached.
  void abandon() { program_.reset(); }

  [[nodiscard]] std::string directory() const { return bpffs_->path() + "/tandem"; }

  // 192.0.2.100 without a lease.
  void gate() {
    flow::Steering steering(program_->tables());
    steering.close_all();
    flow::SteeredRouter router;
    router.ifindex = ifindex_;
    router.vrid = 51;
    router.addresses = {frames::ip("192.0.2.100")};
    ASSERT_TRUE(steering.publish(std::vector{router}, {}));
  }
  // Whether the program on veth0 is alive, and looks into our tables.
  bool drops_what_is_gated() {
    const auto before = program_->maps().counters()[TD_DROP_NO_LEASE];
    const auto end = MonotonicClock::now() + seconds(10);
    while (MonotonicClock::now() < end) {
      send_from_peer(frames::ipv4({frames::ip("192.0.2.100")}, frames::tcp(80)));
      std::this_thread::sleep_for(milliseconds(5));
      if (program_->maps().counters()[TD_DROP_NO_LEASE] > before) return true;
    }
    return false;
  }

  std::optional<PrivateBpffs> bpffs_;
  unsigned ifindex_ = 0;
  Descriptor peer_socket_;
  std::string logged_, alone_;
  MapSizes sizes_;
  std::unique_ptr<SteeringProgram> program_;
};

TEST_P(SteeringProgramTest, AttachesInTheModeAskedForAndDetaches) {
  open();
  const auto mode = program_->attach(ifindex_, "veth0", GetParam());
  ASSERT_TRUE(mode) << mode.error().message;
  EXPECT_EQ(mode->mode, GetParam());
  EXPECT_EQ(on_device(ifindex_).native != 0, GetParam() == XdpMode::native);
  EXPECT_EQ(on_device(ifindex_).generic != 0, GetParam() == XdpMode::generic);
  EXPECT_EQ(logged_, "");
  gate();
  EXPECT_TRUE(drops_what_is_gated());

  program_->detach(ifindex_);
  EXPECT_EQ(on_device(ifindex_).native, 0u);
  EXPECT_EQ(on_device(ifindex_).generic, 0u);
  program_->detach(ifindex_);  // nothing to do
}

TEST_P(SteeringProgramTest, OutlivesItsProcessWithTheGateClosed) {
  open();
  ASSERT_TRUE(program_->attach(ifindex_, "veth0", GetParam()));
  gate();
  abandon();
  EXPECT_NE(on_device(ifindex_).native + on_device(ifindex_).generic, 0u);
  open();  // the same maps: pinned
  EXPECT_TRUE(drops_what_is_gated());
}

TEST_P(SteeringProgramTest, BelongsToOneProcessAtATime) {
  open();
  const auto second = SteeringProgram::open(directory(), {}, [](const std::string&) {});
  ASSERT_FALSE(second);
  EXPECT_NE(second.error().message.find("another tandemd"), std::string::npos);
  abandon();
  open();
}

TEST_P(SteeringProgramTest, ReplacesWhatAnEarlierProcessLeft) {
  for (const XdpMode left : {XdpMode::native, XdpMode::generic}) {
    open();
    ASSERT_TRUE(program_->attach(ifindex_, "veth0", left));
    const OnDevice old = on_device(ifindex_);
    abandon();
    open();
    const auto mode = program_->attach(ifindex_, "veth0", GetParam());
    ASSERT_TRUE(mode) << mode.error().message;
    const OnDevice now = on_device(ifindex_);
    EXPECT_EQ(now.native != 0, GetParam() == XdpMode::native);
    EXPECT_EQ(now.generic != 0, GetParam() == XdpMode::generic);
    EXPECT_NE(now.native + now.generic, old.native + old.generic);
    gate();
    EXPECT_TRUE(drops_what_is_gated());
    program_->close();
  }
}

TEST_P(SteeringProgramTest, LeavesAProgramThatIsNotOursAlone) {
  const Descriptor other = others_program();
  ASSERT_TRUE(other) << strerror(errno);
  const auto flags = GetParam() == XdpMode::native ? XDP_FLAGS_DRV_MODE : XDP_FLAGS_SKB_MODE;
  ASSERT_EQ(bpf_xdp_attach(static_cast<int>(ifindex_), other.get(), flags, nullptr), 0);
  const OnDevice before = on_device(ifindex_);
  open();
  const auto mode = program_->attach(ifindex_, "veth0", GetParam());
  ASSERT_FALSE(mode);
  EXPECT_NE(mode.error().message.find("veth0"), std::string::npos) << mode.error().message;
  EXPECT_NE(mode.error().message.find("not_ours"), std::string::npos) << mode.error().message;
  EXPECT_EQ(on_device(ifindex_).native, before.native);
  EXPECT_EQ(on_device(ifindex_).generic, before.generic);
  program_->close();
  EXPECT_EQ(on_device(ifindex_).native, before.native);
  EXPECT_EQ(on_device(ifindex_).generic, before.generic);
}

// As Linux 6.12 does with the dispatcher of libxdp 1.3.
std::expected<void, DispatcherRefusal> refuse(xdp_program&, unsigned, XdpMode) {
  return std::unexpected(
      DispatcherRefusal{EINVAL, "Extension program changes packet data, while original does not"});
}

TEST_P(SteeringProgramTest, IsAloneWhereADispatcherIsRefusedAndSaysSoOnce) {
  open(refuse);
  for (const auto& [ifindex, name] : {std::pair(ifindex_, "veth0"), std::pair(1u, "lo")}) {
    const auto attached =
        program_->attach(ifindex, name, name == std::string("lo") ? XdpMode::generic : GetParam());
    ASSERT_TRUE(attached) << attached.error().message;
    EXPECT_EQ(attached->way, XdpWay::alone);
  }
  EXPECT_EQ(on_device(ifindex_).native != 0, GetParam() == XdpMode::native);
  EXPECT_EQ(logged_, "");
  EXPECT_EQ(std::ranges::count(alone_, '\n'), 1) << alone_;
  EXPECT_NE(alone_.find("changes packet data"), std::string::npos) << alone_;
  gate();
  EXPECT_TRUE(drops_what_is_gated());
  program_->close();
  EXPECT_EQ(on_device(ifindex_).native + on_device(ifindex_).generic, 0u);
}

// An upgrade to a build, or a downgrade to a library, that attaches in another way.
TEST_P(SteeringProgramTest, ReplacesWhatWasAttachedInAnotherWay) {
  for (const bool was_refused : {true, false}) {
    open(was_refused ? Dispatcher(refuse) : put_behind_libxdps);
    ASSERT_TRUE(program_->attach(ifindex_, "veth0", GetParam()));
    abandon();
    open(was_refused ? put_behind_libxdps : Dispatcher(refuse));
    const auto attached = program_->attach(ifindex_, "veth0", GetParam());
    ASSERT_TRUE(attached) << attached.error().message;
    EXPECT_EQ(attached->mode, GetParam());
    gate();
    EXPECT_TRUE(drops_what_is_gated());
    program_->close();
    EXPECT_EQ(on_device(ifindex_).native + on_device(ifindex_).generic, 0u);
  }
}

// Somebody put a program of his own into the place of ours: that one stays when ours is to go.
TEST_P(SteeringProgramTest, TakesOffNobodyElsesProgram) {
  open(refuse);
  ASSERT_TRUE(program_->attach(ifindex_, "veth0", GetParam()));
  const Descriptor other = others_program();
  const auto flags = GetParam() == XdpMode::native ? XDP_FLAGS_DRV_MODE : XDP_FLAGS_SKB_MODE;
  ASSERT_EQ(bpf_xdp_attach(static_cast<int>(ifindex_), other.get(), flags, nullptr), 0);
  program_->detach(ifindex_);
  EXPECT_NE(on_device(ifindex_).native + on_device(ifindex_).generic, 0u);
}

// `ip link set dev veth0 xdp off`, and `tc qdisc del dev veth0 clsact`.
TEST_P(SteeringProgramTest, PutsBackWhatSomebodyTookOff) {
  open(refuse);
  ASSERT_TRUE(program_->attach(ifindex_, "veth0", GetParam()));
  std::string said;
  EXPECT_TRUE(program_->restore(ifindex_, "veth0", said));
  EXPECT_EQ(said, "");
  const OnDevice before = on_device(ifindex_);
  run(GetParam() == XdpMode::native ? "ip link set dev veth0 xdpdrv off"
                                    : "ip link set dev veth0 xdpgeneric off");
  ASSERT_EQ(on_device(ifindex_).native + on_device(ifindex_).generic, 0u);
  EXPECT_TRUE(program_->restore(ifindex_, "veth0", said));
  EXPECT_NE(said.find("is put back"), std::string::npos) << said;
  EXPECT_EQ(on_device(ifindex_).native, before.native);
  EXPECT_EQ(on_device(ifindex_).generic, before.generic);
  gate();
  EXPECT_TRUE(drops_what_is_gated());

  said.clear();
  run("tc qdisc del dev veth0 clsact");
  EXPECT_TRUE(program_->restore(ifindex_, "veth0", said));
  EXPECT_NE(said.find("the filter on the way out"), std::string::npos) << said;
  EXPECT_NE(run("tc filter show dev veth0 egress").find("bpf"), std::string::npos);
}

TEST_P(SteeringProgramTest, TellsOfAnotherProgramInItsPlace) {
  open();
  ASSERT_TRUE(program_->attach(ifindex_, "veth0", GetParam()));
  const Descriptor other = others_program();
  const auto flags = GetParam() == XdpMode::native ? XDP_FLAGS_DRV_MODE : XDP_FLAGS_SKB_MODE;
  ASSERT_EQ(bpf_xdp_attach(static_cast<int>(ifindex_), other.get(), flags, nullptr), 0);
  std::string said;
  EXPECT_FALSE(program_->restore(ifindex_, "veth0", said));
  EXPECT_NE(said.find("taken off or replaced"), std::string::npos) << said;
  EXPECT_FALSE(program_->restore(ifindex_ + 1000, "none", said));
}

TEST_P(SteeringProgramTest, HandsAdvertsToTheRing) {
  open();
  ASSERT_TRUE(program_->attach(ifindex_, "veth0", GetParam()));
  auto ring = AdvertRing::open(program_->advert_ring_fd());
  ASSERT_TRUE(ring) << ring.error().message;
  const Bytes frame = frames::advert({.vlan = {20, 30}});
  pollfd ready{ring->poll_fd(), POLLIN, 0};
  for (int tries = 0; tries < 100 && poll(&ready, 1, 100) == 0; tries++) send_from_peer(frame);

  struct Seen {
    unsigned ifindex = 0;
    unsigned inner = 0;
    Bytes packet;
  } seen;
  ASSERT_EQ(ring->drain(1,
                        [&](const td_advert& a) {
                          seen = {a.ifindex, a.vlan[1], Bytes(a.packet, a.packet + a.length)};
                        }),
            1);
  EXPECT_EQ(seen.ifindex, ifindex_);
  EXPECT_EQ(seen.inner, 30u);
  EXPECT_EQ(seen.packet, Bytes(frame.begin() + 22, frame.end()));
}

INSTANTIATE_TEST_SUITE_P(Modes, SteeringProgramTest,
                         testing::Values(XdpMode::native, XdpMode::generic), [](const auto& mode) {
                           return mode.param == XdpMode::native ? "native" : "generic";
                         });

// libxdp's dispatcher, where this kernel takes the steering program behind it; tests/lab/kernels has
// kernels of both kinds.
TEST_P(SteeringProgramTest, IsBehindADispatcherOrSaysWhyItIsAlone) {
  open();
  const auto attached = program_->attach(ifindex_, "veth0", GetParam());
  ASSERT_TRUE(attached) << attached.error().message;
  if (attached->way == XdpWay::alone) {
    EXPECT_NE(alone_.find("it cannot be behind libxdp's dispatcher here ("), std::string::npos)
        << alone_;
    return;
  }
  const OnDevice before = on_device(ifindex_);
  abandon();
  open();
  const auto again = program_->attach(ifindex_, "veth0", GetParam());
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_EQ(again->way, XdpWay::dispatcher);
  EXPECT_NE(on_device(ifindex_).native + on_device(ifindex_).generic,
            before.native + before.generic);
  gate();
  EXPECT_TRUE(drops_what_is_gated());
  EXPECT_EQ(alone_ + logged_, "");
}

class OneSteeringProgramTest : public SteeringProgramTest {};
INSTANTIATE_TEST_SUITE_P(Any, OneSteeringProgramTest, testing::Values(XdpMode::automatic),
                         [](const auto&) { return "automatic"; });

TEST_P(OneSteeringProgramTest, IsNativeWhereTheDriverCan) {
  open();
  const auto mode = program_->attach(ifindex_, "veth0", GetParam());
  ASSERT_TRUE(mode) << mode.error().message;
  EXPECT_EQ(mode->mode, XdpMode::native);
  EXPECT_EQ(logged_, "");
}

// Nor is native mode given up for the dispatcher.
TEST_P(OneSteeringProgramTest, IsNativeWithoutADispatcherToo) {
  open(refuse);
  const auto attached = program_->attach(ifindex_, "veth0", GetParam());
  ASSERT_TRUE(attached) << attached.error().message;
  EXPECT_EQ(*attached, (XdpAttachment{XdpMode::native, XdpWay::alone}));
  EXPECT_EQ(logged_, "");
}

// The loopback interface has no native XDP.
TEST_P(OneSteeringProgramTest, IsGenericElsewhereAndSaysSoLoudly) {
  open();
  const auto mode = program_->attach(1, "lo", GetParam());
  ASSERT_TRUE(mode) << mode.error().message;
  EXPECT_EQ(mode->mode, XdpMode::generic);
  EXPECT_NE(logged_.find("WARNING: lo "), std::string::npos) << logged_;
  EXPECT_FALSE(program_->attach(1, "lo", XdpMode::native));
}

TEST_P(OneSteeringProgramTest, CloseLeavesNothingBehind) {
  open();
  ASSERT_TRUE(program_->attach(ifindex_, "veth0", GetParam()));
  ASSERT_TRUE(program_->attach(1, "lo", XdpMode::generic));
  program_->close();
  EXPECT_EQ(on_device(ifindex_).native, 0u);
  EXPECT_EQ(on_device(1).generic, 0u);
  EXPECT_FALSE(std::filesystem::exists(directory()));
}

// What an earlier process of the same build had loaded goes on, on the device too.
TEST_P(OneSteeringProgramTest, TakesOverTheProgramsOfAnEarlierProcess) {
  open(refuse);
  EXPECT_FALSE(program_->code().taken_over());
  ASSERT_TRUE(program_->attach(ifindex_, "veth0", XdpMode::generic));
  const OnDevice before = on_device(ifindex_);
  abandon();
  open(refuse);
  EXPECT_TRUE(program_->code().taken_over());
  ASSERT_TRUE(program_->attach(ifindex_, "veth0", XdpMode::generic));
  EXPECT_EQ(on_device(ifindex_).generic, before.generic);
  gate();
  EXPECT_TRUE(drops_what_is_gated());
}

// On maps of another size, or when one of them is missing, programs are loaded anew.
TEST_P(OneSteeringProgramTest, LoadsProgramsAnewForOtherMaps) {
  open();
  ASSERT_TRUE(program_->attach(ifindex_, "veth0", GetParam()));
  abandon();
  sizes_.source_addresses = 2;
  open();
  EXPECT_FALSE(program_->code().taken_over());
  ASSERT_TRUE(program_->attach(ifindex_, "veth0", GetParam()));
  gate();
  EXPECT_TRUE(drops_what_is_gated());
  const std::string pins = directory() + "/v" + std::to_string(TD_ABI_VERSION);
  for (const auto& pin : std::filesystem::directory_iterator(pins)) {
    if (!pin.path().filename().string().ends_with("_td_egress")) continue;
    abandon();
    std::filesystem::remove(pin.path());
    open();
    EXPECT_FALSE(program_->code().taken_over());
    return;
  }
  FAIL() << "no program is pinned in " << pins;
}

TEST_P(OneSteeringProgramTest, WantsABpfFileSystem) {
  const auto opened = SteeringProgram::open("/tmp/tandem", {}, [](const std::string&) {});
  ASSERT_FALSE(opened);
  EXPECT_NE(opened.error().message.find("/tmp is not a BPF file system"), std::string::npos)
      << opened.error().message;
}

// Pins of the same name that are something else: refused, with the place.
TEST_P(OneSteeringProgramTest, RefusesPinnedMapsOfAnotherShape) {
  const std::string pins = directory() + "/v" + std::to_string(TD_ABI_VERSION);
  std::filesystem::create_directories(pins);
  const Descriptor map(bpf_map_create(BPF_MAP_TYPE_ARRAY, "td_tables", 4, 64, 1, nullptr));
  ASSERT_TRUE(map);
  ASSERT_EQ(bpf_obj_pin(map.get(), (pins + "/td_tables").c_str()), 0);
  const auto opened = SteeringProgram::open(directory(), {}, [](const std::string&) {});
  ASSERT_FALSE(opened);
  EXPECT_NE(opened.error().message.find(pins), std::string::npos) << opened.error().message;
}

TEST_P(OneSteeringProgramTest, NamesTheInterfaceThatIsNotThere) {
  open();
  const auto mode = program_->attach(4711, "eth9", GetParam());
  ASSERT_FALSE(mode);
  EXPECT_NE(mode.error().message.find("eth9"), std::string::npos) << mode.error().message;
}

}  // namespace
}  // namespace tandem::engine
