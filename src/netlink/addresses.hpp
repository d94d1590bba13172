// SPDX-License-Identifier: Apache-2.0
// Keeps virtual addresses on the kernel's interfaces.
//
// Each owner (a virtual router) lists what it wants; an address stays for as long as one owner
// wants it. Whatever goes missing is put back: after somebody removed it, after the interface was
// taken down (which takes its IPv6 addresses), after the interface was removed and made again.
//
// What is put there carries a protocol number (IFA_PROTO), which outlives the process and tells whose
// it is whatever became of the interface's name and of the configuration.
//
// An address that is there already counts as ours: it is a leftover, or was put back by hand. The
// owner of a real address (priority 255) must therefore not list it here, or it goes at remove().
// One that became primary, with an own one secondary to it, is taken off and put on again: packets of
// the node's own would leave from it. But one without that number that is the only one of its
// interface is the node's own: see sweep().
//
// One thread. Wait until fd() is readable, then call process(); call on_time() at next_deadline().
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/address.hpp"
#include "base/result.hpp"
#include "base/time.hpp"
#include "netlink/link_feed.hpp"

namespace tandem::netlink {

struct DeviceAddress {
  std::string device;  // by name, so that it may go and come back
  IpPrefix prefix;
  std::string label;  // IPv4 only: the device's name, or that and more ("eth0:vip1"); empty: none

  bool operator==(const DeviceAddress&) const = default;
};

// The protocol number of the addresses that a daemon puts on interfaces, by what it alone has: two
// on one machine tell theirs apart.
[[nodiscard]] std::uint8_t protocol_number(std::string_view pin_directory);
// Whether the address is there without that number, and the only one that the interface has of its
// family, link-local ones and `virtuals` left out.
[[nodiscard]] bool is_only_own(const Device& device, const IpAddress& address,
                               const std::set<IpAddress>& virtuals, std::uint8_t protocol);

class Addresses {
 public:
  // An address was put back, or could not be (the sentence says why). Both are worth a log line.
  using OnRestore = std::function<void(const DeviceAddress&, const Result<void>& outcome)>;

  struct Counters {
    std::uint64_t restored = 0;  // put back (or there at last) other than by install()
    std::uint64_t failed = 0;    // refused by the kernel, each attempt counts
  };

  // Two attempts at the same address are this far apart, so that a fight with another program
  // costs little; longer if the kernel refused.
  static constexpr Duration kRestorePause = std::chrono::milliseconds(100);
  static constexpr Duration kRefusedPause = std::chrono::seconds(1);

  // protocol: not 0.
  [[nodiscard]] static Result<Addresses> open(std::uint8_t protocol);

  // Makes what `owner` has equal to `wanted`: adds, relabels, removes. The error names every
  // address that could not be added; it stays wanted and is tried again, unless its label is wrong.
  Result<void> install(const std::string& owner, const std::vector<DeviceAddress>& wanted,
                       MonotonicTime now);
  // Removes what no other owner wants. An address or interface that is gone already is no error.
  Result<void> remove(const std::string& owner);
  // All addresses of the node but those that carry the protocol number: nobody's of this kind put
  // them there.
  [[nodiscard]] std::set<IpAddress> of_others();
  // Removes leftovers, except what an owner wants: all that carry the protocol number, wherever they
  // are; and the listed addresses from the listed devices, with whatever prefix length they are
  // there, unless they are the node's own. Not those to be kept.
  Result<void> sweep(const std::vector<DeviceAddress>& leftovers,
                     const std::set<IpAddress>& kept = {});

  [[nodiscard]] int fd() const noexcept { return feed_.fd(); }
  void process(MonotonicTime now);
  void on_time(MonotonicTime now) { process(now); }
  [[nodiscard]] MonotonicTime next_deadline() const noexcept { return deadline_; }
  void on_restore(OnRestore callback) { on_restore_ = std::move(callback); }

  [[nodiscard]] Counters counters() const noexcept { return counters_; }

 private:
  using Place = std::pair<std::string, IpPrefix>;  // device, address
  struct Wanted {
    std::string label;
    std::set<std::string> owners;
    MonotonicTime not_before{};  // the next attempt
  };

  Addresses(LinkFeed feed, std::uint8_t protocol) : feed_(std::move(feed)), protocol_(protocol) {}
  void disown(const std::string& owner, const std::set<Place>& keep, std::string& problems);
  void relabel(const DeviceAddress& address, std::string& problems);
  [[nodiscard]] bool missing(const Place& place) const;
  [[nodiscard]] bool displaces_own(const Place& place) const;
  // false: somebody else was faster.
  Result<bool> put(const Place& place, Wanted& wanted, MonotonicTime now);
  Result<void> take_away(const Place& place);
  Result<void> take_off(const std::string& device, const IpPrefix& prefix);

  LinkFeed feed_;
  std::uint8_t protocol_;
  std::map<Place, Wanted> wanted_;
  MonotonicTime deadline_ = kNever;
  Counters counters_;
  OnRestore on_restore_;
};

}  // namespace tandem::netlink
