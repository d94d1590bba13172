// SPDX-License-Identifier: Apache-2.0
// How many instructions the packet's way takes: speed, held without a clock. instructions.txt has the
// numbers of each toolchain; a change that moves one has to move it there, too.
//
// As BPF it is the size of each program. As C++ it is what one packet runs through, counted by single
// steps of a process (ptrace(2)).
#include <bpf/libbpf.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <sstream>
#include <string>

#include "service_node.hpp"
#include "tandem/steer_plain.h"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wold-style-cast"
#include "tandem.skel.h"  // generated C
#pragma GCC diagnostic pop

namespace tandem {
namespace {

using Counts = std::map<std::string, long>;

// The rows below "[toolchain]": "what: instructions". none: there is no such section.
std::optional<Counts> counts_of(const std::string& toolchain) {
  std::ifstream file(TANDEM_INSTRUCTIONS);
  std::optional<Counts> counts;
  for (std::string line, section; std::getline(file, line);) {
    if (line.starts_with("[")) {
      section = line.substr(1, line.find(']') - 1);
      if (section == toolchain) counts.emplace();
    } else if (const auto colon = line.rfind(": ");
               section == toolchain && colon != std::string::npos) {
      (*counts)[line.substr(0, colon)] = std::stol(line.substr(colon + 2));
    }
  }
  return counts;
}

std::string to_text(const std::string& toolchain, const Counts& counts) {
  std::ostringstream text;
  text << "[" << toolchain << "]\n";
  for (const auto& [what, count] : counts) text << what << ": " << count << "\n";
  return text.str();
}

void expect_as_in_the_file(const std::string& toolchain, const Counts& found) {
  const auto expected = counts_of(toolchain);
  if (!expected)
    GTEST_SKIP() << "instructions.txt has no numbers of " << toolchain << "; they are\n"
                 << to_text(toolchain, found);
  EXPECT_EQ(to_text(toolchain, found), to_text(toolchain, *expected))
      << "If the change is meant, tests/bpf/instructions.txt has to have the numbers found.";
}

// ---- As BPF

TEST(Instructions, OfEachProgram) {
  struct Destroy {
    void operator()(tandem_bpf* skeleton) const { tandem_bpf__destroy(skeleton); }
  };
  const std::unique_ptr<tandem_bpf, Destroy> skeleton(tandem_bpf__open());
  ASSERT_TRUE(skeleton);
  Counts found;
  bpf_program* program = nullptr;
  bpf_object__for_each_program(program, skeleton->obj) found[bpf_program__name(program)] =
      static_cast<long>(bpf_program__insn_cnt(program));
  expect_as_in_the_file(TANDEM_BPF_TOOLCHAIN, found);
}

// ---- As C++

// Runs between two stops of a child that asked to be traced.
void between_stops(const std::function<void()>& run) {
  ptrace(PTRACE_TRACEME, 0, nullptr, nullptr);
  raise(SIGSTOP);
  run();
  raise(SIGSTOP);
  _exit(0);
}

// none: this process may not trace another one.
std::optional<long> steps_of(const std::function<void()>& run) {
  const pid_t child = fork();
  if (child == 0) between_stops(run);
  int status = 0;
  long steps = 0;
  if (waitpid(child, &status, 0) != child || !WIFSTOPPED(status)) return {};
  while (ptrace(PTRACE_SINGLESTEP, child, nullptr, nullptr) == 0 &&
         waitpid(child, &status, 0) == child && WIFSTOPPED(status) && WSTOPSIG(status) == SIGTRAP)
    steps++;
  const bool is_whole = WIFSTOPPED(status) && WSTOPSIG(status) == SIGSTOP;
  kill(child, SIGKILL);
  waitpid(child, &status, 0);
  return is_whole ? std::optional(steps) : std::nullopt;
}

// A frame in memory as the packet core wants it.
class Laid {
 public:
  Laid(const frames::Bytes& frame, const ServiceNode& node, MonotonicTime now)
      : bytes_(kRoom + frame.size()) {
    std::ranges::copy(frame, bytes_.begin() + kRoom);
    frame_.first = bytes_.data();
    frame_.data = frame_.first + kRoom;
    frame_.end = frame_.last = frame_.first + bytes_.size();
    frame_.ifindex = rig::kLink;
    frame_.now_ns = to_ns(now);
    frame_.jiffies = node.jiffies(now);
  }
  td_frame& frame() { return frame_; }

 private:
  static constexpr std::ptrdiff_t kRoom = 256;
  frames::Bytes bytes_;
  td_frame frame_{};
};

class Ways {
 public:
  // The service's flows whose backend is behind the client's link, so that their frames are plain.
  void add(const TestService& service) {
    for (unsigned client = 1; client < 20; client++) {
      Segment segment{.client = client};
      const auto first = node().admit(to_service(service, segment), rig::kLink, now_);
      segment.flags = TD_TCP_ACK;
      auto packet = node().steer(to_service(service, segment), rig::kLink, now_);
      if (first.out.backend != 2 * service.number || packet.reason != TD_TX_FORWARD) continue;
      const std::string what = name_of(service);
      if (service.is_nat()) {
        const std::uint16_t port = load_be16(&packet.frame[service.address.is_v4() ? 34 : 54]);
        const auto answer =
            from_backend(service, 0, {.client = client, .flags = TD_TCP_SYN | TD_TCP_ACK}, port);
        node().steer(answer, rig::kLink, now_);
        node().steer(to_service(service, segment), rig::kLink, now_);
        count(what + ", answer", from_backend(service, 0, segment, port), TD_TX_REPLY);
      }
      return count(what, to_service(service, segment), TD_TX_FORWARD);
    }
    ADD_FAILURE() << name_of(service) << ": no flow went to the first backend";
  }
  void count_others() {
    count("not ours, IPv4", frames::ipv4({frames::ip("203.0.113.77")}, frames::tcp(80)),
          TD_PASS_OTHER);
    count("not ours, IPv6", frames::ipv6({frames::ip("2001:db8:77::1")}, frames::tcp(80)),
          TD_PASS_OTHER);
    count("local, IPv4", frames::ipv4({frames::ip("192.0.2.100")}, frames::tcp(80)), TD_PASS_LOCAL);
  }
  [[nodiscard]] const Counts& found() const { return found_; }
  [[nodiscard]] bool may_trace() const { return may_trace_; }

 private:
  static std::string name_of(const TestService& s) {
    const char* const mode = s.mode == TD_MODE_NAT       ? "nat"
                             : s.mode == TD_MODE_FULLNAT ? "fullnat"
                             : s.mode == TD_MODE_DSR     ? "dsr"
                                                         : "tunnel";
    return std::string(mode) + (s.address.is_v4() ? ", IPv4" : ", IPv6") + (s.udp ? ", UDP" : "");
  }
  ServiceNode& node() { return memory_.node; }

  // The second packet counts: the first one had the linker look for functions.
  void count(const std::string& what, const frames::Bytes& bytes, td_reason reason) {
    Laid warm(bytes, node(), now_), counted(bytes, node(), now_);
    td_outcome out{};
    EXPECT_EQ(td_steer_plain(&warm.frame(), &node().env(), &out), reason) << what;
    const auto steps = steps_of([&] { td_steer_plain(&counted.frame(), &node().env(), &out); });
    const auto empty = steps_of([] {});
    may_trace_ = may_trace_ && steps && empty;
    if (may_trace_) found_[what] = *steps - *empty;
  }

  MonotonicTime now_ = MonotonicClock::now();
  MemoryNode memory_{now_};
  Counts found_;
  bool may_trace_ = true;
};

TEST(Instructions, OfAPlainPacket) {
  Ways ways;
  for (const auto& service : test_services())
    if (service.vlan[0] == 0 && service.number != 14 &&
        service.backends == service.address.family())
      ways.add(service);
  ways.count_others();
  if (!ways.may_trace()) GTEST_SKIP() << "needs to be allowed to trace a process of its own";
  expect_as_in_the_file(TANDEM_TOOLCHAIN, ways.found());
}

}  // namespace
}  // namespace tandem
