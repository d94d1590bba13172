// SPDX-License-Identifier: Apache-2.0
// The flow table between a BPF program, in the kernel, and its writer, here: mapped, no system
// call.
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <memory>
#include <optional>

#include "flow/flow_table.hpp"
#include "flow_probe.h"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wold-style-cast"
#include "flow_probe.skel.h"  // generated C
#pragma GCC diagnostic pop

namespace tandem::flow {
namespace {

constexpr std::uint32_t kCapacity = 2'000;

template <class Table>
class Mapped {
 public:
  explicit Mapped(const bpf_map* map)
      : memory_(mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, MAP_SHARED, bpf_map__fd(map), 0)) {
    if (memory_ == MAP_FAILED) return;
    table_.emplace(std::span(static_cast<std::byte*>(memory_), kBytes), counts_);
    EXPECT_TRUE(table_->create(kCapacity, 6, Table::random_seeds()));
  }
  ~Mapped() { munmap(memory_, kBytes); }
  Mapped(const Mapped&) = delete;
  Mapped& operator=(const Mapped&) = delete;
  std::optional<Table>& table() { return table_; }

 private:
  static inline const std::size_t kBytes = Table::elements_for(kCapacity) * Table::kElementBytes;
  void* memory_;
  FlowCounts counts_;
  std::optional<Table> table_;
};

struct Unload {
  void operator()(flow_probe_bpf* skeleton) const { flow_probe_bpf__destroy(skeleton); }
};

class FlowProbe : public testing::Test {
 protected:
  void SetUp() override {
    if (geteuid() != 0) GTEST_SKIP() << "needs root, to load BPF programs";
    skeleton_.reset(flow_probe_bpf__open());
    ASSERT_TRUE(skeleton_);
    bpf_map__set_max_entries(skeleton_->maps.td_flows4, FlowTable4::elements_for(kCapacity));
    bpf_map__set_max_entries(skeleton_->maps.td_flows6, FlowTable6::elements_for(kCapacity));
    const int error = flow_probe_bpf__load(skeleton_.get());
    if (error == -EPERM || error == -ENOSYS)
      GTEST_SKIP() << "needs to be allowed to load BPF programs";
    ASSERT_EQ(error, 0);
    v4_.emplace(skeleton_->maps.td_flows4);
    v6_.emplace(skeleton_->maps.td_flows6);
    ASSERT_TRUE(v4_->table() && v6_->table());
  }

  flow_probe ask(flow_probe question) {
    flow_probe answer{};
    LIBBPF_OPTS(bpf_test_run_opts, options);
    options.data_in = &question;
    options.data_size_in = sizeof question;
    options.data_out = &answer;
    options.data_size_out = sizeof answer;
    EXPECT_EQ(bpf_prog_test_run_opts(bpf_program__fd(skeleton_->progs.probe), &options), 0);
    return answer;
  }
  static flow_probe about4(std::uint32_t n, Tick tick, std::uint8_t flags) {
    flow_probe question{};
    question.key.address[0] = flow_probe_key(n);
    question.family = 4;
    question.tick = tick;
    question.tcp_flags = flags;
    return question;
  }
  static flow_probe about6(std::uint32_t n, Tick tick, std::uint8_t flags) {
    flow_probe question = about4(n, tick, flags);
    flow_probe_key6(&question.key, n);
    question.family = 6;
    return question;
  }
  static td_flow6_key key6(std::uint32_t n) { return about6(n, 0, 0).key; }

  std::unique_ptr<flow_probe_bpf, Unload> skeleton_;
  std::optional<Mapped<FlowTable4>> v4_;
  std::optional<Mapped<FlowTable6>> v6_;
};

std::uint16_t backend_in(const flow_probe& answer) {
  return td_flow_backend_of(static_cast<std::uint32_t>(answer.word));
}

TEST_F(FlowProbe, FindsEveryFlowOfAFullTableAndNoOther) {
  for (std::uint32_t n = 0; n < kCapacity; n++) {
    const auto backend = static_cast<std::uint16_t>(n);
    v4_->table()->insert(flow_probe_key(n), {backend, TD_FLOW_ESTABLISHED}, 1);
    v6_->table()->insert(key6(n), {backend, TD_FLOW_ESTABLISHED}, 1);
  }
  ASSERT_EQ(v4_->table()->flows(), kCapacity);
  for (std::uint32_t n = 0; n < 2 * kCapacity; n++)
    for (const auto& answer : {ask(about4(n, 2, TD_TCP_ACK)), ask(about6(n, 2, TD_TCP_ACK))}) {
      ASSERT_EQ(answer.found, n < kCapacity) << n;
      if (!answer.found) continue;
      ASSERT_EQ(backend_in(answer), n);
    }
  EXPECT_EQ(v4_->table()->find(flow_probe_key(77))->stamp, 2);
  EXPECT_EQ(v6_->table()->find(key6(77))->stamp, 2);
}

TEST_F(FlowProbe, TakesAConnectionThroughItsStates) {
  const auto segment = [this](Tick tick, std::uint8_t flags, std::uint8_t from) {
    auto question = about4(1, tick, flags);
    question.from = from;
    const auto answer = ask(question);
    EXPECT_EQ(answer.found, 1U);
    return answer.seen;
  };
  const auto state = [this] { return v4_->table()->find(flow_probe_key(1))->state; };
  v4_->table()->insert(flow_probe_key(1), {9, TD_FLOW_SYN_SENT}, 0);
  EXPECT_EQ(segment(1, TD_TCP_SYN, TD_FROM_CLIENT), TD_FLOW_SAME);
  EXPECT_EQ(segment(2, TD_TCP_SYN | TD_TCP_ACK, TD_FROM_SERVER), TD_FLOW_SAME);
  EXPECT_EQ(state(), TD_FLOW_SYN_SENT);
  EXPECT_EQ(segment(3, TD_TCP_ACK, TD_FROM_CLIENT), TD_FLOW_SAME);
  EXPECT_EQ(state(), TD_FLOW_ESTABLISHED);
  EXPECT_EQ(segment(4, TD_TCP_ACK | TD_TCP_FIN, TD_FROM_CLIENT), TD_FLOW_ENDING);
  EXPECT_EQ(state(), TD_FLOW_FIN_CLIENT);
  EXPECT_EQ(segment(5, TD_TCP_ACK | TD_TCP_FIN, TD_FROM_SERVER), TD_FLOW_SAME);
  EXPECT_EQ(state(), TD_FLOW_CLOSED);
  EXPECT_EQ(segment(6, TD_TCP_SYN, TD_FROM_CLIENT), TD_FLOW_NEW);
  const auto flow = v4_->table()->find(flow_probe_key(1));
  EXPECT_EQ(flow->backend, 9);
  EXPECT_EQ(flow->stamp, 5);
  EXPECT_TRUE(flow->counted) << "the daemon's to change";
}

TEST_F(FlowProbe, KeepsUdpFlowsFresh) {
  v6_->table()->insert(key6(1), {9, TD_FLOW_ACTIVE}, 0);
  auto question = about6(1, 500, 0);
  question.udp = 1;
  EXPECT_EQ(ask(question).found, 1U);
  EXPECT_EQ(v6_->table()->find(key6(1))->stamp, 500);
  EXPECT_EQ(v6_->table()->find(key6(1))->state, TD_FLOW_ACTIVE);
}

TEST_F(FlowProbe, SeesWhatWasErasedNoMore) {
  v4_->table()->insert(flow_probe_key(1), {9, TD_FLOW_ACTIVE}, 0);
  v4_->table()->erase(flow_probe_key(1));
  EXPECT_EQ(ask(about4(1, 0, TD_TCP_ACK)).found, 0U);
}

}  // namespace
}  // namespace tandem::flow
