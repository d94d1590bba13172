// SPDX-License-Identifier: Apache-2.0
#include "kernel_side.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <linux/ip_vs.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/ip.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <span>
#include <string>
#include <system_error>

namespace tandem::ipvs {
namespace {

constexpr const char* kDevice = "tap0";
constexpr std::uint32_t kVip = 0xc0000264;       // 192.0.2.100
constexpr std::uint32_t kBackends = 0xc6336400;  // 198.51.100.0
constexpr std::uint32_t kClient = 0xcb007101;    // 203.0.113.1
constexpr std::uint16_t kPort = 80, kFirstPort = 10'000;

int checked(int result, const char* what) {
  if (result < 0) throw std::system_error(errno, std::generic_category(), what);
  return result;
}

ifreq request() {
  ifreq request{};
  std::strncpy(request.ifr_name, kDevice, IFNAMSIZ - 1);
  return request;
}

int open_tap() {
  const int fd = checked(open("/dev/net/tun", O_RDWR | O_NONBLOCK), "/dev/net/tun");
  ifreq wanted = request();
  wanted.ifr_flags = IFF_TAP | IFF_NO_PI;
  checked(ioctl(fd, TUNSETIFF, &wanted), "TUNSETIFF");
  return fd;
}

ip_vs_service_user service() {
  ip_vs_service_user service{};
  service.protocol = IPPROTO_TCP;
  service.addr = htonl(kVip);
  service.port = htons(kPort);
  std::strncpy(service.sched_name, "wlc", sizeof service.sched_name - 1);
  service.netmask = 0xffffffff;
  return service;
}

// RFC 1071, over big-endian words.
std::uint16_t checksum(std::span<const std::byte> bytes, std::uint32_t sum) {
  for (std::size_t i = 0; i + 1 < bytes.size(); i += 2)
    sum += std::to_integer<std::uint32_t>(bytes[i]) << 8 |
           std::to_integer<std::uint32_t>(bytes[i + 1]);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  return htons(static_cast<std::uint16_t>(~sum));
}

struct __attribute__((packed)) Frame {
  ether_header ethernet;
  iphdr ip;
  tcphdr tcp;
};

Frame frame_of(const std::array<std::uint8_t, 6>& to, std::uint16_t src_port, std::uint8_t flags) {
  Frame frame{};
  std::ranges::copy(to, frame.ethernet.ether_dhost);
  constexpr std::uint8_t kClientsMac[] = {2, 0, 0, 0, 1, 1};
  std::ranges::copy(kClientsMac, frame.ethernet.ether_shost);
  frame.ethernet.ether_type = htons(ETHERTYPE_IP);
  frame.ip.version = 4;
  frame.ip.ihl = 5;
  frame.ip.tot_len = htons(sizeof(iphdr) + sizeof(tcphdr));
  frame.ip.ttl = 64;
  frame.ip.protocol = IPPROTO_TCP;
  frame.ip.saddr = htonl(kClient);
  frame.ip.daddr = htonl(kVip);
  frame.tcp.source = htons(src_port);
  frame.tcp.dest = htons(kPort);
  frame.tcp.doff = 5;
  frame.tcp.th_flags = flags;
  frame.tcp.window = htons(1024);
  const auto bytes = std::as_bytes(std::span(&frame, 1));
  frame.ip.check = checksum(bytes.subspan(offsetof(Frame, ip), sizeof(iphdr)), 0);
  // With the pseudo-header: addresses, protocol, length.
  const std::uint32_t pseudo = (kClient >> 16) + (kClient & 0xffff) + (kVip >> 16) +
                               (kVip & 0xffff) + IPPROTO_TCP + sizeof(tcphdr);
  frame.tcp.check = checksum(bytes.subspan(offsetof(Frame, tcp)), pseudo);
  return frame;
}

}  // namespace

Descriptor::~Descriptor() {
  close(fd_);
}

KernelSide::KernelSide()
    : tap_(open_tap()), control_(checked(socket(AF_INET, SOCK_RAW, IPPROTO_RAW), "socket")) {
  ifreq asked = request();
  checked(ioctl(control_.get(), SIOCGIFHWADDR, &asked), "SIOCGIFHWADDR");
  std::memcpy(mac_.data(), asked.ifr_hwaddr.sa_data, mac_.size());
  auto added = service();
  checked(setsockopt(control_.get(), IPPROTO_IP, IP_VS_SO_SET_ADD, &added, sizeof added),
          "a service for IPVS");
}

KernelSide::~KernelSide() {
  setsockopt(control_.get(), IPPROTO_IP, IP_VS_SO_SET_FLUSH, nullptr, 0);
}

void KernelSide::add(std::uint16_t backend, std::uint16_t weight) {
  struct {
    ip_vs_service_user service;
    ip_vs_dest_user destination;
  } told{service(), {}};
  told.destination.addr = htonl(kBackends | backend);
  told.destination.port = htons(kPort);
  told.destination.conn_flags = IP_VS_CONN_F_DROUTE;
  told.destination.weight = weight;
  checked(setsockopt(control_.get(), IPPROTO_IP, IP_VS_SO_SET_ADDDEST, &told, sizeof told),
          "a destination for IPVS");
  backends_.push_back(backend);
}

std::optional<std::uint16_t> KernelSide::segment(std::uint32_t flow, std::uint8_t flags) {
  while (forwarded()) continue;
  const Frame frame = frame_of(mac_, static_cast<std::uint16_t>(kFirstPort + flow), flags);
  checked(static_cast<int>(::write(tap_.get(), &frame, sizeof frame)), "write to the TAP device");
  return forwarded();
}

// The backend that a frame went to. What else leaves the device (ARP, resets) is not looked at;
// forwarding is done when write() returns, so that the wait is for nothing but surprises.
std::optional<std::uint16_t> KernelSide::forwarded() {
  pollfd ready{.fd = tap_.get(), .events = POLLIN, .revents = 0};
  while (poll(&ready, 1, 5) > 0) {
    Frame frame{};
    const ssize_t length = ::read(tap_.get(), &frame, sizeof frame);
    if (length < static_cast<ssize_t>(sizeof frame)) continue;
    if (frame.ethernet.ether_type == htons(ETHERTYPE_IP) && frame.ip.daddr == htonl(kVip))
      return frame.ethernet.ether_dhost[5];
  }
  return std::nullopt;
}

void KernelSide::wait(std::uint32_t seconds) {
  const timespec time{.tv_sec = seconds, .tv_nsec = 0};
  nanosleep(&time, nullptr);
}

// Lines such as "  -> C6336415:0050      Route   1      0          0".
std::vector<Count> KernelSide::counts() {
  std::vector<Count> counts;
  for (const std::uint16_t backend : backends_) counts.push_back({backend, 0, 0});
  std::ifstream table("/proc/net/ip_vs");
  for (std::string line; std::getline(table, line);) {
    std::uint32_t address = 0;
    int active = 0, inactive = 0;
    if (std::sscanf(line.c_str(), " -> %x:%*x %*s %*d %d %d", &address, &active, &inactive) != 3)
      continue;
    const auto found = std::ranges::find(counts, address - kBackends, &Count::backend);
    if (found != counts.end()) *found = {found->backend, active, inactive};
  }
  return counts;
}

}  // namespace tandem::ipvs
