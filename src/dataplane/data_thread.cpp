// SPDX-License-Identifier: Apache-2.0
#include "dataplane/data_thread.hpp"

#include <poll.h>
#include <pthread.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <array>
#include <utility>

namespace tandem::dataplane {
namespace {

using Place = engine::AfXdp::Queues;

constexpr std::size_t kBurst = 64;
constexpr int kEnds = 1024;  // taken in a row
// When frames wait for a device, or for the peer.
constexpr Duration kBusyDevice = std::chrono::milliseconds(1);
constexpr const char* kStandsStill = "the data thread stands still";

// A bond that has native XDP receives on its ports. What it sends goes through a socket on the bond
// itself, so that the kernel chooses the port, as it does for all else.
std::vector<Place> places_of(const std::vector<DataPlane::Device>& devices, unsigned longest) {
  std::vector<Place> places;
  for (const auto& device : devices) {
    Place place;
    place.ifindex = device.ifindex;
    place.name = device.name;
    place.map_fd = device.sockets;
    place.copies = device.generic || device.is_bond;
    place.only_sends = device.is_bond;
    place.long_frames = device.mtu + engine::kMostEthernet > longest;
    place.ups = device.is_bond ? 0 : device.ups;
    places.push_back(place);
    for (const auto& port : device.ports) {
      Place of_port;
      of_port.ifindex = port.ifindex;
      of_port.name = port.name;
      of_port.map_fd = port.sockets;
      of_port.bond = device.ifindex;
      of_port.ups = port.ups;
      of_port.long_frames = place.long_frames;
      places.push_back(of_port);
    }
  }
  return places;
}

}  // namespace

DataThread::DataThread(DataCore core, const engine::SteeringProgram& program, Tools tools)
    : DataPlane(std::move(core)), program_(program), tools_(std::move(tools)) {}

Result<std::unique_ptr<DataPlane>> DataThread::start(DataCore core,
                                                     const engine::SteeringProgram& program) {
  auto ends = engine::EndRing::open(program.end_ring_fd());
  if (!ends) return std::unexpected(ends.error());
  auto sockets = engine::AfXdp::open({}, [](const std::string& line) { spdlog::warn("{}", line); });
  if (!sockets) return std::unexpected(sockets.error());
  std::unique_ptr<DataThread> self(
      new DataThread(std::move(core), program, {std::move(*sockets), std::move(*ends)}));
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
  wake_.signal();
}

void DataThread::loop() {
  bool all_sent = true;
  while (!stop_) {
    wait(all_sent);
    run_command();
    let_go();
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
  const Duration most = all_sent && !owned().holds_packets() ? kSweepInterval : kBusyDevice;
  const timespec timeout{0, most.count()};
  ppoll(fds_.data(), fds_.size(), &timeout, nullptr);
  if ((fds_[sockets.size()].revents & POLLIN) != 0) wake_.drain();
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
  const td_reason reason = owned().admit(f, outcome, now, frame.owner);
  if (reason != forward::Forwarder::kHeld) send_or_release(frame, f, reason, outcome);
}

void DataThread::send_or_release(engine::Frame frame, const td_frame& f, td_reason reason,
                                 const td_outcome& outcome) {
  if (!td_is_tx(reason)) return tools_.sockets->release(frame);
  frame.data = f.data;
  frame.length = static_cast<std::uint32_t>(f.end - f.data);
  tools_.sockets->send(frame, outcome.ifindex != 0 ? outcome.ifindex : frame.device);
}

// First packets that waited for the peer.
void DataThread::let_go() {
  if (!owned().holds_packets()) return;
  const MonotonicTime now = MonotonicClock::now();
  const std::uint64_t jiffies = clock().at(now);
  while (const auto released = owned().let_go(now, jiffies)) {
    const td_frame& f = released->frame;
    send_or_release({f.data, static_cast<std::uint32_t>(f.end - f.data), f.ifindex, f.first, f.last,
                     released->owner},
                    f, released->reason, released->outcome);
  }
}

void DataThread::take_ends() {
  const flow::Tick now = tick(MonotonicClock::now());
  tools_.ends.drain(kEnds, [&](const td_flow_end& end) { owned().on_end(end, now); });
}

// XDP has counted what it handed over; the forwarder counts what it makes of it.
forward::Counted DataThread::counted() const {
  forward::Counted counted = counted_by_forwarder();
  const auto c = tools_.sockets->counters();
  counted.add(program_.maps().counters());
  const auto lost = [&](const char* reason, std::uint64_t count, const char* sentence,
                        bool decided) {
    counted.losses.push_back({"AF_XDP", reason, sentence, count, decided});
  };
  lost("ring_full", c.rx_ring_full,
       "packets without a flow were lost before the data thread: it is too slow", false);
  lost("no_buffer", c.rx_dropped,
       "packets without a flow were lost before the data thread: they were too long, or no buffer "
       "was free",
       false);
  lost("tx_full", c.no_room, "packets of the data thread were not sent: the device's queue is full",
       true);
  lost("no_device", c.no_device,
       "packets of the data thread were not sent: their device is in no [[interface]], or is gone",
       true);
  lost("malformed", c.malformed, "packets of the data thread were not sent: they are malformed",
       true);
  return counted;
}

td_traffic DataThread::traffic(std::uint16_t backend) const {
  return forward::sum_of(traffic_by_forwarder(backend), program_.maps().traffic(backend));
}

void DataThread::check(MonotonicTime now) {
  const bool before = watch_.stalled();
  const bool stalled = watch_.look(rounds(), now);
  if (stalled && !before)
    spdlog::error("{}", kStandsStill);
  else if (before && !stalled)
    spdlog::warn("the data thread works again");
}

// A data thread that stands still takes first packets from no device, whatever sockets there are.
std::vector<DataPlane::Unserved> DataThread::unserved() const {
  std::vector<Unserved> all = unserved_;
  if (watch_.stalled())
    for (const Place& place : places_) all.push_back({place.name, kStandsStill});
  return all;
}

std::vector<std::string> DataThread::troubles() const {
  std::vector<std::string> troubles = DataPlane::troubles();
  if (watch_.stalled() && places_.empty()) troubles.emplace_back(kStandsStill);
  troubles.insert(troubles.end(), cut_short_.begin(), cut_short_.end());
  return troubles;
}

// Each device that the program is on has sockets of its own, as long as somebody needs them. For
// those that could not be had it waits once, not whenever they are tried again.
void DataThread::follow(const std::vector<Device>& devices) {
  const auto wanted = places_of(devices, tools_.sockets->longest_in_a_buffer());
  if (!can_admit()) return;  // told anew when it does
  const auto before = std::exchange(unserved_, {});
  const auto patience_for = [&](const Place& place) {
    return std::ranges::find(before, place.name, &Unserved::device) == before.end()
               ? engine::XskSocket::kPatience
               : Duration::zero();
  };
  const bool told = call([&](forward::Forwarder&, MonotonicTime) {
    std::erase_if(places_, [&](const Place& known) {
      if (std::ranges::find(wanted, known) != wanted.end()) return false;
      tools_.sockets->remove(known.ifindex);
      return true;
    });
    for (const Place& place : wanted) {
      if (std::ranges::find(places_, place) != places_.end()) continue;
      auto added = tools_.sockets->add(place, patience_for(place));
      if (added)
        places_.push_back(place);
      else
        unserved_.push_back({place.name, added.error().message});
    }
    cut_short_.clear();
    for (const Place& place : places_)
      if (place.long_frames && !tools_.sockets->takes_long_frames(place.ifindex))
        cut_short_.push_back("first packets over " +
                             std::to_string(tools_.sockets->longest_in_a_buffer()) +
                             " bytes that come in on " + place.name +
                             " are lost: its MTU is larger, and this kernel gives AF_XDP no longer "
                             "ones (Linux 6.6 does)");
  });
  if (!told) unserved_ = before;
}

}  // namespace tandem::dataplane
