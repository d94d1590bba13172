// SPDX-License-Identifier: Apache-2.0
// lab_load: a packet load by BPF, on a device whose driver can send XDP frames
//
// Frames of IPv4 clients to one address and port, made and sent in the kernel, on one processor.
// Prints {"sent": N, "seconds": S}. `lab_load --help`; for people there is tools/pktgen.
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <net/if.h>

#include <algorithm>
#include <array>
#include <boost/program_options.hpp>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <exception>
#include <iostream>
#include <map>
#include <memory>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

#include "load.h"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wold-style-cast"
#include "load.skel.h"  // generated C
#pragma GCC diagnostic pop

namespace {

namespace po = boost::program_options;
using Clock = std::chrono::steady_clock;

constexpr std::uint32_t kBatch = 64;  // frames
// Between two looks at the clock. A run costs 20 ms to begin, so that it should take longer.
constexpr std::uint32_t kFirstRun = 50'000;
constexpr double kRunSeconds = 0.2;
constexpr double kMostPorts = 60'000;  // of a client

struct Load {
  std::string device;
  std::uint32_t ifindex = 0;
  load_kind kind = LOAD_UDP;
  std::uint32_t flows = 0, host_bits = 0, rate = 0;
  double seconds = 0;
  std::vector<std::uint32_t> sizes;  // of frames, in turn
  std::vector<std::uint8_t> frame;   // the longest; what it says of its length is of the first
};

[[noreturn]] void wrong(const std::string& option, const std::string& found,
                        const std::string& expected) {
  throw std::runtime_error("--" + option + " " + found + ": expected " + expected);
}

void put_mac(std::uint8_t* at, const std::string& option, const std::string& text) {
  char more = 0;
  if (std::sscanf(text.c_str(), "%hhx:%hhx:%hhx:%hhx:%hhx:%hhx%c", &at[0], &at[1], &at[2], &at[3],
                  &at[4], &at[5], &more) != 6)
    wrong(option, text, "a MAC address such as 02:00:00:00:00:01");
}

void put16(std::uint8_t* at, std::uint32_t value) {
  at[0] = static_cast<std::uint8_t>(value >> 8);
  at[1] = static_cast<std::uint8_t>(value);
}

// The clients' network; gives the bits of its hosts.
std::uint32_t put_network(std::uint8_t* at, const std::string& text) {
  const auto slash = text.find('/');
  const int bits = slash == std::string::npos ? 32 : std::atoi(text.c_str() + slash + 1);
  in_addr network{};
  if (inet_pton(AF_INET, text.substr(0, slash).c_str(), &network) != 1 || bits < 8 || bits > 32)
    wrong("network", text, "an IPv4 network such as 203.0.113.0/24, of 8 to 32 bits");
  const auto host_bits = static_cast<std::uint32_t>(32 - bits);
  const std::uint32_t mask = host_bits == 0 ? 0 : ~std::uint32_t{0} >> bits;
  const std::uint32_t base = htonl(ntohl(network.s_addr) & ~mask);
  std::memcpy(at, &base, sizeof base);
  return host_bits;
}

std::vector<std::uint32_t> sizes_of(const std::string& text) {
  std::vector<std::uint32_t> sizes;
  std::istringstream words(text);
  for (std::string word; std::getline(words, word, ',');) {
    const int size = std::atoi(word.c_str());
    if (size < LOAD_HEADERS || size > LOAD_MOST_BYTES) wrong("sizes", text, "60 to 1514 bytes");
    sizes.push_back(static_cast<std::uint32_t>(size));
  }
  if (sizes.empty() || sizes.size() > LOAD_MOST_SIZES)
    wrong("sizes", text, "up to 16 sizes, such as 60,590,1514");
  return sizes;
}

void fill(Load& load, const po::variables_map& options) {
  std::uint8_t* f = load.frame.data();
  put_mac(f, "mac", options["mac"].as<std::string>());
  put_mac(f + 6, "source-mac", options["source-mac"].as<std::string>());
  put16(f + 12, 0x0800);
  std::uint8_t* ip = f + 14;
  const bool udp = load.kind == LOAD_UDP;
  ip[0] = 0x45;
  put16(ip + 2, load.sizes.front() - 14);
  ip[8] = 64;
  ip[9] = udp ? IPPROTO_UDP : IPPROTO_TCP;
  load.host_bits = put_network(ip + 12, options["network"].as<std::string>());
  const std::string address = options["address"].as<std::string>();
  if (inet_pton(AF_INET, address.c_str(), ip + 16) != 1)
    wrong("address", address, "an IPv4 address");
  std::uint8_t* l4 = ip + 20;
  put16(l4 + 2, options["port"].as<std::uint16_t>());
  if (udp) {
    put16(l4 + 4, load.sizes.front() - 34);
    return;
  }
  l4[12] = 5 << 4;
  l4[13] = load.kind == LOAD_SYN ? 0x02 : 0x10;
  put16(l4 + 14, 0xff00);
}

po::options_description known_options() {
  po::options_description known("lab_load");
  known.add_options()("help", "what there is")("device", po::value<std::string>()->required(),
                                               "to send by")(
      "mac", po::value<std::string>()->required(), "of the node that the frames go to")(
      "address", po::value<std::string>()->required(), "that they are for")(
      "port", po::value<std::uint16_t>()->required(), "that they are for")(
      "kind", po::value<std::string>()->default_value("udp"), "udp, syn or mixed")(
      "flows", po::value<std::uint32_t>()->default_value(1000),
      "of udp and mixed; a syn begins one at random")(
      "sizes", po::value<std::string>()->default_value("60"),
      "bytes of frames without FCS, 60 to 1514; of several, as 60,590,1514, in turn")(
      "rate", po::value<std::uint32_t>()->default_value(0),
      "frames a second; 0: as many as can be")("seconds", po::value<double>()->default_value(10),
                                               "how long")(
      "network", po::value<std::string>()->default_value("203.0.113.128/25"), "of the clients")(
      "source-mac", po::value<std::string>()->default_value("02:00:00:00:01:01"),
      "the frames' sender");
  return known;
}

Load load_from(const po::variables_map& options) {
  static const std::map<std::string, load_kind> kKinds{
      {"syn", LOAD_SYN}, {"udp", LOAD_UDP}, {"mixed", LOAD_MIXED}};
  Load load;
  load.device = options["device"].as<std::string>();
  load.ifindex = if_nametoindex(load.device.c_str());
  if (load.ifindex == 0) wrong("device", load.device, "a device that is there");
  const auto kind = kKinds.find(options["kind"].as<std::string>());
  if (kind == kKinds.end()) wrong("kind", options["kind"].as<std::string>(), "udp, syn or mixed");
  load.kind = kind->second;
  load.sizes = sizes_of(options["sizes"].as<std::string>());
  load.frame.resize(*std::ranges::max_element(load.sizes));
  load.rate = options["rate"].as<std::uint32_t>();
  load.seconds = options["seconds"].as<double>();
  fill(load, options);
  const auto flows = options["flows"].as<std::uint32_t>();
  const double most = kMostPorts * static_cast<double>(std::uint64_t{1} << load.host_bits);
  if (load.kind != LOAD_SYN && (flows == 0 || flows > most))
    wrong("flows", std::to_string(flows), "1 to 60,000 for each address of the clients' network");
  load.flows = load.kind == LOAD_SYN ? 0 : flows;
  return load;
}

// Sends it; gives the line to print.
std::string send(Load load) {
  const std::unique_ptr<load_bpf, void (*)(load_bpf*)> bpf(load_bpf__open(), load_bpf__destroy);
  if (!bpf) throw std::runtime_error("cannot open the program");
  std::memcpy(const_cast<std::uint8_t*>(bpf->rodata->original), load.frame.data(), LOAD_HEADERS);
  bpf->rodata->ifindex = load.ifindex;
  bpf->rodata->kind = load.kind;
  bpf->rodata->flows = load.flows;
  bpf->rodata->host_bits = load.host_bits;
  bpf->rodata->interval =
      load.rate == 0 ? 0 : std::uint64_t{1'000'000'000} * LOAD_TICKS / load.rate;
  bpf->rodata->size_count = static_cast<std::uint32_t>(load.sizes.size());
  bpf->rodata->longest = static_cast<std::uint32_t>(load.frame.size());
  std::ranges::copy(load.sizes, const_cast<std::uint16_t*>(bpf->rodata->sizes));
  if (load_bpf__load(bpf.get()) != 0)
    throw std::runtime_error("the kernel refused the program; this needs root and Linux 5.18");

  xdp_md context{};
  context.data_end = static_cast<std::uint32_t>(load.frame.size());
  context.ingress_ifindex = 1;  // lo: frames are sent, whatever they are said to have come by
  LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = load.frame.data(),
              .data_size_in = static_cast<std::uint32_t>(load.frame.size()), .ctx_in = &context,
              .ctx_size_in = sizeof context, .repeat = static_cast<int>(kFirstRun),
              .flags = BPF_F_TEST_XDP_LIVE_FRAMES, .batch_size = kBatch);
  double runs = 0;
  const auto start = Clock::now();
  const auto past = [&] { return std::chrono::duration<double>(Clock::now() - start).count(); };
  while (past() < load.seconds) {
    if (bpf_prog_test_run_opts(bpf_program__fd(bpf->progs.load), &options) != 0)
      throw std::runtime_error("cannot send by " + load.device + ": " + std::strerror(errno));
    runs += options.repeat;
    const double in_a_run = runs / past() * std::min(kRunSeconds, load.seconds);
    options.repeat = std::max(options.repeat, static_cast<int>(in_a_run));
  }
  char line[80];
  std::snprintf(line, sizeof line, "{\"sent\": %llu, \"seconds\": %.3f}",
                static_cast<unsigned long long>(bpf->bss->sent), past());
  return line;
}

}  // namespace

int main(int count, char** words) try {
  const po::options_description known = known_options();
  po::variables_map options;
  po::store(po::parse_command_line(count, words, known), options);
  if (options.count("help") != 0) {
    std::cout << known;
    return 0;
  }
  po::notify(options);
  std::cout << send(load_from(options)) << '\n';
  return 0;
} catch (const po::error& error) {
  std::cerr << "lab_load: " << error.what() << "; see --help\n";
  return 2;
} catch (const std::exception& error) {
  std::cerr << "lab_load: " << error.what() << '\n';
  return 1;
}
