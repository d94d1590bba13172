// SPDX-License-Identifier: Apache-2.0
#include "daemon/data_thread.hpp"

#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>

#include <algorithm>
#include <array>

namespace tandem::daemon {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::size_t kBurst = 64;
constexpr int kEnds = 1024;  // taken in a row
constexpr Duration kSweepInterval = milliseconds(10);
constexpr Duration kSweepRound = seconds(20);      // in which all of the tables are seen once
constexpr Duration kBusyDevice = milliseconds(1);  // when frames wait for it

}  // namespace

DataThread::DataThread(Tools tools)
    : tools_(std::move(tools)), wake_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}

Result<std::unique_ptr<DataThread>> DataThread::start(Tools tools) {
  std::unique_ptr<DataThread> self(new DataThread(std::move(tools)));
  if (!self->wake_) return fail_errno("cannot create the event descriptor of the data thread");
  self->thread_ = std::thread([t = self.get()] {
    pthread_setname_np(pthread_self(), "data");
    t->loop();
  });
  return self;
}

DataThread::~DataThread() {
  stop_ = true;
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto n = ::write(wake_.get(), &one, sizeof one);
  if (thread_.joinable()) thread_.join();
}

void DataThread::call(Run run) {
  Command command{std::move(run)};
  command_.store(&command, std::memory_order_release);
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto n = ::write(wake_.get(), &one, sizeof one);
  command.done.acquire();
}

void DataThread::loop() {
  bool all_sent = true;
  while (!stop_) {
    wait(all_sent);
    run_command();
    // Bounded, so that a flood holds up neither a command nor the sweep.
    for (int bursts = 0; bursts < 16 && admit_burst() == kBurst; bursts++) tools_.sockets->flush();
    all_sent = tools_.sockets->flush();
    take_ends();
    sweep();
  }
}

void DataThread::wait(bool all_sent) {
  const auto sockets = tools_.sockets->fds();
  fds_.assign(sockets.begin(), sockets.end());
  fds_.push_back({wake_.get(), POLLIN, 0});
  fds_.push_back({tools_.ends.poll_fd(), POLLIN, 0});
  const Duration most = all_sent ? kSweepInterval : kBusyDevice;
  const timespec timeout{0, most.count()};
  ppoll(fds_.data(), fds_.size(), &timeout, nullptr);
}

void DataThread::run_command() {
  Command* command = command_.exchange(nullptr, std::memory_order_acquire);
  if (command == nullptr) return;
  std::uint64_t count = 0;
  [[maybe_unused]] const auto n = ::read(wake_.get(), &count, sizeof count);
  command->run(*tools_.forwarder, *tools_.sockets, MonotonicClock::now());
  command->done.release();
}

std::size_t DataThread::admit_burst() {
  std::array<engine::Frame, kBurst> burst;
  const std::size_t count = tools_.sockets->receive(burst);
  if (count == 0) return 0;
  const MonotonicTime now = MonotonicClock::now();
  const std::uint64_t jiffies = tools_.clock.at(now);
  for (std::size_t i = 0; i < count; i++) admit(burst[i], now, jiffies);
  return count;
}

void DataThread::admit(const engine::Frame& frame, MonotonicTime now, std::uint64_t jiffies) {
  td_frame f{};
  f.data = frame.data;
  f.end = frame.data + frame.length;
  f.first = frame.first;
  f.last = frame.last;
  f.ifindex = frame.device;
  f.now_ns = to_ns(now);
  f.jiffies = jiffies;
  td_outcome outcome{};
  const td_reason reason = tools_.forwarder->admit(f, outcome, now);
  if (!td_is_tx(reason)) return tools_.sockets->release(frame);
  engine::Frame out = frame;
  out.data = f.data;
  out.length = static_cast<std::uint32_t>(f.end - f.data);
  tools_.sockets->send(out, outcome.ifindex != 0 ? outcome.ifindex : frame.device);
}

void DataThread::take_ends() {
  const flow::Tick now = tick(MonotonicClock::now());
  tools_.ends.drain(kEnds, [&](const td_flow_end& end) { tools_.forwarder->on_end(end, now); });
}

void DataThread::sweep() {
  const MonotonicTime now = MonotonicClock::now();
  if (now < swept_ + kSweepInterval) return;
  const auto& forwarder = *tools_.forwarder;
  const std::uint64_t buckets =
      std::max(forwarder.flows4().buckets(), forwarder.flows6().buckets());
  const auto share = static_cast<std::uint32_t>(buckets * kSweepInterval.count() /
                                                static_cast<std::uint64_t>(kSweepRound.count()));
  swept_ = now;
  tools_.forwarder->sweep(share + 1, tick(now));
}

Duration DataThread::idle(flow::Tick stamp, flow::Tick now) const {
  return tools_.clock.jiffy() * (std::int64_t{flow::age(now, stamp)} << tools_.tick_shift);
}

}  // namespace tandem::daemon
