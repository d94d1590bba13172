// SPDX-License-Identifier: Apache-2.0
// lab_probe: how long was an address away? Sends one ICMP or ICMPv6 echo request every
// millisecond and notes which were answered, when and from which MAC.
//
// Requests leave through a raw IP socket, so that the kernel's neighbour cache decides which node
// they go to: an address that moved without an announcement is away, as it is for a user. Replies
// are taken from a packet socket, which tells the MAC that answered.
//
// A gap is a run of requests without a reply within 200 ms, or by the end. It lasts from its first
// lost request to the next one answered, by the times at which they were really sent: a probe that
// the scheduler kept waiting (worst_lateness_ms) lengthens no gap of its own making.
// longest_silence_ms is the longest time between two replies: it also shows a time in which
// requests waited in some queue and were answered late, which is no gap.
//
// Prints one JSON object at the end of the time, or on SIGINT or SIGTERM.
#include <arpa/inet.h>
#include <net/ethernet.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/ip_icmp.h>
#include <netpacket/packet.h>
#include <poll.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

namespace {

constexpr std::int64_t kInterval = 1'000'000;  // nanoseconds, as all times here
constexpr std::int64_t kPatience = 200'000'000;
constexpr std::int64_t kNoAnswer = -1;
constexpr int kRealTimePriority = 40;  // below a VRRP thread's 50

volatile std::sig_atomic_t stop_requested = 0;

struct Sample {
  std::int64_t sent = 0;
  std::int64_t answered = kNoAnswer;
};

struct Answerer {  // one stretch of answers from the same MAC
  std::string mac;
  std::int64_t first = 0;
  std::int64_t last = 0;
  std::uint64_t answers = 0;
};

// What a request carries behind its ICMP header, and a reply brings back.
struct Payload {
  std::uint32_t cookie;  // tells this probe's replies from another's
  std::uint32_t index;
};
constexpr std::size_t kIcmpHeader = 8;  // the same length in both families

std::int64_t now() {
  timespec t{};
  clock_gettime(CLOCK_MONOTONIC, &t);
  return std::int64_t{t.tv_sec} * 1'000'000'000 + t.tv_nsec;
}

double milliseconds(std::int64_t ns) {
  return static_cast<double>(ns / 1000) / 1000.0;
}

[[noreturn]] void fail(const char* what) {
  std::perror(what);
  std::exit(1);
}

std::uint16_t internet_checksum(const std::uint8_t* data, std::size_t length) {  // RFC 1071
  std::uint32_t sum = 0;
  for (std::size_t i = 0; i + 1 < length; i += 2) {
    sum += static_cast<std::uint32_t>(data[i] << 8 | data[i + 1]);
  }
  while (sum >> 16 != 0) sum = (sum & 0xffff) + (sum >> 16);
  return htons(static_cast<std::uint16_t>(~sum));
}

class Probe {
 public:
  explicit Probe(const std::string& address) : cookie_(static_cast<std::uint32_t>(now())) {
    auto* v4 = reinterpret_cast<sockaddr_in*>(&target_);
    auto* v6 = reinterpret_cast<sockaddr_in6*>(&target_);
    if (inet_pton(AF_INET, address.c_str(), &v4->sin_addr) == 1) {
      target_.ss_family = AF_INET;
      target_size_ = sizeof(sockaddr_in);
    } else if (inet_pton(AF_INET6, address.c_str(), &v6->sin6_addr) == 1) {
      target_.ss_family = AF_INET6;
      target_size_ = sizeof(sockaddr_in6);
    } else {
      std::fprintf(stderr, "lab_probe: %s: expected an IPv4 or IPv6 address\n", address.c_str());
      std::exit(2);
    }
    sender_ = socket(target_.ss_family, SOCK_RAW | SOCK_NONBLOCK,
                     is_v4() ? int{IPPROTO_ICMP} : int{IPPROTO_ICMPV6});
    if (sender_ < 0) fail("lab_probe: raw socket");
    const int small = 1;  // replies are read elsewhere: let the kernel keep none of them here
    setsockopt(sender_, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
    receiver_ = socket(AF_PACKET, SOCK_DGRAM | SOCK_NONBLOCK,
                       htons(is_v4() ? ETHERTYPE_IP : ETHERTYPE_IPV6));
    if (receiver_ < 0) fail("lab_probe: packet socket");
    const int large = 4 << 20;
    setsockopt(receiver_, SOL_SOCKET, SO_RCVBUFFORCE, &large, sizeof large);
  }

  // Sends for `duration`, or without end if it is 0, until a signal asks to stop.
  void run(std::int64_t duration) {
    samples_.reserve(duration != 0 ? static_cast<std::size_t>(duration / kInterval) + 1 : 1 << 20);
    start_ = now();
    std::int64_t next = start_;
    while (stop_requested == 0 && (duration == 0 || next < start_ + duration)) {
      send();
      worst_lateness_ = std::max(worst_lateness_, samples_.back().sent - next);
      next = std::max(next + kInterval, now());
      receive_until(next);
    }
    receive_until(now() + kPatience);
  }

  [[nodiscard]] nlohmann::ordered_json report() const {
    nlohmann::ordered_json gaps = nlohmann::ordered_json::array();
    double longest = 0;
    std::size_t answered = 0;
    for (std::size_t i = 0; i < samples_.size();) {
      if (!lost(samples_[i])) {
        ++answered;
        ++i;
        continue;
      }
      std::size_t end = i;
      while (end < samples_.size() && lost(samples_[end])) ++end;
      const std::int64_t until =
          end < samples_.size() ? samples_[end].sent : samples_.back().sent + kInterval;
      const double length = milliseconds(until - samples_[i].sent);
      gaps.push_back({{"start_ms", milliseconds(samples_[i].sent - start_)},
                      {"missed", end - i},
                      {"length_ms", length},
                      {"open", end == samples_.size()}});
      longest = std::max(longest, length);
      i = end;
    }
    nlohmann::ordered_json answerers = nlohmann::ordered_json::array();
    for (const Answerer& a : answerers_) {
      answerers.push_back({{"mac", a.mac},
                           {"first_ms", milliseconds(a.first - start_)},
                           {"last_ms", milliseconds(a.last - start_)},
                           {"answers", a.answers}});
    }
    nlohmann::ordered_json report;
    report["start_monotonic_ns"] = start_;
    report["sent"] = samples_.size();
    report["answered"] = answered;
    report["worst_lateness_ms"] = milliseconds(worst_lateness_);
    report["longest_gap_ms"] = longest;
    report["longest_silence_ms"] = milliseconds(longest_silence_);
    report["gaps"] = gaps;
    report["answerers"] = answerers;
    return report;
  }

 private:
  [[nodiscard]] bool is_v4() const { return target_.ss_family == AF_INET; }

  static bool lost(const Sample& s) {
    return s.answered == kNoAnswer || s.answered - s.sent > kPatience;
  }

  void send() {
    std::array<std::uint8_t, kIcmpHeader + sizeof(Payload)> message{};
    const Payload payload{cookie_, static_cast<std::uint32_t>(samples_.size())};
    message[0] = static_cast<std::uint8_t>(is_v4() ? int{ICMP_ECHO} : int{ICMP6_ECHO_REQUEST});
    const std::uint16_t sequence = htons(static_cast<std::uint16_t>(payload.index));
    std::memcpy(&message[6], &sequence, sizeof sequence);
    std::memcpy(&message[kIcmpHeader], &payload, sizeof payload);
    if (is_v4()) {  // the kernel fills in ICMPv6's
      const std::uint16_t sum = internet_checksum(message.data(), message.size());
      std::memcpy(&message[2], &sum, sizeof sum);
    }
    samples_.push_back({now(), kNoAnswer});
    // What could not be sent (no neighbour, no route) is lost like what nobody answered.
    (void)sendto(sender_, message.data(), message.size(), 0,
                 reinterpret_cast<const sockaddr*>(&target_), target_size_);
  }

  void receive_until(std::int64_t deadline) {
    for (;;) {
      const std::int64_t left = deadline - now();
      if (left <= 0) return;
      pollfd waiting{receiver_, POLLIN, 0};
      const timespec patience{left / 1'000'000'000, left % 1'000'000'000};
      if (ppoll(&waiting, 1, &patience, nullptr) > 0) receive();
    }
  }

  void receive() {
    std::array<std::uint8_t, 2048> packet{};
    sockaddr_ll from{};
    socklen_t size = sizeof from;
    const ssize_t got = recvfrom(receiver_, packet.data(), packet.size(), 0,
                                 reinterpret_cast<sockaddr*>(&from), &size);
    if (got <= 0 || from.sll_pkttype == PACKET_OUTGOING) return;
    const auto payload = reply_in(packet.data(), static_cast<std::size_t>(got));
    if (!payload || payload->cookie != cookie_ || payload->index >= samples_.size()) return;
    Sample& sample = samples_[payload->index];
    const std::int64_t when = now();
    if (sample.answered == kNoAnswer) sample.answered = when;
    if (!answerers_.empty()) {
      longest_silence_ = std::max(longest_silence_, when - answerers_.back().last);
    }
    note_answerer(from, when);
  }

  [[nodiscard]] std::optional<Payload> reply_in(const std::uint8_t* packet,
                                                std::size_t length) const {
    const std::size_t header = is_v4() ? std::size_t{packet[0] & 0xfU} * 4 : std::size_t{40};
    if (length < header + kIcmpHeader + sizeof(Payload)) return std::nullopt;
    const int protocol = is_v4() ? packet[9] : packet[6];
    const int wanted = is_v4() ? int{IPPROTO_ICMP} : int{IPPROTO_ICMPV6};
    const int reply = is_v4() ? int{ICMP_ECHOREPLY} : int{ICMP6_ECHO_REPLY};
    if (protocol != wanted || packet[header] != reply) return std::nullopt;
    Payload payload{};
    std::memcpy(&payload, packet + header + kIcmpHeader, sizeof payload);
    return payload;
  }

  void note_answerer(const sockaddr_ll& from, std::int64_t when) {
    std::array<char, 18> mac{};
    const auto* b = from.sll_addr;
    std::snprintf(mac.data(), mac.size(), "%02x:%02x:%02x:%02x:%02x:%02x", b[0], b[1], b[2], b[3],
                  b[4], b[5]);
    if (answerers_.empty() || answerers_.back().mac != mac.data()) {
      answerers_.push_back({mac.data(), when, when, 0});
    }
    answerers_.back().last = when;
    ++answerers_.back().answers;
  }

  std::uint32_t cookie_;
  sockaddr_storage target_{};
  socklen_t target_size_ = 0;
  int sender_ = -1;
  int receiver_ = -1;
  std::int64_t start_ = 0;
  std::int64_t worst_lateness_ = 0;
  std::int64_t longest_silence_ = 0;
  std::vector<Sample> samples_;
  std::vector<Answerer> answerers_;
};

void request_stop(int) {
  stop_requested = 1;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fputs("usage: lab_probe ADDRESS SECONDS (0: until SIGINT or SIGTERM)\n", stderr);
    return 2;
  }
  std::signal(SIGINT, request_stop);
  std::signal(SIGTERM, request_stop);
  // Refused in a container without the right to it; worst_lateness_ms then tells.
  const sched_param priority{kRealTimePriority};
  const bool real_time = sched_setscheduler(0, SCHED_FIFO, &priority) == 0;

  Probe probe(argv[1]);
  probe.run(static_cast<std::int64_t>(std::atof(argv[2]) * 1e9));
  auto report = probe.report();
  report["real_time"] = real_time;
  std::puts(report.dump().c_str());
}
