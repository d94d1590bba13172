// SPDX-License-Identifier: Apache-2.0
// tandem-replay: what a node of this configuration would make of a capture.
#include <pcap/pcap.h>

#include <array>
#include <cstdio>
#include <iostream>

#include "config/load.hpp"
#include "engine/version.hpp"
#include "flow/reason_names.hpp"
#include "replay/replay.hpp"

namespace {

using namespace tandem;

constexpr const char* kUsage =
    "tandem-replay: what a node of this configuration would make of a capture\n\n"
    "Usage: tandem-replay CONFIG IN.pcap OUT.pcap\n"
    "       tandem-replay --help | --version\n\n"
    "Puts each frame of IN.pcap (pcap or pcapng, Ethernet) through the packet core, and writes "
    "what\n"
    "would be sent to OUT.pcap, at the same time. Prints how many frames had which verdict. The "
    "node\n"
    "is Active for all addresses and all backends are up; next hops have the MAC addresses 02:00 "
    "and\n"
    "the last four bytes of the backend's address, tunnels come from 192.0.2.1 or 2001:db8::1.\n";

struct ClosePcap {
  void operator()(pcap_t* p) const { pcap_close(p); }
  void operator()(pcap_dumper_t* d) const { pcap_dump_close(d); }
};
using Pcap = std::unique_ptr<pcap_t, ClosePcap>;

Result<Pcap> open_capture(const std::string& file) {
  std::array<char, PCAP_ERRBUF_SIZE> error{};
  Pcap in(pcap_open_offline_with_tstamp_precision(file.c_str(), PCAP_TSTAMP_PRECISION_NANO,
                                                  error.data()));
  const std::string why = error.data();  // which may begin with the file's name
  if (!in) return fail(why.starts_with(file) ? why : file + ": " + why);
  if (pcap_datalink(in.get()) != DLT_EN10MB)
    return fail(file + ": frames of link type " + std::to_string(pcap_datalink(in.get())) +
                ", expected Ethernet (1)");
  return in;
}

MonotonicTime time_of(const pcap_pkthdr& header) {  // in nanoseconds, as it was opened
  return MonotonicTime(std::chrono::seconds(header.ts.tv_sec) +
                       std::chrono::nanoseconds(header.ts.tv_usec));
}

Result<void> replay_file(const config::Config& config, const std::string& from,
                         const std::string& to) {
  auto in = open_capture(from);
  if (!in) return std::unexpected(in.error());
  const std::unique_ptr<pcap_dumper_t, ClosePcap> out(pcap_dump_open(in->get(), to.c_str()));
  if (!out) return fail(pcap_geterr(in->get()));
  std::unique_ptr<replay::Replay> node;
  std::array<std::uint64_t, TD_REASON_COUNT> counts{};
  pcap_pkthdr* header = nullptr;
  const u_char* bytes = nullptr;
  MonotonicTime now{};
  int got = 0;
  while ((got = pcap_next_ex(in->get(), &header, &bytes)) == 1) {
    now = std::max(now, time_of(*header));
    if (!node) {
      auto opened = replay::Replay::open(config, now);
      if (!opened) return std::unexpected(opened.error());
      node = std::move(*opened);
    }
    const auto outcome = node->put({bytes, header->caplen}, now);
    counts[outcome.reason]++;
    if (outcome.sent.empty()) continue;
    pcap_pkthdr sent = *header;
    sent.caplen = sent.len = static_cast<bpf_u_int32>(outcome.sent.size());
    pcap_dump(reinterpret_cast<u_char*>(out.get()), &sent, outcome.sent.data());
  }
  if (got == PCAP_ERROR) return fail(from + ": " + pcap_geterr(in->get()));
  if (pcap_dump_flush(out.get()) != 0) return fail_errno("cannot write " + to);
  for (std::size_t i = 0; i < counts.size(); i++)
    if (counts[i] > 0) std::cout << counts[i] << ' ' << flow::kReasonNames[i] << '\n';
  return {};
}

}  // namespace

int main(int argc, char** argv) {
  const std::string first = argc > 1 ? argv[1] : "";
  if (argc == 2 && first == "--version") {
    std::cout << engine::version_text("tandem-replay");
    return 0;
  }
  if (argc != 4) {
    const bool asked = first == "--help" || first == "-h";
    (asked ? std::cout : std::cerr) << kUsage;
    return asked ? 0 : 2;
  }
  const auto loaded = config::load_file(first);
  for (const auto& problem : loaded.problems) std::cerr << config::format(problem, first) << '\n';
  if (!loaded.good()) return 1;
  if (auto done = replay_file(loaded.config, argv[2], argv[3]); !done) {
    std::cerr << "tandem-replay: " << done.error().message << '\n';
    return 1;
  }
  return 0;
}
