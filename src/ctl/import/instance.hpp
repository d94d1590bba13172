// SPDX-License-Identifier: Apache-2.0
// A vrrp_instance while it is read: what single keywords say is in instance.cpp, its addresses and
// peers are in instance_addresses.cpp, and what follows from several keywords in instance_rules.cpp.
#pragma once

#include "ctl/import/readers.hpp"

namespace tandem::importer {

class InstanceReader {
 public:
  InstanceReader(const Statement& block, Gateway& gateway);
  Result<void> read();

 private:
  void read_keywords();
  Result<void> finish();
  void finish_strict();
  void finish_priority();
  void finish_version();
  void finish_group();
  void finish_interval();
  void finish_password();
  void finish_signatures();
  void finish_preemption();
  void finish_source_check();
  void finish_announcements();
  void use_default(const std::optional<Setting>& setting);

  Result<void> state(const Statement& s);
  Result<void> interface(const Statement& s);
  Result<void> vrid(const Statement& s);
  Result<void> priority(const Statement& s);
  Result<void> version(const Statement& s);
  Result<void> advert_int(const Statement& s);
  Result<void> authentication(const Statement& s);
  void authentication_line(const Statement& line);
  void note_one_line(const Statement& line);
  void note_no_password();
  // signatures.cpp
  Result<void> signatures(const Statement& s);
  Result<void> signature_line(const Statement& line);
  Result<void> add_key(const Statement& line);

  Result<void> group(const Statement& s);
  Result<void> message_checksum(const Statement& s);
  Result<void> source(const Statement& s);
  Result<void> unicast_ttl(const Statement& s);
  Result<void> check_source(const Statement& s);
  Result<void> track_script(const Statement& s);
  Result<void> track_interface(const Statement& s);
  Result<void> track_process(const Statement& s);
  Result<void> preempt(const Statement& s);
  Result<void> nopreempt(const Statement& s);
  Result<void> preempt_delay(const Statement& s);
  Result<void> down_adverts(const Statement& s);
  Result<void> garp_repeat(const Statement& s);
  Result<void> garp_delay(const Statement& s);
  Result<void> garp_refresh(const Statement& s);
  Result<void> use_vmac(const Statement& s);
  Result<void> accept(const Statement& s);
  Result<void> strict(const Statement& s);
  Result<void> notify(const Statement& s);
  Result<void> set_number(const char* key, const Statement& s, const Result<std::int64_t>& number);
  Result<void> set_duration(const char* key, const Statement& s, Duration highest);

  // instance_addresses.cpp
  Result<void> addresses(const Statement& s);
  Result<void> excluded_addresses(const Statement& s);
  Result<void> unicast_peers(const Statement& s);
  Result<void> routes(const Statement& s);
  Result<void> add_address(const Statement& line, bool is_advertised);
  void finish_addresses();

  struct Address {
    IpPrefix prefix;
    std::string label, device;
    bool is_advertised = true;
    Location place;
  };
  Result<void> read_address_options(const Statement& line, Address& address);
  Result<void> add_peer(const Statement& line);
  void find_routed_peers();

  const Statement& block_;
  Gateway& gateway_;
  Notes& notes_;
  VirtualRouter router_;
  std::vector<Address> addresses_;
  std::vector<std::pair<IpAddress, Location>> peers_;
  std::vector<std::pair<std::string, Location>> peer_ttls_;  // lines with a peer's TTL
  bool has_version_ = false;
  bool has_unicast_peers_ = false;
  bool checks_source_ = false;
  bool is_strict_ = false;
  bool has_state_ = false;
  bool has_message_checksum_ = false;
  std::optional<std::pair<Duration, Location>> interval_;
  std::optional<Location> authentication_;  // of the block
  bool has_authentication_type_ = false;    // PASS
  std::optional<std::pair<std::string, Location>> password_;
  struct Key {
    std::int64_t id;
    std::string file;  // empty: its secret stands there itself
    Location place;
  };
  std::optional<Location> signatures_place_;  // of the block
  std::vector<Key> keys_;
  std::optional<std::int64_t> active_key_, time_window_;
  std::string signing_mode_ = "enforce", anti_replay_;
  std::string meant_;  // a password that stands where keepalived does not look for one
  std::optional<std::pair<IpAddress, Location>> group_;
  std::optional<Location> nopreempt_;
};

}  // namespace tandem::importer
