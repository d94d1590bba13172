// SPDX-License-Identifier: Apache-2.0
#include <array>

#include "ctl/import/keywords.hpp"
#include "ctl/import/readers.hpp"
#include "ctl/import/value.hpp"

namespace tandem::importer {
namespace {

using Kind = Note::Kind;
using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::string_view kScheduling =
    "the VRRP thread always has real-time priority and locked memory";
constexpr std::string_view kFifo = "there is no FIFO of events; tandemctl events --follow has them";
constexpr std::string_view kSnmp = "there is no SNMP";
constexpr std::string_view kBuffers = "the size of the kernel's buffers is not configured";
constexpr std::string_view kFirewall = "Tandem needs no firewall rules";
constexpr std::string_view kProcess = "tandemd is one process";
constexpr std::string_view kReload = "a reload is checked first, and changes nothing if it fails";

constexpr std::array kGlobalFates{
    Fate{"notification_email", Kind::lost, kNoMail},
    Fate{"notification_email_from", Kind::lost, kNoMail},
    Fate{"smtp_server", Kind::lost, kNoMail},
    Fate{"smtp_helo_name", Kind::lost, kNoMail},
    Fate{"smtp_connect_timeout", Kind::lost, kNoMail},
    Fate{"smtp_alert", Kind::lost, kNoMail},
    Fate{"smtp_alert_vrrp", Kind::lost, kNoMail},
    Fate{"smtp_alert_checker", Kind::lost, kNoMail},
    Fate{"no_email_faults", Kind::implied, "there is no mail"},
    Fate{"no_checker_emails", Kind::implied, "there is no mail"},
    Fate{"checker_log_all_failures", Kind::implied, "the last failure of each check is shown"},
    Fate{"lvs_sync_daemon", Kind::lost, "IPVS's daemon does not know Tandem's flows"},
    Fate{"lvs_flush", Kind::implied, "no IPVS is used"},
    Fate{"lvs_flush_on_stop", Kind::implied, "no IPVS is used"},
    Fate{"lvs_flush_onstop", Kind::implied, "no IPVS is used"},
    Fate{"vrrp_garp_lower_prio_delay", Kind::implied,
         "announcements follow every hint of another Active"},
    Fate{"vrrp_garp_lower_prio_repeat", Kind::implied,
         "announcements follow every hint of another Active"},
    Fate{"vrrp_garp_master_refresh_repeat", Kind::lost, "a refresh is one round"},
    Fate{"vrrp_gna_interval", Kind::lost, "garp_interval is for GARP and NA alike"},
    Fate{"vrrp_garp_extra_if", Kind::lost, "only the interface that has an address announces it"},
    Fate{"vrrp_vmac_garp_intvl", Kind::lost, "only the interface that has an address announces it"},
    Fate{"vrrp_lower_prio_no_advert", Kind::lost, "a lower advert is answered, as RFC 9568 has it"},
    Fate{"vrrp_higher_prio_send_advert", Kind::lost, "an Active that yields is silent"},
    Fate{"vrrp_iptables", Kind::implied, kFirewall},
    Fate{"vrrp_ipsets", Kind::implied, kFirewall},
    Fate{"nftables", Kind::implied, kFirewall},
    Fate{"nftables_priority", Kind::implied, kFirewall},
    Fate{"nftables_counters", Kind::implied, kFirewall},
    Fate{"nftables_ifindex", Kind::implied, kFirewall},
    Fate{"nftables_ipvs", Kind::implied, kFirewall},
    Fate{"nftables_ipvs_priority", Kind::implied, kFirewall},
    Fate{"nftables_ipvs_start_fwmark", Kind::implied, kFirewall},
    Fate{"disable_local_igmp", Kind::implied, kFirewall},
    Fate{"vrrp_skip_check_adv_addr", Kind::implied,
         "other addresses in an advert are counted, and do not refuse it"},
    Fate{"vrrp_notify_priority_changes", Kind::lost, kFifo},
    Fate{"notify_fifo", Kind::lost, kFifo},
    Fate{"notify_fifo_script", Kind::lost, kFifo},
    Fate{"vrrp_notify_fifo", Kind::lost, kFifo},
    Fate{"vrrp_notify_fifo_script", Kind::lost, kFifo},
    Fate{"lvs_notify_fifo", Kind::lost, kFifo},
    Fate{"lvs_notify_fifo_script", Kind::lost, kFifo},
    Fate{"fifo_write_vrrp_states_on_reload", Kind::lost, kFifo},
    Fate{"max_auto_priority", Kind::implied, kScheduling},
    Fate{"min_auto_priority_delay", Kind::implied, kScheduling},
    Fate{"vrrp_priority", Kind::implied, kScheduling},
    Fate{"checker_priority", Kind::implied, kScheduling},
    Fate{"bfd_priority", Kind::implied, kScheduling},
    Fate{"vrrp_no_swap", Kind::implied, kScheduling},
    Fate{"checker_no_swap", Kind::implied, kScheduling},
    Fate{"bfd_no_swap", Kind::implied, kScheduling},
    Fate{"vrrp_rt_priority", Kind::implied, kScheduling},
    Fate{"checker_rt_priority", Kind::implied, kScheduling},
    Fate{"bfd_rt_priority", Kind::implied, kScheduling},
    Fate{"vrrp_rlimit_rttime", Kind::implied, kScheduling},
    Fate{"checker_rlimit_rttime", Kind::implied, kScheduling},
    Fate{"bfd_rlimit_rttime", Kind::implied, kScheduling},
    Fate{"vrrp_rlimit_rtime", Kind::implied, kScheduling},
    Fate{"checker_rlimit_rtime", Kind::implied, kScheduling},
    Fate{"bfd_rlimit_rtime", Kind::implied, kScheduling},
    Fate{"vrrp_cpu_affinity", Kind::lost, "set CPUAffinity= in tandemd's systemd unit"},
    Fate{"checker_cpu_affinity", Kind::lost, "set CPUAffinity= in tandemd's systemd unit"},
    Fate{"bfd_cpu_affinity", Kind::lost, "set CPUAffinity= in tandemd's systemd unit"},
    Fate{"snmp_socket", Kind::lost, kSnmp},
    Fate{"enable_snmp_vrrp", Kind::lost, kSnmp},
    Fate{"enable_snmp_keepalived", Kind::lost, kSnmp},
    Fate{"enable_snmp_checker", Kind::lost, kSnmp},
    Fate{"enable_snmp_rfc", Kind::lost, kSnmp},
    Fate{"enable_snmp_rfcv2", Kind::lost, kSnmp},
    Fate{"enable_snmp_rfcv3", Kind::lost, kSnmp},
    Fate{"enable_traps", Kind::lost, kSnmp},
    Fate{"enable_dbus", Kind::lost, "there is no D-Bus interface; tandemctl --json has the state"},
    Fate{"dbus_service_name", Kind::lost, "there is no D-Bus interface"},
    Fate{"dynamic_interfaces", Kind::implied, "an interface may come and go"},
    Fate{"vrrp_netlink_cmd_rcv_bufs", Kind::implied, kBuffers},
    Fate{"vrrp_netlink_cmd_rcv_bufs_force", Kind::implied, kBuffers},
    Fate{"vrrp_netlink_monitor_rcv_bufs", Kind::implied, kBuffers},
    Fate{"vrrp_netlink_monitor_rcv_bufs_force", Kind::implied, kBuffers},
    Fate{"lvs_netlink_cmd_rcv_bufs", Kind::implied, kBuffers},
    Fate{"lvs_netlink_cmd_rcv_bufs_force", Kind::implied, kBuffers},
    Fate{"lvs_netlink_monitor_rcv_bufs", Kind::implied, kBuffers},
    Fate{"lvs_netlink_monitor_rcv_bufs_force", Kind::implied, kBuffers},
    Fate{"process_monitor_rcv_bufs", Kind::implied, kBuffers},
    Fate{"process_monitor_rcv_bufs_force", Kind::implied, kBuffers},
    Fate{"vrrp_rx_bufs_policy", Kind::implied, kBuffers},
    Fate{"vrrp_rx_bufs_multiplier", Kind::implied, kBuffers},
    Fate{"rs_init_notifies", Kind::lost, "there are no scripts for changes of a backend"},
    Fate{"umask", Kind::implied, "files are made for their owner"},
    Fate{"log_unknown_vrids", Kind::implied, "adverts for unknown VRIDs are counted and listed"},
    Fate{"vmac_prefix", Kind::implied, "a virtual MAC needs no interface of its own"},
    Fate{"vmac_addr_prefix", Kind::implied, "a virtual MAC needs no interface of its own"},
    Fate{"random_seed", Kind::implied, "nothing is random"},
    Fate{"reload_check_config", Kind::implied, kReload},
    Fate{"include_check", Kind::implied, "included files were read"},
    Fate{"reload_time_file", Kind::lost, "there is no timed reload; tandemctl reload does one"},
    Fate{"reload_repeat", Kind::lost, "there is no timed reload"},
    Fate{"reload_file", Kind::implied, kReload},
    Fate{"data_use_instance", Kind::implied, "tandemctl --json has the state"},
    Fate{"tmp_config_directory", Kind::implied, "the configuration is one file"},
    Fate{"config_save_dir", Kind::implied, "the configuration is one file"},
    Fate{"process_names", Kind::implied, kProcess},
    Fate{"process_name", Kind::implied, kProcess},
    Fate{"vrrp_process_name", Kind::implied, kProcess},
    Fate{"checker_process_name", Kind::implied, kProcess},
    Fate{"lvs_process_name", Kind::implied, kProcess},
    Fate{"bfd_process_name", Kind::implied, kProcess},
    Fate{"startup_script", Kind::lost, "use ExecStartPre= in tandemd's systemd unit"},
    Fate{"startup_script_timeout", Kind::lost, "use ExecStartPre= in tandemd's systemd unit"},
    Fate{"shutdown_script", Kind::lost, "use ExecStopPost= in tandemd's systemd unit"},
    Fate{"shutdown_script_timeout", Kind::lost, "use ExecStopPost= in tandemd's systemd unit"},
    // These may stand outside of the block as well.
    Fate{"use_pid_dir", Kind::implied, kProcess},
    Fate{"child_wait_time", Kind::implied, kProcess},
    Fate{"namespace_with_ipsets", Kind::implied, kFirewall},
    Fate{"linkbeat_use_polling", Kind::implied, "the kernel tells the state of links"},
};

class GlobalReader {
 public:
  explicit GlobalReader(Gateway& gateway) : gateway_(gateway), defaults_(gateway.defaults) {}

  void read(const Statement& block) {
    static constexpr std::array kKeywords{
        Keyword<GlobalReader>{"router_id", &GlobalReader::router_id},
        Keyword<GlobalReader>{"script_user", &GlobalReader::script_user, 3},
        Keyword<GlobalReader>{"enable_script_security", &GlobalReader::script_security},
        Keyword<GlobalReader>{"default_interface", &GlobalReader::interface},
        Keyword<GlobalReader>{"vrrp_mcast_group4", &GlobalReader::group4},
        Keyword<GlobalReader>{"vrrp_mcast_group6", &GlobalReader::group6},
        Keyword<GlobalReader>{"v3_checksum_as_v2", &GlobalReader::message_checksum},
        Keyword<GlobalReader>{"vrrp_version", &GlobalReader::version},
        Keyword<GlobalReader>{"vrrp_strict", &GlobalReader::strict, 1},
        Keyword<GlobalReader>{"vrrp_check_unicast_src", &GlobalReader::check_unicast_source},
        Keyword<GlobalReader>{"vrrp_startup_delay", &GlobalReader::startup_delay},
        Keyword<GlobalReader>{"vrrp_down_timer_adverts", &GlobalReader::down_adverts},
        Keyword<GlobalReader>{"vrrp_garp_master_repeat", &GlobalReader::garp_repeat},
        Keyword<GlobalReader>{"vrrp_garp_master_delay", &GlobalReader::garp_delay},
        Keyword<GlobalReader>{"vrrp_garp_master_refresh", &GlobalReader::garp_refresh},
        Keyword<GlobalReader>{"vrrp_garp_interval", &GlobalReader::garp_interval},
        Keyword<GlobalReader>{"vrrp_min_garp", &GlobalReader::min_garp},
        Keyword<GlobalReader>{"lvs_timeouts", &GlobalReader::lvs_timeouts, 7},
        Keyword<GlobalReader>{"net_namespace", &GlobalReader::net_namespace},
        Keyword<GlobalReader>{"net_namespace_ipvs", &GlobalReader::net_namespace},
        Keyword<GlobalReader>{"instance", &GlobalReader::instance},
    };
    read_block<GlobalReader>(*this, block.inside, kKeywords, kGlobalFates, "global_defs",
                             gateway_.notes);
  }

 private:
  Result<void> router_id(const Statement& s) {
    const auto name = text_at(s);
    if (!name) return std::unexpected(name.error());
    gateway_.node.set("name", toml(*name), s.place);
    return {};
  }

  Result<void> script_user(const Statement& s) {
    const auto user = text_at(s);
    if (!user) return std::unexpected(user.error());
    defaults_.user = *user;
    defaults_.group = s.word(2);
    return {};
  }

  Result<void> script_security(const Statement& s) {
    defaults_.has_script_security = true;
    gateway_.notes.implied(s.place, described(s, "commands that others may write are refused"));
    return {};
  }

  Result<void> interface(const Statement& s) {
    const auto name = text_at(s);
    if (!name) return std::unexpected(name.error());
    defaults_.interface = *name;
    gateway_.notes.implied(s.place, described(s, "each virtual router names its interface"));
    return {};
  }

  Result<void> group4(const Statement& s) { return group(s, Family::ipv4, defaults_.group4); }
  Result<void> group6(const Statement& s) { return group(s, Family::ipv6, defaults_.group6); }
  Result<void> group(const Statement& s, Family family,
                     std::optional<std::pair<IpAddress, Location>>& to) {
    const auto address = address_at(s);
    if (!address) return std::unexpected(address.error());
    if (address->family() != family || !address->is_multicast())
      return unexpected_word(s, 1, std::string("a multicast address of ") + to_string(family));
    to = {*address, s.place};
    return {};
  }

  Result<void> message_checksum(const Statement& s) {
    const auto flag = flag_at(s);
    if (!flag) return std::unexpected(flag.error());
    defaults_.has_message_checksum = *flag;
    return {};
  }

  Result<void> version(const Statement& s) {
    const auto version = leading_integer_at(s, 2, 3, gateway_.notes);
    if (!version) return std::unexpected(version.error());
    defaults_.version = static_cast<int>(*version);
    return {};
  }

  Result<void> strict(const Statement& s) {
    defaults_.is_strict = true;  // whatever stands behind it
    gateway_.notes.lost(s.place, described(s,
                                           "there is no strict mode; what Tandem accepts and "
                                           "sends is in docs/architecture.md"));
    return {};
  }

  Result<void> check_unicast_source(const Statement&) {
    defaults_.check_unicast_source = true;
    return {};
  }

  Result<void> net_namespace(const Statement& s) {
    gateway_.notes.lost(s.place, described(s, "start tandemd in the network namespace"));
    return {};
  }

  Result<void> instance(const Statement& s) {
    gateway_.notes.lost(s.place, described(s,
                                           "give each tandemd a control_socket and a bpffs of "
                                           "its own"));
    return {};
  }

  Result<void> startup_delay(const Statement& s) {
    return keep(defaults_.startup_delay, "startup_delay", s,
                seconds_within(s, {}, hours(1), gateway_.notes));
  }
  Result<void> garp_delay(const Statement& s) {
    return keep(defaults_.garp_delay, "garp_delay", s,
                whole_seconds_within(s, {}, hours(1), gateway_.notes));
  }
  Result<void> garp_refresh(const Statement& s) {
    return keep(defaults_.garp_refresh, "garp_refresh", s,
                whole_seconds_within(s, {}, hours(24), gateway_.notes));
  }
  // 0: one right after the other. Tandem's least is 1 ms.
  Result<void> garp_interval(const Statement& s) {
    auto interval = seconds_within(s, {}, seconds(10), gateway_.notes);
    if (interval && *interval < milliseconds(1)) *interval = milliseconds(1);
    return keep(defaults_.garp_interval, "garp_interval", s, interval);
  }
  // keepalived takes 0 for 1.
  Result<void> garp_repeat(const Statement& s) {
    auto repeat = integer_within(s, 0, 100, gateway_.notes);
    if (repeat && *repeat == 0) repeat = 1;
    return keep(defaults_.garp_repeat, "garp_repeat", s, repeat);
  }
  Result<void> down_adverts(const Statement& s) {
    return keep(defaults_.down_adverts, "down_adverts", s,
                leading_integer_at(s, 1, 100, gateway_.notes));
  }
  Result<void> min_garp(const Statement& s) {
    const auto flag = flag_at(s);
    if (!flag) return std::unexpected(flag.error());
    if (!*flag) return {};
    if (!defaults_.garp_repeat)
      defaults_.garp_repeat = Setting{"garp_repeat", "1", {}, s.place, {}};
    if (!defaults_.garp_delay)
      defaults_.garp_delay = Setting{"garp_delay", "\"0s\"", {}, s.place, {}};
    return {};
  }

  // [tcp SECONDS] [tcpfin SECONDS] [udp SECONDS]
  Result<void> lvs_timeouts(const Statement& s) {
    auto& flows = gateway_.flows;
    if (!flows) flows = Table{"[flows]", s.place, {}, {}};
    for (std::size_t n = 1; n < s.words.size(); n += 2) {
      const auto time = seconds_within(s, seconds(1), hours(3), gateway_.notes, n + 1);
      if (!time) return std::unexpected(time.error());
      const std::string both =
          "{ counted = " + toml(*time) + ", remembered = " + toml(*time) + " }";
      if (s.words[n] == "tcp")
        flows->set("established", both, s.place);
      else if (s.words[n] == "udp")
        flows->set("udp", both, s.place);
      else if (s.words[n] == "tcpfin")
        flows->set("closing", toml(*time), s.place);
      else
        return unexpected_word(s, n, "tcp, tcpfin or udp");
    }
    return {};
  }

  static std::string as_toml(std::int64_t number) { return std::to_string(number); }
  static std::string as_toml(Duration duration) { return toml(duration); }

  template <class T>
  static Result<void> keep(std::optional<Setting>& setting, const char* key, const Statement& s,
                           const Result<T>& value) {
    if (!value) return std::unexpected(value.error());
    setting = Setting{key, as_toml(*value), {}, s.place, {}};
    return {};
  }

  Gateway& gateway_;
  Defaults& defaults_;
};

}  // namespace

Result<void> read_global_defs(const Statement& block, Gateway& gateway) {
  GlobalReader(gateway).read(block);
  return {};
}

}  // namespace tandem::importer
