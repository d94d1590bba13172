// SPDX-License-Identifier: Apache-2.0
// The signatures of one virtual router (draft-cassen-vrrp-auth-hmac): signs its adverts, and judges
// those that it hears.
//
// Theory of operation. A signed advert carries the time of day as a sequence, and a receiver takes
// none whose time is further from its own than the window, and none that is not newer than the last
// of its sender. So a clock that is set would have both nodes drop each other's adverts, and become
// Active both. Hence a sequence is not the system's clock but a course of its own: it follows the
// clock while that runs, and goes on by the monotonic clock where it is set. An advert is heard if it
// is in the window by either of the two.
//
// Where the course and the clock differ, one of them is right, and a peer tells which: whoever is in
// the window by the clock alone has the course go over to the clock, and then hears this node, too. It
// does so as well when nothing was sent or heard by it for a while.
//
// Nothing here allocates but configure().
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/address.hpp"
#include "base/time.hpp"
#include "vrrp/settings.hpp"
#include "wire/signature.hpp"
#include "wire/vrrp.hpp"

namespace tandem::vrrp {

class Authenticator {
 public:
  // Other keys, mode or window: what it knows of senders and of the time stays.
  void configure(const Settings& settings);

  // Signs an advert that is to leave, or takes the signature off. Unspecified `source`: of nobody.
  void sign(wire::Advert& advert, const IpAddress& source, Duration time_of_day, MonotonicTime now);
  // Why an advert of another node is dropped, if it is.
  [[nodiscard]] std::optional<wire::AdvertDrop> judge(const wire::ReceivedAdvert& received,
                                                      MonotonicTime now);

 private:
  struct Sender {
    IpAddress address;
    std::uint64_t sequence = 0;  // the newest that was heard
    MonotonicTime heard{};       // 0: this place is free
    Duration interval{};         // that it announced
  };

  void follow_clock(Duration time_of_day, MonotonicTime now);
  [[nodiscard]] std::uint64_t course_at(MonotonicTime now) const;
  [[nodiscard]] bool in_window(std::uint64_t sequence, std::uint64_t time) const;
  [[nodiscard]] std::uint64_t next_sequence(MonotonicTime now);
  [[nodiscard]] const wire::Secret* secret_of(std::uint8_t key) const;
  [[nodiscard]] Sender& sender_of(const IpAddress& address);
  [[nodiscard]] bool may_start_again(const Sender& sender, std::uint64_t clock,
                                     MonotonicTime now) const;

  std::optional<Auth> auth_;
  Duration patience_{};  // how long the course stays unconfirmed where it is not the clock
  std::vector<Sender> senders_;
  std::uint64_t last_sent_ = 0;
  bool has_sent_ = false;
  std::optional<Duration> offset_;  // of the course from the monotonic clock
  MonotonicTime confirmed_{};       // when an advert was sent or heard by the course
};

}  // namespace tandem::vrrp
