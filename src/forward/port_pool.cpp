// SPDX-License-Identifier: Apache-2.0
#include "forward/port_pool.hpp"

#include <algorithm>
#include <utility>

namespace tandem::forward {

PortPool::PortPool() : ports_(kLast + 1), line_(kLast + 1) {
  for (std::uint32_t port = kFirst; port <= kLast; port++)
    line_[length_++] = static_cast<std::uint16_t>(port);
  round_.assign(line_.begin(), line_.begin() + static_cast<std::ptrdiff_t>(length_));
}

void PortPool::begin_at(std::uint32_t n) {
  const auto begin = line_.begin();
  std::rotate(begin, begin + static_cast<std::ptrdiff_t>(n % length_),
              begin + static_cast<std::ptrdiff_t>(length_));
}

void PortPool::set_usable(const std::vector<bool>& usable) {
  strays_ = 0;
  round_.clear();
  for (std::uint32_t number = kFirst; number <= kLast; number++) {
    Port& port = ports_[number];
    port.usable = number < usable.size() && usable[number];
    strays_ += port.taken && !port.usable;
    if (port.usable) round_.push_back(static_cast<std::uint16_t>(number));
    if (port.usable && !port.taken) queue(static_cast<std::uint16_t>(number));
  }
}

void PortPool::queue(std::uint16_t number) {
  if (std::exchange(ports_[number].waiting, true)) return;
  line_[(head_ + length_++) % line_.size()] = number;
}

std::optional<std::uint16_t> PortPool::take() {
  while (length_ > 0) {
    const std::uint16_t number = line_[head_];
    head_ = (head_ + 1) % line_.size();
    length_--;
    Port& port = ports_[number];
    port.waiting = false;
    if (port.taken || !port.usable) continue;
    port.taken = true;
    taken_++;
    return number;
  }
  return std::nullopt;
}

void PortPool::give(std::uint16_t number) {
  Port& port = ports_[number];
  if (!port.taken) return;
  port.taken = false;
  taken_--;
  if (port.usable)
    queue(number);
  else
    strays_--;
}

bool PortPool::hold(std::uint16_t number) {
  if (number < kFirst || ports_[number].taken) return false;
  ports_[number].taken = true;
  taken_++;
  strays_ += !ports_[number].usable;
  return true;
}

std::uint16_t PortPool::next() {
  return round_.empty() ? 0 : round_[next_++ % round_.size()];
}

}  // namespace tandem::forward
