// SPDX-License-Identifier: Apache-2.0
#include "ctl/doctor/catalogue.hpp"

#include <array>
#include <cstddef>

namespace tandem::doctor {
namespace {

constexpr std::array kCatalogue{
    Description{Check::config_problems, "config-problems", Area::configuration,
                "the file, as `tandemd --check` does, and the commands that it names",
                "tandemd does not start with an error, and a reload changes nothing",
                "change the line that is named"},
    Description{Check::config_permissions, "config-permissions", Area::configuration,
                "who may read and write the configuration",
                "whoever writes it has commands run as root; whoever reads it has the passwords",
                "`chown root` and `chmod go-w`; with a password in it `chmod 600`"},
    Description{Check::daemon_running, "daemon-running", Area::daemon,
                "whether a tandemd answers on the control socket",
                "without it this node takes no part: the peer carries everything",
                "`systemctl start tandemd`"},
    Description{Check::daemon_warnings, "daemon-warnings", Area::daemon,
                "the daemon's own warnings, as `tandemctl status` has them",
                "what it could not do or lost, in its own words", "as each warning says"},
    Description{Check::leftover_pins, "leftover-pins", Area::daemon,
                "maps of other versions of Tandem in `node.bpffs`",
                "they hold memory; no daemon of this version uses them",
                "`rm -r` of the directory, once no daemon of that version runs"},
    Description{
        Check::vrrp_other_daemon, "other-vrrp-daemon", Area::vrrp,
        "keepalived, vrrpd and ucarp in this network namespace",
        "Tandem's gate takes the adverts that they wait for: each thinks it is alone, becomes "
        "Active and adds its addresses",
        "stop it: `systemctl disable --now keepalived`"},
    Description{
        Check::vrrp_speakers, "vrrp-speakers", Area::vrrp,
        "who sends adverts with one of this node's VRIDs: from the daemon, or heard for three "
        "seconds where no gate takes them",
        "a virtual router is a pair: a third speaker, or another pair with the same VRID, takes "
        "addresses away or lets both nodes be Active",
        "stop the speaker that is named, or choose another `vrid` on both nodes; `unicast_peers` "
        "keeps strangers out"},
    Description{
        Check::vrrp_peer, "vrrp-peer", Area::vrrp,
        "whether the peer's adverts agree: version, interval, addresses, password, priority",
        "what differs is dropped or learned; in the worst case both nodes are Active. "
        "`down_adverts` is in no advert: compare it by hand",
        "make the key that is named the same on both nodes (the priority: different)"},
    Description{Check::vrrp_foreign, "vrrp-foreign", Area::vrrp,
                "adverts with VRIDs that are not configured here",
                "another pair on the same network; harmless for as long as the VRIDs differ",
                "nothing; or correct `vrid` if it was meant to be this pair"},
    Description{
        Check::address_conflict, "address-conflict", Area::addresses,
        "who answers for each virtual address when asked as by duplicate detection (RFC "
        "5227, RFC 4862)",
        "with two owners a client reaches the one or the other, by chance",
        "let adverts through between two nodes that are both Active; else take the address off "
        "the host with the MAC address that is named"},
    Description{Check::address_own, "address-own", Area::addresses,
                "whether another host answers for this node's own IPv4 addresses",
                "adverts are sent from there; the peer's and the backends' answers go astray",
                "give one of the two hosts another address"},
    Description{
        Check::address_leftover, "address-leftover", Area::addresses,
        "virtual addresses on the kernel's interfaces while no daemon runs",
        "without a gate this node answers for them, beside the peer",
        "start tandemd, which takes it off; `ip address del` where another node answers for it"},
    Description{
        Check::kernel_program, "kernel-program", Area::kernel,
        "whether the kernel takes the steering program, and how: it is attached to a device "
        "in a network namespace of its own, behind libxdp's dispatcher, else alone",
        "without it tandemd does not start; where it has to be alone, XDP programs of "
        "others cannot share its devices",
        "a kernel that has what `kernel-features` lacks; as root: others cannot tell"},
    Description{
        Check::kernel_features, "kernel-features", Area::kernel,
        "each program type, map type and helper function that the program uses, probed one by "
        "one; versions are never compared",
        "tells what to look for in another kernel", "a newer kernel, or a backport"},
    Description{Check::kernel_btf, "kernel-btf", Area::kernel, "`/sys/kernel/btf/vmlinux`",
                "without it libxdp cannot put several XDP programs on one interface",
                "a kernel with `CONFIG_DEBUG_INFO_BTF`"},
    Description{Check::kernel_jit, "kernel-jit", Area::kernel, "`net.core.bpf_jit_enable`",
                "without it each packet is handled by an interpreter, many times slower",
                "`sysctl -w net.core.bpf_jit_enable=1`"},
    Description{
        Check::kernel_bpffs, "kernel-bpffs", Area::kernel,
        "that a BPF file system is mounted where `node.bpffs` is",
        "the gate and the flows are pinned there, to outlive the daemon; without it tandemd does "
        "not start",
        "`mount -t bpf bpf /sys/fs/bpf`"},
    Description{
        Check::kernel_egress, "kernel-egress", Area::kernel,
        "tc's clsact qdisc, tried in a network namespace of its own",
        "without it a crashed node's kernel may go on asking in the name of a virtual address",
        "a kernel with `CONFIG_NET_SCH_INGRESS` and `CONFIG_NET_CLS_BPF`"},
    Description{Check::kernel_af_xdp, "kernel-af-xdp", Area::kernel, "AF_XDP sockets",
                "first packets of flows reach the scheduler through them",
                "a kernel with `CONFIG_XDP_SOCKETS`"},
    Description{Check::kernel_memlock, "kernel-memlock", Area::kernel,
                "whether the daemon's memory is locked and its VRRP thread runs in real time",
                "a page fault or a busy host delays adverts, and the peer takes over without need",
                "run it as root with CAP_IPC_LOCK and CAP_SYS_NICE; `LimitMEMLOCK=infinity`"},
    Description{Check::interface_present, "interface-present", Area::interfaces,
                "that each configured interface exists",
                "its virtual routers are in Fault until it is there",
                "correct the name, create it, or give the NIC its kernel driver back"},
    Description{Check::interface_up, "interface-up", Area::interfaces, "link and carrier",
                "its virtual routers are in Fault",
                "`ip link set dev eth0 up`, cable, switch port"},
    Description{Check::interface_speed, "interface-speed", Area::interfaces, "speed and duplex",
                "half duplex means a failed negotiation, and lost frames",
                "let both ends negotiate: `ethtool -s eth0 autoneg on`"},
    Description{Check::interface_stack, "interface-stack", Area::interfaces,
                "bonds, bridges and their ports",
                "addresses belong on the upper device, AF_XDP works on the lower ones only",
                "name the device that has the addresses; the dpdk engine needs a NIC of its own"},
    Description{Check::interface_xdp, "interface-xdp", Area::interfaces,
                "XDP's mode, and what the driver offers where the kernel tells",
                "generic mode is several times slower than native",
                "a driver with native XDP; see also `interface-mtu`, `interface-lro`, "
                "`interface-queues`"},
    Description{
        Check::interface_queues, "interface-queues", Area::interfaces,
        "receive queues against CPUs and workers",
        "one queue is one CPU; ixgbe has 64 XDP queues for combined queues and CPUs together; a "
        "worker needs a queue",
        "`ethtool -L eth0 combined N`, then restart tandemd (the link goes down for a moment)"},
    Description{Check::interface_rings, "interface-rings", Area::interfaces,
                "the size of the receive ring against what the NIC has",
                "a short ring overflows in bursts, and adverts are lost with the rest",
                "`ethtool -G eth0 rx N` (the link goes down for a moment)"},
    Description{Check::interface_irqs, "interface-irqs", Area::interfaces,
                "which CPUs take the interrupts of the queues",
                "all on one CPU: the others idle while packets are dropped",
                "write a CPU to `/proc/irq/N/smp_affinity_list` for each, or run irqbalance"},
    Description{Check::interface_lro, "interface-lro", Area::interfaces,
                "large receive offload and GRO in hardware",
                "merged frames cannot be forwarded, and drivers refuse native XDP with it",
                "`ethtool -K eth0 lro off rx-gro-hw off`"},
    Description{
        Check::interface_vlan, "interface-vlan", Area::interfaces,
        "receive VLAN offload on devices whose tags Tandem reads",
        "the NIC takes the tag off before XDP sees it: adverts and services are not recognised",
        "`ethtool -K eth0 rxvlan off rx-vlan-stag-hw-parse off`"},
    Description{Check::interface_mtu, "interface-mtu", Area::interfaces,
                "the MTU against what native XDP takes in one page",
                "drivers refuse native XDP above about 3500 bytes",
                "`ip link set dev eth0 mtu 1500`, on every host of the network"},
    Description{
        Check::tunnel_mtu, "tunnel-mtu", Area::interfaces,
        "room for the outer header of `forward = \"tunnel\"`: 20 bytes, 40 for IPv6",
        "full-sized packets are answered with \"too big\"; where ICMP is filtered, connections "
        "hang",
        "a larger MTU towards the backends, or `advmss` and smaller MSS at the backends"},
    Description{
        Check::rp_filter, "rp-filter", Area::neighbours,
        "strict reverse path filtering on configured interfaces",
        "a node with several networks gets packets from clients whom it would answer by another "
        "interface; the kernel drops those silently",
        "`sysctl -w net.ipv4.conf.eth0.rp_filter=2`"},
    Description{
        Check::arp_ignore, "arp-ignore", Area::neighbours,
        "`arp_ignore` where the kernel answers for virtual addresses",
        "1 and 2 keep it from answering for an address on another device, 3 and more for most",
        "`sysctl -w net.ipv4.conf.eth0.arp_ignore=0`, or no `device` for the address"},
    Description{Check::ungated_interface, "ungated-interface", Area::neighbours,
                "interfaces in the network of a virtual address that are not in the configuration",
                "they have no gate: the kernel answers there for the address, lease or not",
                "`sysctl -w net.ipv4.conf.eth1.arp_ignore=1`, or an `[[interface]]` for it"},
    Description{
        Check::backend_arp, "backend-arp", Area::neighbours,
        "services with `dsr` or `tunnel`: what their backends need, which cannot be seen from "
        "here",
        "a backend that answers ARP for the virtual address takes it away from the pair",
        "on each backend the address on `lo`, `arp_ignore=1`, `arp_announce=2`; for a tunnel "
        "also `tunl0`, `sit0` or `ip6tnl0` and `rp_filter=0` there"},
    Description{
        Check::firewall_vrrp, "firewall-vrrp", Area::firewall,
        "rules on the way in that drop protocol 112",
        "Tandem's adverts pass by the firewall both ways (XDP takes them before it, and they "
        "leave past it), so this matters only to a keepalived on this host. A peer that runs "
        "keepalived needs its own firewall open",
        "an `accept` for protocol 112, if keepalived is to run here again"},
    Description{
        Check::firewall_service, "firewall-service", Area::firewall,
        "rules on the way in that drop a service with `forward = \"local\"`",
        "its packets go through the kernel to this node's Nginx. Services with backends are "
        "forwarded before the firewall",
        "the `firewall-cmd` or `nft insert rule` that is named"},
    Description{Check::firewall_legacy, "firewall-legacy", Area::firewall,
                "tables of the old iptables, which `nft` does not show, and a missing `nft`",
                "rules in there were not looked at", "look yourself: `iptables-legacy -S INPUT`"},
    Description{
        Check::local_listener, "local-listener", Area::sysctls,
        "whether something listens for each TCP service with `forward = \"local\"`, and "
        "`net.ipv4.ip_nonlocal_bind`",
        "clients are refused. A server that listens on the virtual address itself does not start "
        "on a Backup without `ip_nonlocal_bind`",
        "start Nginx; `listen 80` on all addresses, or `sysctl -w "
        "net.ipv4.ip_nonlocal_bind=1`"},
    Description{
        Check::ip_forward, "ip-forward", Area::sysctls,
        "`net.ipv4.ip_forward` and `net.ipv6.conf.all.forwarding`, with services in mode `nat`",
        "Tandem forwards by itself and does not need it; but `nat` makes this node the backends' "
        "gateway, and whatever is no flow (their updates, their DNS) is for the kernel to forward",
        "`sysctl -w net.ipv4.ip_forward=1` and a firewall for it; or nothing"},
    Description{Check::somaxconn, "somaxconn", Area::sysctls,
                "`net.core.somaxconn`, at least 4096, with local services",
                "cuts the backlog of Nginx's sockets; connections are dropped in bursts",
                "`sysctl -w net.core.somaxconn=4096`"},
    Description{Check::syn_backlog, "syn-backlog", Area::sysctls,
                "`net.ipv4.tcp_max_syn_backlog`, at least 1024, with local services",
                "half-open connections above it are dropped or get SYN cookies",
                "`sysctl -w net.ipv4.tcp_max_syn_backlog=4096`"},
    Description{Check::device_backlog, "device-backlog", Area::sysctls,
                "`net.core.netdev_max_backlog`, at least 1000, with local services",
                "bounds what waits for the kernel on a CPU (RPS, veth, generic XDP redirects)",
                "`sysctl -w net.core.netdev_max_backlog=1000`"},
    Description{Check::file_max, "file-max", Area::sysctls, "`fs.file-max`, at least 262144",
                "Nginx takes a descriptor for each connection, two where it is a proxy",
                "`sysctl -w fs.file-max=1048576`"},
    Description{
        Check::conntrack, "conntrack", Area::sysctls,
        "`nf_conntrack_max`, where conntrack is loaded: at least 262144, and not nearly full",
        "when the table is full, new connections of local services are dropped. Flows to "
        "backends never get there",
        "`sysctl -w net.netfilter.nf_conntrack_max=262144`"},
    Description{Check::huge_pages, "huge-pages", Area::workers,
                "free pages of 2 MB against `dpdk.memory_mb` and the flow tables",
                "tandemd does not start without them", "`sysctl -w vm.nr_hugepages=N`"},
    Description{Check::hugetlbfs, "hugetlbfs", Area::workers,
                "that `dpdk.huge_pages` is a hugetlbfs", "tandemd does not start without it",
                "`mount -t hugetlbfs hugetlbfs /dev/hugepages`"},
    Description{
        Check::worker_cpus, "worker-cpus", Area::workers,
        "whether the workers' CPUs exist and are isolated, and take no interrupts of NICs",
        "whatever else runs there delays every packet of that worker, and after a second the node "
        "releases its addresses",
        "`isolcpus=` on the kernel's command line, or cpusets; interrupts elsewhere"},
    Description{
        Check::driver_binding, "driver-binding", Area::workers,
        "network devices bound to vfio-pci, igb_uio or uio_pci_generic",
        "the dpdk engine works through the kernel's driver (net_af_xdp), and needs no IOMMU; a "
        "NIC taken from the kernel has no interface",
        "`dpdk-devbind.py --bind=DRIVER ADDRESS`"},
    Description{Check::clock_synchronised, "clock-synchronised", Area::host,
                "whether the wall clock is synchronised (adjtimex)",
                "logs of two nodes can't be compared. Leases and timers don't care: they use "
                "CLOCK_MONOTONIC",
                "chrony or systemd-timesyncd"},
    Description{
        Check::clock_source, "clock-source", Area::host, "the kernel's clock source",
        "XDP reads it for each packet to a virtual address; hpet and acpi_pm take a microsecond "
        "and more",
        "`echo tsc > /sys/devices/system/clocksource/clocksource0/current_clocksource`, if the "
        "kernel lists it"},
    Description{Check::cpu_governor, "cpu-governor", Area::host, "the CPUs' frequency governors",
                "with `powersave` and `schedutil` the first packets after a pause are slow",
                "`cpupower frequency-set -g performance`"},
    Description{Check::irqbalance, "irqbalance", Area::host,
                "irqbalance beside workers with CPUs of their own",
                "it may move interrupts to the workers' CPUs",
                "`IRQBALANCE_BANNED_CPULIST` in its configuration"},
    Description{
        Check::selinux, "selinux", Area::host, "SELinux, and denials for tandemd in the audit log",
        "what it denies fails without a clear message", "a policy module from `audit2allow`"},
};

constexpr bool in_order() {
  for (std::size_t i = 0; i < kCatalogue.size(); ++i)
    if (static_cast<std::size_t>(kCatalogue[i].check) != i) return false;
  return kCatalogue.size() == static_cast<std::size_t>(Check::selinux) + 1;
}
static_assert(in_order());

}  // namespace

const char* to_string(Area area) noexcept {
  static constexpr std::array kNames{
      "configuration",   "daemon",   "VRRP",    "addresses", "kernel", "interfaces",
      "ARP and routing", "firewall", "sysctls", "workers",   "host"};
  return kNames[static_cast<std::size_t>(area)];
}

std::span<const Description> catalogue() noexcept {
  return kCatalogue;
}

const Description& describe(Check check) noexcept {
  return kCatalogue[static_cast<std::size_t>(check)];
}

}  // namespace tandem::doctor
