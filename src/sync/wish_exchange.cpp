// SPDX-License-Identifier: Apache-2.0
#include "sync/wish_exchange.hpp"

#include <utility>

namespace tandem::sync {

void WishExchange::begin() {
  differs_since_.reset();
  equal_.reset();
  send_all_again();
}

void WishExchange::send_all_again() {
  theirs_.clear();
  for (const BackendWish& wish : book_.all()) to_send_.insert(wish.backend);
  sum_due_ = {};
}

void WishExchange::add(const std::vector<BackendWish>& wishes) {
  for (const BackendWish& wish : wishes) {
    const Merged merged = book_.merge(wish);
    if (merged != Merged::taken && merged != Merged::conflicts) continue;
    sum_.reset();
    to_send_.insert(wish.backend);
  }
}

void WishExchange::on(const BackendWish& wish) {
  const Merged merged = book_.merge(wish);
  if (merged == Merged::no_room) return;
  theirs_[wish.backend] = wish;
  to_send_.insert(wish.backend);
  if (merged == Merged::known) return;
  sum_.reset();
  came_.insert(wish.backend);
}

void WishExchange::on(const WishSum& sum, MonotonicTime now) {
  if (!sum_) sum_ = book_.sum();
  if (sum.sum == *sum_) {
    differs_since_.reset();
    equal_ = true;
    return;
  }
  if (!differs_since_) differs_since_ = now;
  if (now - *differs_since_ < kPatience) return;
  differs_since_ = now;
  equal_ = false;
  send_all_again();
}

void WishExchange::pass(std::vector<std::uint8_t>& out, std::size_t most, MonotonicTime now) {
  while (!to_send_.empty() && out.size() < most) {
    const BackendKey backend = *to_send_.begin();
    to_send_.erase(to_send_.begin());
    const BackendWish* wish = book_.find(backend);
    if (wish == nullptr) continue;
    BackendWish& known = theirs_[backend];
    if (known == *wish) continue;
    append(out, *wish);
    known = *wish;
    sum_due_ = {};
  }
  if (!to_send_.empty() || now < sum_due_) return;
  if (!sum_) sum_ = book_.sum();
  append(out, WishSum{*sum_});
  sum_due_ = now + kSumInterval;
}

std::vector<BackendWish> WishExchange::take() {
  std::vector<BackendWish> wishes;
  for (const BackendKey& backend : std::exchange(came_, {}))
    if (const BackendWish* wish = book_.find(backend)) wishes.push_back(*wish);
  return wishes;
}

}  // namespace tandem::sync
