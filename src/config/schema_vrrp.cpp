// SPDX-License-Identifier: Apache-2.0
#include "config/kinds.hpp"
#include "config/schema.hpp"

namespace tandem::config {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

// A kind: an address alone as a string, or a table with label and device.
struct VirtualAddressItem {
  [[nodiscard]] std::string expected() const {
    return "a string such as \"192.0.2.100/24\", or a table with the key address";
  }
  void read(std::string_view name, const Value& value, VirtualAddress& out,
            Problems& problems) const {
    if (value.get<std::string>() != nullptr)
      return read_value(Prefix{}, name, value, out.prefix, problems);
    if (value.get<Value::Table>() != nullptr)
      return read_section(address_section(), value, out, problems);
    problems.error(value.where, std::string(name) + ": " + wrong_type(value).error() +
                                    ", expected " + expected());
  }
};

}  // namespace

const Section<VirtualAddress>& address_section() {
  static const Section<VirtualAddress> section{
      "[[vrrp]] addresses",
      "A virtual address that needs more than its text.",
      {
          key("address", &VirtualAddress::prefix, Prefix{},
              "The address; without a length it is a host's (/32 or /128).")
              .required(),
          key("label", &VirtualAddress::label, label_text(),
              "The label of an IPv4 address: the device's name, alone or followed by `:` and "
              "more."),
          key("device", &VirtualAddress::device, interface_text(),
              "The name of an `[[interface]]`, which the kernel's address is put on.")
              .or_else("the virtual router's interface"),
          key("advertised", &VirtualAddress::advertised, Boolean{},
              "Whether adverts name it; the same on both nodes. Those of keepalived's "
              "`virtual_ipaddress_excluded` are not named."),
      },
  };
  return section;
}

const Section<Track>& track_section() {
  static const Section<Track> section{
      "[[vrrp]] track",
      "Something whose failure moves the virtual router.",
      {
          key("check", &Track::check, name_text(), "The name of a `[[check]]`."),
          key("interface", &Track::interface, interface_text(),
              "The name of an `[[interface]]`: it fails when the link is down."),
          key("service", &Track::service, name_text(),
              "The name of a `[[service]]` with backends: it fails while its `quorum` is not up, "
              "which without such a key means that no backend is up, backups aside."),
          key("weight", &Track::weight, Integer{-253, 253, false},
              "Added to the priority: a negative one while it fails, a positive one while it "
              "passes.")
              .or_else("none: failing means Fault"),
      },
      {"check", "interface", "service"},
  };
  return section;
}

const Section<Notify>& notify_section() {
  static const Section<Notify> section{
      "[vrrp.notify]",
      "Commands for changes of state, run in order and one at a time for each virtual router. As "
      "with keepalived, `master`, `backup`, `fault` or `stop` and the virtual router's name are "
      "appended.",
      {
          key("active", &Notify::active, Argv{}, "Run when the virtual router becomes Active."),
          key("backup", &Notify::backup, Argv{}, "Run when the virtual router becomes Backup."),
          key("fault", &Notify::fault, Argv{}, "Run when the virtual router goes to Fault."),
          key("stop", &Notify::stop, Argv{}, "Run when `tandemd` ends."),
          key("any", &Notify::any, Argv{},
              "Run at each of these changes, after the command for the change itself."),
          key("timeout", &Notify::timeout, Span{milliseconds(100), hours(1)},
              "A command that takes longer is killed with its process group."),
      },
  };
  return section;
}

const Section<AuthKey>& auth_key_section() {
  static const Section<AuthKey> section{
      "[[vrrp.auth.keys]]",
      "A secret that both nodes have. Several at a time let nodes change from one to the next.",
      {
          key("id", &AuthKey::id, Integer{1, 255},
              "The key's number: an advert names the one that it is signed with.")
              .required(),
          key("file", &AuthKey::file, directory_text(),
              "The file with the secret, which its owner alone may read: 32 to 64 characters, as "
              "`tandemctl sync-key FILE` writes them, or `hex:` and 64 to 128 hexadecimal digits. "
              "keepalived reads the same files.")
              .required(),
      },
  };
  return section;
}

const Section<Auth>& auth_section() {
  static const Section<Auth> section{
      "[vrrp.auth]",
      "Signed adverts (draft-cassen-vrrp-auth-hmac, as keepalived 2.4.2 and later): nobody without "
      "a key can forge, change or repeat them. Equal on both nodes.",
      {
          key("keys", &Auth::keys, ListOf<TableOf<AuthKey>>{{auth_key_section()}, 255, "tables", 1},
              "The secrets.")
              .required(),
          key("active_key", &Auth::active_key, Integer{1, 255},
              "The `id` of the key that this node's adverts are signed with.")
              .or_else("the first of `keys`"),
          key("mode", &Auth::mode,
              Choice<wire::SigningMode>{{{"enforce", wire::SigningMode::enforce},
                                         {"permissive", wire::SigningMode::permissive},
                                         {"receive-only", wire::SigningMode::receive_only}}},
              "What is signed and accepted. `enforce`: this node signs, and drops unsigned "
              "adverts. "
              "`permissive`: this node signs, and accepts unsigned adverts. `receive-only`: this "
              "node does not sign, and accepts unsigned adverts. Adverts with a wrong signature "
              "are "
              "always dropped."),
          key("anti_replay", &Auth::anti_replay,
              Choice<wire::AntiReplay>{
                  {{"time", wire::AntiReplay::time}, {"monotonic", wire::AntiReplay::monotonic}}},
              "How old adverts are told from new ones. `time`: by the clocks of both nodes, and by "
              "the order of adverts. `monotonic`: by the order of adverts alone."),
          key("time_window", &Auth::time_window, Span{seconds(1), seconds(300)},
              "By how much the clocks of both nodes may differ with `anti_replay = \"time\"`.")
              .or_else("three times `advert_interval`, at least `5s`"),
      },
  };
  return section;
}

const Section<Vrrp>& vrrp_section() {
  static const Section<Vrrp> section{
      "[[vrrp]]",
      "A virtual router: addresses that one node of the pair has at a time (RFC 9568).",
      {
          key("name", &Vrrp::name, name_text(),
              "The virtual router's name, which notify commands are told.")
              .required(),
          key("interface", &Vrrp::interface, interface_text(), "The name of an `[[interface]]`.")
              .required(),
          key("vrid", &Vrrp::vrid, Integer{1, 255},
              "The virtual router's number, equal on both nodes; different for each virtual router "
              "of an "
              "interface and family.")
              .required(),
          key("version", &Vrrp::version, Integer{2, 3}, "The VRRP version; 2 is IPv4 only."),
          key("priority", &Vrrp::priority, Integer{1, 255},
              "The greater one is Active; 255 is for the owner of the addresses."),
          key("advert_interval", &Vrrp::advert_interval, Span{milliseconds(10), seconds(255)},
              "The time between adverts: version 2 whole seconds from 1s to 255s, version 3 whole "
              "centiseconds from 10ms to 40.95s."),
          key("max_learned_interval", &Vrrp::max_learned_interval,
              Span{milliseconds(10), milliseconds(40950)},
              "Version 3 learns the Active's interval from its adverts, but no longer one than "
              "this: how long a forged advert can keep this node from taking over.")
              .or_else("ten times `advert_interval`"),
          key("down_adverts", &Vrrp::down_adverts, Integer{1, 100},
              "Adverts missed before a Backup takes over; 3 in the standard. Must be equal on both "
              "nodes: it is also how long the Active may answer after its last advert."),
          key("addresses", &Vrrp::addresses,
              ListOf<VirtualAddressItem>{{}, kMostAddressesOfRouter, "addresses", 1},
              "Strings, or tables as below; all of one family.")
              .required(),
          key("track", &Vrrp::track, ListOf<TableOf<Track>>{{track_section()}, 64, "tables"},
              "What the priority or the health of the virtual router depends on."),
          key("preempt", &Vrrp::preempt, Boolean{},
              "Whether it takes the addresses back from an Active of lower priority."),
          key("preempt_delay", &Vrrp::preempt_delay, Span{{}, hours(1)},
              "How long a Backup hears an Active of lower priority before it takes the addresses "
              "back."),
          key("startup_delay", &Vrrp::startup_delay, Span{{}, hours(1)},
              "How long after its start, and after its link came up, the virtual router only "
              "listens."),
          key("group", &Vrrp::group, MulticastGroup{},
              "The multicast group that adverts go to, equal on both nodes.")
              .or_else("`224.0.0.18`, with IPv6 `ff02::12`"),
          key("unicast_peers", &Vrrp::unicast_peers, ListOf<Address>{{}, 255, "numeric addresses"},
              "Adverts go to these addresses and not to the multicast group."),
          key("unicast_source", &Vrrp::unicast_source, Address{}, "The source of unicast adverts.")
              .or_else("the interface's own address"),
          key("check_unicast_source", &Vrrp::check_unicast_source, Boolean{},
              "Whether unicast adverts from others than the peers are dropped."),
          key("mac", &Vrrp::mac,
              Choice<MacMode>{
                  {{"interface", MacMode::interface_mac}, {"virtual", MacMode::virtual_mac}}},
              "The MAC address that the addresses answer with (RFC 9568, 7.3)."),
          key("accept", &Vrrp::accept, Boolean{},
              "Whether packets to an address that no service takes reach the kernel."),
          key("checksum", &Vrrp::checksum,
              Choice<wire::ChecksumForm>{{{"pseudo-header", wire::ChecksumForm::pseudo_header},
                                          {"message", wire::ChecksumForm::message}}},
              "What the checksum of a version 3 IPv4 advert covers; keepalived and FRR want "
              "`pseudo-header`, the letter of RFC 9568 is `message`."),
          key("password", &Vrrp::password, Password{},
              "Version 2's plain text password, as keepalived's `auth_type PASS`."),
          key("auth", &Vrrp::auth, Maybe<TableOf<Auth>>{{auth_section()}},
              "Signed adverts, as below; not together with `password`."),
          key("sync_group", &Vrrp::sync_group, name_text(),
              "Virtual routers of the same group change state together."),
          key("garp_repeat", &Vrrp::garp_repeat, Integer{0, 100},
              "How many announcements of each address (GARP or NA) are sent on becoming Active."),
          key("garp_delay", &Vrrp::garp_delay, Span{{}, hours(1)},
              "How long after becoming Active `garp_repeat` announcements are sent once more."),
          key("garp_refresh", &Vrrp::garp_refresh, Span{{}, hours(24)},
              "The time between later announcements while the virtual router is Active; `0s`: "
              "none."),
          key("garp_interval", &Vrrp::garp_interval, Span{milliseconds(1), seconds(10)},
              "The least time between repetitions of an announcement."),
          key("notify", &Vrrp::notify, TableOf<Notify>{notify_section()},
              "Commands for changes of state, as below."),
      },
  };
  return section;
}

}  // namespace tandem::config
