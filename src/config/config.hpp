// SPDX-License-Identifier: Apache-2.0
// The configuration as plain values, after every check that needs nothing but the file itself.
// docs/configuration.md lists each key with its range and default.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "balance/scheduler_kind.hpp"
#include "base/address.hpp"
#include "base/time.hpp"
#include "wire/signature.hpp"
#include "wire/vrrp.hpp"

namespace tandem::config {

struct Location {  // 1-based, as editors count
  int line = 0;
  int column = 0;
  int file = 0;  // of those that were read; 0: the one that was named
  bool operator==(const Location&) const { return true; }  // moving a block changes nothing
};

struct ListenAddress {
  IpAddress address;
  std::uint16_t port = 0;
  auto operator<=>(const ListenAddress&) const = default;
};

enum class Stop : std::uint8_t { handover, in_place };
enum class LogLevel : std::uint8_t { debug, info, warning, error };

struct Node {
  std::string name;
  std::string engine = "xdp";
  std::string control_socket = "/run/tandem/control.sock";
  std::string bpffs = "/sys/fs/bpf/tandem";
  std::optional<ListenAddress> http =
      ListenAddress{*IpAddress::parse("127.0.0.1"), 9105};  // none: no HTTP
  std::string peer_http;                                    // empty: not known
  Stop stop = Stop::handover;
  LogLevel log_level = LogLevel::info;
  std::string backends_file{};  // empty: beside the control socket
  std::string socket_group{};   // of the control socket; empty: the process's
  bool operator==(const Node&) const = default;
};

enum class Idle : std::uint8_t { poll, pause, sleep };

struct Dpdk {                       // where engine = "dpdk"
  std::vector<std::uint16_t> cpus;  // one for each worker; none: the last CPU of the machine
  int memory_mb = 256;              // of huge pages, for packet buffers
  std::string huge_pages = "/dev/hugepages";
  Idle idle = Idle::sleep;
  bool operator==(const Dpdk&) const = default;
};

enum class XdpMode : std::uint8_t { automatic, native, generic };

struct Interface {
  std::string name;    // the kernel's interface that has the addresses: "eth0", "eth0.100"
  std::string device;  // where packets come in; default: the bottom device under `name`
  std::vector<std::uint16_t> vlan;  // tags on `device`, outer first, 0-2; default: those of `name`
  XdpMode xdp_mode = XdpMode::automatic;
  Duration up_delay{};  // its virtual routers only listen for so long after its link came up
  // Of DPDK, where that is the engine. But for "af_xdp" the port is DPDK's own, and the interface a
  // TAP device, which stands for it in the kernel.
  std::string driver = "af_xdp";
  std::string pci;                  // driver = "pci": "0000:03:00.0"
  std::string devargs;              // for DPDK's driver: "rx_pcap=in.pcap,tx_pcap=out.pcap"
  std::vector<IpPrefix> addresses;  // of this node, on the TAP device
  Location where;
  [[nodiscard]] bool has_own_port() const { return driver != "af_xdp"; }
  bool operator==(const Interface&) const = default;
};

struct StatusRange {  // of HTTP
  int first = 200, last = 399;
  bool operator==(const StatusRange&) const = default;
};

struct HttpTerms {   // what a check by HTTP asks with, and expects
  std::string host;  // in the Host header and to TLS; empty: the one that is connected to
  std::vector<StatusRange> status;  // that pass; empty: 200 to 399
  std::string body;                 // that the response's has to contain; empty: anything
  bool verify = false;              // the certificate, by the system's CAs if there is no ca_file
  std::string ca_file;
  bool operator==(const HttpTerms&) const = default;
};

struct HttpProbe {
  bool tls = false;
  std::string host;  // numeric address or name; resolved once, at start
  std::uint16_t port = 80;
  std::string target = "/";
  HttpTerms terms{};
  bool operator==(const HttpProbe&) const = default;
};
struct TcpProbe {
  IpAddress address;
  std::uint16_t port = 0;
  bool operator==(const TcpProbe&) const = default;
};
struct CommandProbe {
  std::vector<std::string> argv;  // argv[0] is an absolute path; exit status 0 passes
  bool operator==(const CommandProbe&) const = default;
};

struct Check {
  std::string name;
  std::optional<HttpProbe> http;  // exactly one of the three is set
  std::optional<TcpProbe> tcp;
  std::optional<CommandProbe> command;
  HttpTerms terms;  // of `http`, which gets them
  Duration interval = std::chrono::seconds(2);
  Duration timeout = std::chrono::seconds(1);
  int fall = 3;
  int rise = 2;
  Location where;
  bool operator==(const Check&) const = default;
};

struct Nginx {  // the node's own, to be asked for its figures
  HttpProbe stub_status;
  Duration interval = std::chrono::seconds(5);
  Duration timeout = std::chrono::seconds(1);
  bool operator==(const Nginx&) const = default;
};

// Where flows cannot be kept in step, as the peer is not reached: to leave a lower Active be, or not.
enum class WithoutSync : std::uint8_t { stay, preempt };

struct Sync {  // flows kept in step with the other node
  // One for each link, in the same order here and there.
  std::vector<ListenAddress> listen, peer;
  std::string key_file = "/etc/tandem/sync.key";
  WithoutSync without = WithoutSync::stay;
  Duration hold = std::chrono::milliseconds(50);  // of first packets, with SyncWhen::before_forward
  Duration drain_timeout = std::chrono::minutes(10);  // of the node's own sockets; 0: they are not
  bool operator==(const Sync&) const = default;
};

struct VirtualAddress {
  IpPrefix prefix;
  std::string label;   // IPv4 only, begins with the device's name
  std::string device;  // where the kernel's address goes; default: the virtual router's interface
  bool advertised = true;  // in adverts; keepalived's virtual_ipaddress_excluded are not
  bool operator==(const VirtualAddress&) const = default;
};

struct Track {  // exactly one of check, interface and service is set
  std::string check;
  std::string interface;
  std::string service;
  std::optional<int> weight;  // -253..253, not 0; absent: failing means Fault
  bool operator==(const Track&) const = default;
};

struct Notify {
  std::vector<std::string> active;  // argv without the words that are appended; empty: none
  std::vector<std::string> backup;
  std::vector<std::string> fault;
  std::vector<std::string> stop;  // when tandemd ends
  std::vector<std::string> any;   // after the one for the change, if there is one
  Duration timeout = std::chrono::seconds(10);
  bool operator==(const Notify&) const = default;
};

struct AuthKey {
  int id = 0;        // 1-255
  std::string file;  // with the secret
  Location where;
  bool operator==(const AuthKey&) const = default;
};

struct Auth {  // signed adverts
  std::vector<AuthKey> keys;
  std::optional<int> active_key;  // none: the first of keys
  wire::SigningMode mode = wire::SigningMode::enforce;
  wire::AntiReplay anti_replay = wire::AntiReplay::time;
  std::optional<Duration> time_window;  // none: three times advert_interval, 5 s at least
  Location where;

  [[nodiscard]] int signing_key() const { return active_key.value_or(keys.front().id); }
  [[nodiscard]] Duration window(Duration advert_interval) const {
    return time_window.value_or(std::max<Duration>(3 * advert_interval, std::chrono::seconds(5)));
  }
  bool operator==(const Auth&) const = default;
};

enum class MacMode : std::uint8_t { interface_mac, virtual_mac };

struct Vrrp {
  std::string name;
  std::string interface;
  std::uint8_t vrid = 0;
  std::uint8_t version = 3;
  Family family = Family::ipv4;  // of the addresses
  std::uint8_t priority = 100;
  Duration advert_interval = std::chrono::seconds(1);
  std::optional<Duration> max_learned_interval;  // none: ten times advert_interval
  int down_adverts = 3;
  std::vector<VirtualAddress> addresses;
  std::vector<Track> track;
  bool preempt = true;
  Duration preempt_delay{};
  Duration startup_delay{};
  std::optional<IpAddress> group;  // that adverts go to; none: the standard's
  std::vector<IpAddress> unicast_peers;
  std::optional<IpAddress> unicast_source;
  bool check_unicast_source = true;
  MacMode mac = MacMode::interface_mac;
  bool accept = true;
  wire::ChecksumForm checksum = wire::ChecksumForm::pseudo_header;
  std::string password;      // version 2, up to 8 characters; empty: none
  std::optional<Auth> auth;  // none: adverts are not signed
  std::string sync_group;
  int garp_repeat = 5;
  Duration garp_delay = std::chrono::seconds(5);
  Duration garp_refresh = std::chrono::seconds(60);
  Duration garp_interval = std::chrono::milliseconds(10);
  Notify notify;
  Location where;

  [[nodiscard]] bool has(const IpAddress& address) const {
    return std::ranges::any_of(
        addresses, [&](const VirtualAddress& a) { return a.prefix.address == address; });
  }
  [[nodiscard]] IpAddress multicast_group() const {
    return group.value_or(wire::vrrp_group(family));
  }
  // Whether the other one is Active wherever this one is: it is the same, or of the same sync group.
  [[nodiscard]] bool moves_with(const Vrrp& other) const {
    return name == other.name || (!sync_group.empty() && sync_group == other.sync_group);
  }
  bool operator==(const Vrrp&) const = default;
};

struct FlowIdle {       // without a packet for so long
  Duration counted;     // a flow stops counting as a connection of its backend
  Duration remembered;  // and after so long it is forgotten
  bool operator==(const FlowIdle&) const = default;
};

struct Flows {
  int size = 1'000'000;  // flows that the table of IPv4 has room for
  int size_ipv6 = 250'000;
  int new_per_second = 100'000;  // first packets, for each virtual address; above: by a hash
  FlowIdle syn_sent{std::chrono::seconds(15), std::chrono::seconds(60)};
  FlowIdle established{std::chrono::seconds(900), std::chrono::seconds(3600)};
  FlowIdle udp{std::chrono::seconds(60), std::chrono::seconds(300)};
  Duration closing = std::chrono::seconds(120);  // after the first FIN
  Duration closed = std::chrono::seconds(10);    // after both, or a RST
  bool keep_at_stop = true;                      // for the next start
  bool operator==(const Flows&) const = default;
};

enum class Protocol : std::uint8_t { tcp = 6, udp = 17 };
enum class Forward : std::uint8_t { local, dsr, nat, fullnat, tunnel };
enum class Unavailable : std::uint8_t { reject, drop };
enum class OnDown : std::uint8_t { keep, reset };
enum class Strays : std::uint8_t { drop, route };

struct Backend {
  IpAddress address;
  std::uint16_t port = 0;             // where the file has none: the service's
  std::uint16_t weight = 1;           // 0: no new flows
  std::uint32_t max_connections = 0;  // 0: no limit
  bool backup = false;                // gets new flows only where the quorum is not up
  Location where;
  bool operator==(const Backend&) const = default;
};

struct BackendCheck {               // exactly one of http, https, tcp and command is set
  std::optional<std::string> http;  // the target, "/health"; 2xx and 3xx pass
  std::optional<std::string> https;
  bool tcp = false;
  std::vector<std::string> command;  // argv; the backend's address and port are appended
  std::uint16_t port = 0;            // 0: the backend's
  HttpTerms terms;
  Duration interval = std::chrono::seconds(2);
  Duration timeout = std::chrono::seconds(1);
  int fall = 3;
  int rise = 2;
  bool operator==(const BackendCheck&) const = default;
};

struct ServiceNotify {
  std::vector<std::string> up;  // argv; empty: none
  std::vector<std::string> down;
  Duration timeout = std::chrono::seconds(10);
  bool operator==(const ServiceNotify&) const = default;
};

// When the other node has a new flow: soon after its first packet went on, or before.
enum class SyncWhen : std::uint8_t { after, before_forward };

struct Service {
  std::string name;
  IpAddress address;
  Protocol protocol = Protocol::tcp;
  std::uint16_t port = 0;
  Forward forward = Forward::local;  // local: handed to the kernel, and so to the node's own Nginx
  balance::SchedulerKind scheduler = balance::SchedulerKind::least_conn;
  std::vector<Backend> backends;
  std::optional<BackendCheck> check;  // none: backends count as up
  Duration slow_start{};
  Duration affinity{};  // for so long a client's new flows go to the backend of its flows before
  std::uint8_t affinity_prefix = 0;  // clients that agree in so many bits are one; 0: in all
  std::uint32_t quorum = 1;          // weight of backends up, backups aside, that make it up
  ServiceNotify notify;              // of the quorum's coming and going
  bool one_packet = false;           // UDP: each packet gets a backend of its own
  Unavailable unavailable = Unavailable::reject;  // where no backend can take a flow
  OnDown on_down = OnDown::keep;                  // of a backend: its TCP connections
  std::vector<IpAddress> sources;                 // fullnat: addresses of this node, 1-8
  Strays strays = Strays::drop;                   // nat: backends' packets of no flow
  SyncWhen sync = SyncWhen::after;
  Location where;
  bool operator==(const Service&) const = default;
};

struct Config {
  Node node;
  Dpdk dpdk;
  Flows flows;
  std::vector<Interface> interfaces;
  std::vector<Check> checks;
  std::optional<Nginx> nginx;
  std::optional<Sync> sync;
  std::vector<Vrrp> vrrp;
  std::vector<Service> services;
  bool operator==(const Config&) const = default;
};

}  // namespace tandem::config
