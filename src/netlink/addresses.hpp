// SPDX-License-Identifier: Apache-2.0
// Keeps virtual addresses on the kernel's interfaces.
//
// Each owner (a virtual router) lists what it wants; an address stays for as long as one owner
// wants it. Whatever goes missing is put back: after somebody removed it, after the interface was
// taken down (which takes its IPv6 addresses), after the interface was removed and made again.
//
// An address that is there already counts as ours: it is a leftover, or was put back by hand. The
// owner of a real address (priority 255) must therefore not list it here, or it goes at remove().
//
// One thread. Wait until fd() is readable, then call process(); call on_time() at next_deadline().
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
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

  [[nodiscard]] static Result<Addresses> open();

  // Makes what `owner` has equal to `wanted`: adds, relabels, removes. The error names every
  // address that could not be added; it stays wanted and is tried again, unless its label is wrong.
  Result<void> install(const std::string& owner, const std::vector<DeviceAddress>& wanted,
                       MonotonicTime now);
  // Removes what no other owner wants. An address or interface that is gone already is no error.
  Result<void> remove(const std::string& owner);
  // Removes leftovers: the listed addresses from the listed devices, with whatever prefix length
  // they are there, except those that an owner wants.
  Result<void> sweep(const std::vector<DeviceAddress>& leftovers);

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

  explicit Addresses(LinkFeed feed) : feed_(std::move(feed)) {}
  void disown(const std::string& owner, const std::set<Place>& keep, std::string& problems);
  void relabel(const DeviceAddress& address, std::string& problems);
  [[nodiscard]] bool missing(const Place& place) const;
  // false: somebody else was faster.
  Result<bool> put(const Place& place, Wanted& wanted, MonotonicTime now);
  Result<void> take_away(const Place& place);

  LinkFeed feed_;
  std::map<Place, Wanted> wanted_;
  MonotonicTime deadline_ = kNever;
  Counters counters_;
  OnRestore on_restore_;
};

}  // namespace tandem::netlink
