// SPDX-License-Identifier: Apache-2.0
// lab_flood DEVICE MAC ADDRESS PORT SECONDS [FLOWS]: a SYN flood of spoofed sources
//
// Sends SYNs to ADDRESS:PORT by DEVICE, to the node with this MAC, as many as the machine can, for
// so many seconds. With FLOWS, UDP datagrams of so many flows (at most 4,194,304). Prints {"sent":
// N, "seconds": S}.
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <net/if.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wold-style-cast"
#include "flood.skel.h"  // generated C
#pragma GCC diagnostic pop

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kFrame = 60;    // without FCS: what goes over a wire at least
constexpr std::uint32_t kBatch = 64;  // frames
// Between two looks at the clock. A run costs 20 ms to begin, so that it should take longer.
constexpr std::uint32_t kFirstRun = 50'000;
constexpr double kRunSeconds = 0.2;

[[noreturn]] void fail(const char* what) {
  std::perror(what);
  std::exit(1);
}

std::array<std::uint8_t, kFrame> frame_to(const char* mac, const char* address, int port,
                                          bool udp) {
  std::array<std::uint8_t, kFrame> f{};
  if (std::sscanf(mac, "%hhx:%hhx:%hhx:%hhx:%hhx:%hhx", &f[0], &f[1], &f[2], &f[3], &f[4], &f[5]) !=
      6)
    fail("MAC address");
  constexpr std::uint8_t kSource[] = {0x02, 0, 0, 0, 0x01, 0x01};  // the lab's router
  std::memcpy(&f[6], kSource, 6);
  f[12] = 0x08;
  std::uint8_t* ip = &f[14];
  ip[0] = 0x45;
  ip[3] = udp ? kFrame - 14 : 40;
  ip[8] = 60;
  ip[9] = udp ? 17 : 6;
  constexpr std::uint8_t kNetwork[] = {203, 0, 113, 128};
  std::memcpy(ip + 12, kNetwork, 4);
  if (inet_pton(AF_INET, address, ip + 16) != 1) fail("address");
  std::uint8_t* tcp = ip + 20;
  tcp[2] = static_cast<std::uint8_t>(port >> 8);
  tcp[3] = static_cast<std::uint8_t>(port);
  if (udp) {
    tcp[5] = kFrame - 34;  // length
    return f;
  }
  tcp[12] = 5 << 4;
  tcp[13] = 0x02;
  tcp[14] = 0xff;
  return f;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 6 && argc != 7) {
    std::fputs("usage: lab_flood DEVICE MAC ADDRESS PORT SECONDS [FLOWS]\n", stderr);
    return 2;
  }
  const double seconds = std::atof(argv[5]);
  const int flows = argc == 7 ? std::atoi(argv[6]) : 0;
  auto frame = frame_to(argv[2], argv[3], std::atoi(argv[4]), flows > 0);

  const std::unique_ptr<flood_bpf, void (*)(flood_bpf*)> bpf(flood_bpf__open(), flood_bpf__destroy);
  if (!bpf) fail("flood.bpf.o");
  std::memcpy(const_cast<std::uint8_t*>(bpf->rodata->original), frame.data(), kFrame);
  bpf->rodata->flows = static_cast<std::uint32_t>(flows);
  bpf->rodata->ifindex = if_nametoindex(argv[1]);
  if (bpf->rodata->ifindex == 0) fail(argv[1]);
  if (flood_bpf__load(bpf.get()) != 0) fail("flood.bpf.o");

  xdp_md context{};
  context.data_end = kFrame;
  context.ingress_ifindex = 1;  // lo: frames are sent, whatever they are said to have come by
  LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = frame.data(), .data_size_in = kFrame,
              .ctx_in = &context, .ctx_size_in = sizeof context,
              .repeat = static_cast<int>(kFirstRun), .flags = BPF_F_TEST_XDP_LIVE_FRAMES,
              .batch_size = kBatch);
  std::uint64_t sent = 0;
  const auto start = Clock::now();
  const auto past = [&] { return std::chrono::duration<double>(Clock::now() - start).count(); };
  while (past() < seconds) {
    if (bpf_prog_test_run_opts(bpf_program__fd(bpf->progs.flood), &options) != 0)
      fail("BPF_PROG_RUN");
    sent += static_cast<std::uint64_t>(options.repeat);
    const double in_a_run = static_cast<double>(sent) / past() * std::min(kRunSeconds, seconds);
    options.repeat = std::max(options.repeat, static_cast<int>(in_a_run));
  }
  std::printf("{\"sent\": %llu, \"seconds\": %.3f}\n", static_cast<unsigned long long>(sent),
              past());
}
