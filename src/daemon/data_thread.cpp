// SPDX-License-Identifier: Apache-2.0
#include "daemon/data_thread.hpp"

#include <poll.h>
#include <pthread.h>
#include <spdlog/spdlog.h>
#include <sys/eventfd.h>

#include <algorithm>
#include <array>

namespace tandem::daemon {
namespace {

constexpr std::size_t kBurst = 64;
constexpr int kEnds = 1024;                                     // taken in a row
constexpr Duration kBusyDevice = std::chrono::milliseconds(1);  // when frames wait for it

}  // namespace

DataThread::DataThread(DataCore core, Tools tools)
    : DataPlane(std::move(core)),
      tools_(std::move(tools)),
      wake_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}

Result<std::unique_ptr<DataPlane>> DataThread::start(DataCore core,
                                                     const engine::SteeringProgram& program) {
  auto ends = engine::EndRing::open(program.end_ring_fd());
  if (!ends) return std::unexpected(ends.error());
  auto sockets = engine::AfXdp::open({}, [](const std::string& line) { spdlog::warn("{}", line); });
  if (!sockets) return std::unexpected(sockets.error());
  std::unique_ptr<DataThread> self(
      new DataThread(std::move(core), {std::move(*sockets), std::move(*ends)}));
  if (!self->wake_) return fail_errno("cannot create the event descriptor of the data thread");
  self->thread_ = std::thread([t = self.get()] {
    pthread_setname_np(pthread_self(), "data");
    t->loop();
  });
  return self;
}

DataThread::~DataThread() {
  stop();
}

void DataThread::stop() {
  stop_ = true;
  wake();
  if (thread_.joinable()) thread_.join();
}

void DataThread::wake() {
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto n = ::write(wake_.get(), &one, sizeof one);
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
    sweep(MonotonicClock::now());
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
  std::uint64_t count = 0;
  if ((fds_[sockets.size()].revents & POLLIN) != 0) [[maybe_unused]]
    const auto n = ::read(wake_.get(), &count, sizeof count);
}

std::size_t DataThread::admit_burst() {
  std::array<engine::Frame, kBurst> burst;
  const std::size_t count = tools_.sockets->receive(burst);
  if (count == 0) return 0;
  const MonotonicTime now = MonotonicClock::now();
  const std::uint64_t jiffies = clock().at(now);
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
  const td_reason reason = owned().admit(f, outcome, now);
  if (!td_is_tx(reason)) return tools_.sockets->release(frame);
  engine::Frame out = frame;
  out.data = f.data;
  out.length = static_cast<std::uint32_t>(f.end - f.data);
  tools_.sockets->send(out, outcome.ifindex != 0 ? outcome.ifindex : frame.device);
}

void DataThread::take_ends() {
  const flow::Tick now = tick(MonotonicClock::now());
  tools_.ends.drain(kEnds, [&](const td_flow_end& end) { owned().on_end(end, now); });
}

// Each device that the program is on has sockets of its own, as long as somebody needs them.
void DataThread::follow(const std::vector<Device>& devices) {
  call([&](forward::Forwarder&, MonotonicTime) {
    std::erase_if(devices_, [&](const Device& known) {
      if (std::ranges::find(devices, known) != devices.end()) return false;
      tools_.sockets->remove(known.ifindex);
      return true;
    });
    for (const Device& device : devices) {
      if (std::ranges::find(devices_, device) != devices_.end()) continue;
      if (auto added =
              tools_.sockets->add(device.ifindex, device.name, device.sockets, device.generic);
          !added)
        spdlog::error("new flows that come in on {} are lost: {}", device.name,
                      added.error().message);
      else
        devices_.push_back(device);
    }
  });
}

}  // namespace tandem::daemon
