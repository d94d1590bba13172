// SPDX-License-Identifier: Apache-2.0
#include "daemon/transition_memory.hpp"

#include <spdlog/spdlog.h>

#include <chrono>
#include <utility>

#include "daemon/kept_file.hpp"

namespace tandem::daemon {
namespace {

constexpr Duration kBetweenWrites = std::chrono::milliseconds(200);

}  // namespace

TransitionMemory::TransitionMemory(boost::asio::io_context& loop, observe::EventLog& events,
                                   std::string file)
    : events_(events), file_(std::move(file)), due_(loop, [this] { keep(); }) {
  const auto text = read_kept(file_);
  if (!text) return;
  if (auto taken = events_.take_up(*text, observe::Now::read()); !taken)
    put_aside(file_, taken.error(), "the events begin anew");
  kept_ = events_.transitions_text(kMost);
}

TransitionMemory::~TransitionMemory() {
  keep();
}

void TransitionMemory::changed() {
  const MonotonicTime next = written_ + kBetweenWrites;
  if (next > MonotonicClock::now())
    due_.set(next);
  else
    keep();
}

void TransitionMemory::keep() {
  written_ = MonotonicClock::now();
  std::string text = events_.transitions_text(kMost);
  if (text == kept_) return;
  if (const auto written = write_kept(file_, text); !written)
    spdlog::error("transitions are not kept over a restart: {}", written.error().message);
  kept_ = std::move(text);
}

}  // namespace tandem::daemon
