// SPDX-License-Identifier: Apache-2.0
#include "sync/session.hpp"

#include <utility>

#include "base/overloaded.hpp"

namespace tandem::sync {
namespace {

constexpr Duration kStatusInterval = std::chrono::milliseconds(100);

}  // namespace

Session::Session(Hello me, Sender& sender, Receiver& receiver, MonotonicTime now,
                 RoleExchange* roles)
    : me_(std::move(me)),
      sender_(sender),
      receiver_(receiver),
      roles_(roles),
      heard_(now),
      status_due_(now) {
  sender_.begin();
  receiver_.begin();
  if (roles_ != nullptr) roles_->begin();
  append(output_, me_);
}

Result<std::size_t> Session::receive(std::span<const std::uint8_t> bytes, MonotonicTime now) {
  std::size_t taken = 0;
  while (true) {
    receiver_.go_on(now);
    if (receiver_.stalled()) return taken;
    auto frame = parse(bytes.subspan(taken));
    if (!frame) return std::unexpected(frame.error());
    if (!*frame) return taken;
    heard_ = now;
    if ((*frame)->message)
      if (auto handled = handle(*(*frame)->message, now); !handled)
        return std::unexpected(handled.error());
    taken += (*frame)->bytes;
  }
}

Result<void> Session::handle(const Message& message, MonotonicTime now) {
  if (!peer_ && !std::holds_alternative<Hello>(message))
    return fail("sync: the peer does not begin with a greeting");
  if (const auto* hello = std::get_if<Hello>(&message)) {
    if (hello->newest < me_.oldest || hello->oldest > me_.newest)
      return fail("sync: " + hello->node + " speaks versions " + std::to_string(hello->oldest) +
                  " to " + std::to_string(hello->newest) + ", expected one of " +
                  std::to_string(me_.oldest) + " to " + std::to_string(me_.newest));
    if (hello->boot == me_.boot)
      return fail("sync: the peer is this node itself, expected another one under sync.peer");
    peer_ = *hello;
    return {};
  }
  std::visit(Overloaded{[](const Hello&) {},
                        [this](const Outcomes& outcomes) {
                          for (const Outcome& outcome : outcomes.outcomes)
                            sender_.on_outcome(outcome);
                        },
                        [this](const Ack& ack) { sender_.on_ack(ack); },
                        [this, now](const Status& status) {
                          peers_clock_ns_ = status.sent_ns;
                          if (status.echoed_ns != 0)
                            lag_ =
                                Duration(static_cast<Duration::rep>(to_ns(now) - status.echoed_ns));
                        },
                        [this, now](const Roles& roles) {
                          if (roles_ != nullptr) roles_->on(roles, now);
                        },
                        [this](const BackendWish& wish) {
                          if (wishes_ != nullptr) wishes_->on(wish);
                        },
                        [this, now](const WishSum& sum) {
                          if (wishes_ != nullptr) wishes_->on(sum, now);
                        },
                        [this, now](const LocalSockets& sockets) {
                          peer_sockets_ = sockets;
                          peer_sockets_at_ = now;
                        },
                        [this](const auto& other) { receiver_.on(other); }},
             message);
  return {};
}

Result<void> Session::pass(MonotonicTime now) {
  receiver_.go_on(now);
  if (now - heard_ > kSilence) return fail("sync: nothing was heard from the peer for 3 s");
  if (!peer_) return {};
  if (const Outcomes outcomes = receiver_.take_outcomes(); !outcomes.outcomes.empty())
    append(output_, outcomes);
  if (const auto ack = receiver_.take_ack()) append(output_, *ack);
  if (roles_ != nullptr && output_.size() < kMostOutput) roles_->send(output_, now);
  if (wishes_ != nullptr) wishes_->pass(output_, kMostOutput, now);
  if (output_.size() < kMostOutput) sender_.pass(output_, kMostOutput, now);
  if (now >= status_due_) {
    append(output_, Status{to_ns(now), std::exchange(peers_clock_ns_, 0)});
    append(output_, sockets_);
    status_due_ = now + kStatusInterval;
  }
  return {};
}

}  // namespace tandem::sync
