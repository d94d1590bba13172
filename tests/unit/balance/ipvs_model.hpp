// SPDX-License-Identifier: Apache-2.0
// IPVS's "wlc" as it behaves, to run the same trace through both.
//
// A destination's overhead is 256 * active + inactive connections; the least overhead / weight is
// next, compared by cross-multiplication. Of equals the first in the list is next, and a
// destination is added at the head of the list. A TCP connection is active from its SYN on,
// inactive from its FIN or RST on, and gone when its timeout is over; a UDP flow is inactive all
// the time, which makes no difference where all are. With an upper threshold, a destination is
// overloaded from when its connections reach it (active and inactive ones) until less than three
// quarters of it are left; a lower threshold of its own is not modelled.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>

namespace tandem::balance {

class IpvsWlc {
 public:
  void add(std::uint16_t slot, int weight, std::uint32_t upper_threshold = 0) {
    destinations_.push_front({.slot = slot, .weight = weight, .upper = upper_threshold});
  }

  // A new connection, active from the start.
  std::optional<std::uint16_t> schedule() {
    Destination* least = nullptr;
    for (Destination& each : destinations_) {
      if (each.overloaded || each.weight == 0) continue;
      if (least == nullptr || least->overhead() * each.weight > each.overhead() * least->weight)
        least = &each;
    }
    if (least == nullptr) return std::nullopt;
    least->active++;
    if (least->upper != 0 && least->all() >= least->upper) least->overloaded = true;
    return least->slot;
  }

  // A FIN or RST was seen: the connection is remembered, as inactive.
  void deactivate(std::uint16_t slot) {
    at(slot).active--;
    at(slot).inactive++;
  }

  // A remembered one has begun anew.
  void activate(std::uint16_t slot) {
    at(slot).active++;
    at(slot).inactive--;
  }

  // The time of an inactive connection, or of an active one, is over.
  void expire_inactive(std::uint16_t slot) { unbind(at(slot), at(slot).inactive); }
  void expire_active(std::uint16_t slot) { unbind(at(slot), at(slot).active); }

  [[nodiscard]] std::int64_t active(std::uint16_t slot) { return at(slot).active; }

 private:
  struct Destination {
    std::uint16_t slot = 0;
    std::int64_t weight = 0;
    std::uint32_t upper = 0;
    std::int64_t active = 0, inactive = 0;
    bool overloaded = false;

    [[nodiscard]] std::int64_t all() const { return active + inactive; }
    [[nodiscard]] std::int64_t overhead() const { return active * 256 + inactive; }
  };

  static void unbind(Destination& d, std::int64_t& count) {
    count--;
    if (4 * d.all() < 3 * std::int64_t{d.upper}) d.overloaded = false;
  }
  Destination& at(std::uint16_t slot) {
    for (Destination& each : destinations_)
      if (each.slot == slot) return each;
    return destinations_.front();
  }

  std::deque<Destination> destinations_;
};

}  // namespace tandem::balance
