// SPDX-License-Identifier: Apache-2.0
#include "vrrp/authenticator.hpp"

#include <algorithm>
#include <chrono>

namespace tandem::vrrp {
namespace {

using std::chrono::seconds;

// A clock that moves further than that at once was set; one that is slewed never does.
constexpr Duration kStep = seconds(1);
// How long the course is kept without a word from anybody.
constexpr Duration kPatience = seconds(10);
// Nodes with one virtual router that are heard in turn. Only holders of a key get a place.
constexpr std::size_t kFewestSenders = 8;

}  // namespace

void Authenticator::configure(const Settings& settings) {
  auth_ = settings.auth;
  if (!auth_) return;
  patience_ = std::max(kPatience, 4 * settings.advert_interval);
  senders_.resize(std::max({senders_.size(), kFewestSenders, settings.unicast_peers.size()}));
}

void Authenticator::sign(wire::Advert& advert, const IpAddress& source, Duration time_of_day,
                         MonotonicTime now) {
  advert.signature.reset();
  if (!auth_ || auth_->mode == wire::SigningMode::receive_only) return;
  const wire::Secret* const secret = secret_of(auth_->active_key);
  follow_clock(time_of_day, now);
  confirmed_ = now;
  auto& signature = advert.signature.emplace();
  signature.key = auth_->active_key;
  signature.sequence = next_sequence(now);
  // Where no message can say the advert, none will leave.
  if (secret != nullptr) (void)wire::sign(advert, source, *secret);
}

// In the order that costs least: what is of another time is dropped before its code is computed, and
// nothing is remembered of an advert whose code is wrong.
std::optional<wire::AdvertDrop> Authenticator::judge(const wire::ReceivedAdvert& received,
                                                     MonotonicTime now) {
  using wire::AdvertDrop;
  const auto& signature = received.advert.signature;
  if (!auth_) return std::nullopt;
  if (!signature && auth_->mode == wire::SigningMode::enforce) return AdvertDrop::not_signed;
  if (!signature) return std::nullopt;
  if (signature->type != wire::Signature::kHmacSha256 || signature->reserved != 0)
    return AdvertDrop::bad_signature;
  const std::uint64_t clock = wire::sequence_at(received.time_of_day);
  follow_clock(received.time_of_day, now);
  const bool by_course = in_window(signature->sequence, course_at(now));
  if (auth_->anti_replay == wire::AntiReplay::time && !by_course &&
      !in_window(signature->sequence, clock))
    return AdvertDrop::stale;
  const wire::Secret* const secret = secret_of(signature->key);
  if (secret == nullptr) return AdvertDrop::unknown_key;
  if (!wire::is_code_of(signature->code, *secret, received.source, received.signed_bytes))
    return AdvertDrop::bad_signature;

  Sender& sender = sender_of(received.source);
  const bool is_known = sender.heard != MonotonicTime{} && sender.address == received.source;
  if (is_known && !wire::is_newer(signature->sequence, sender.sequence) &&
      !may_start_again(sender, clock, now))
    return AdvertDrop::replay;
  sender = {received.source, signature->sequence, now, received.advert.interval};
  if (!by_course) offset_ = received.time_of_day - now.time_since_epoch();
  confirmed_ = now;
  return std::nullopt;
}

void Authenticator::follow_clock(Duration time_of_day, MonotonicTime now) {
  const Duration offset = time_of_day - now.time_since_epoch();
  const bool was_set = offset_ && std::chrono::abs(offset - *offset_) > kStep;
  if (!was_set || confirmed_ == MonotonicTime{} || now - confirmed_ > patience_) offset_ = offset;
}

std::uint64_t Authenticator::course_at(MonotonicTime now) const {
  return wire::sequence_at(now.time_since_epoch() + *offset_);
}

bool Authenticator::in_window(std::uint64_t sequence, std::uint64_t time) const {
  return std::chrono::abs(wire::later_by(sequence, time)) <= auth_->window;
}

// The course, or one more than the last where that has not grown. A course that went back by more
// than the window begins again: receivers would drop what is that far ahead.
std::uint64_t Authenticator::next_sequence(MonotonicTime now) {
  const std::uint64_t course = course_at(now);
  const bool begins_again = auth_->anti_replay == wire::AntiReplay::time &&
                            wire::later_by(last_sent_, course) > auth_->window;
  const bool grows = !has_sent_ || wire::is_newer(course, last_sent_) || begins_again;
  has_sent_ = true;
  return last_sent_ = grows ? course : last_sent_ + 1;
}

const wire::Secret* Authenticator::secret_of(std::uint8_t key) const {
  const auto found = std::ranges::find(auth_->keys, key, &AuthKey::id);
  return found == auth_->keys.end() ? nullptr : &found->secret;
}

// Its own place, else the one of whom nothing was heard for longest.
Authenticator::Sender& Authenticator::sender_of(const IpAddress& address) {
  const auto known = std::ranges::find_if(senders_, [&](const Sender& sender) {
    return sender.heard != MonotonicTime{} && sender.address == address;
  });
  return known != senders_.end() ? *known : *std::ranges::min_element(senders_, {}, &Sender::heard);
}

// Its clock was ahead and was set right: what it said then is of another time. Not while it goes on
// by the old one, or adverts of long ago would be new after this node's own clock was set back.
bool Authenticator::may_start_again(const Sender& sender, std::uint64_t clock,
                                    MonotonicTime now) const {
  return auth_->anti_replay == wire::AntiReplay::time && !in_window(sender.sequence, clock) &&
         now - sender.heard > sender.interval * 3 / 2;
}

}  // namespace tandem::vrrp
