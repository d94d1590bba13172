// SPDX-License-Identifier: Apache-2.0
#include "engine/af_xdp.hpp"

#include <net/ethernet.h>

#include <algorithm>
#include <bit>

#include "engine/rx_queues.hpp"
#include "tandem/abi.h"

namespace tandem::engine {
namespace {

constexpr std::uint32_t kSmallestFrame = 2048, kLargestFrame = 4096;  // the kernel's limits

// A device's sockets hold no more memory together than 16 of full size do, however many queues it has.
constexpr std::uint32_t kSharedRing = 32768, kSmallestRing = 64;

XskSocket& owner_of(const Frame& frame) {
  return *static_cast<XskSocket*>(frame.owner);
}

bool is_whole(const Frame& frame) {
  return frame.data >= frame.first && frame.data <= frame.last && frame.length >= ETH_HLEN &&
         frame.length <= static_cast<std::size_t>(frame.last - frame.data);
}

}  // namespace

Result<std::unique_ptr<AfXdp>> AfXdp::open(const Options& options, Log log) {
  const auto size = options.frame_size;
  if (size < kSmallestFrame || size > kLargestFrame || !std::has_single_bit(size))
    return fail("AF_XDP: frames of " + std::to_string(size) + " bytes, expected 2048 or 4096");
  if (!std::has_single_bit(options.ring))
    return fail("AF_XDP: rings of " + std::to_string(options.ring) + ", expected a power of two");
  if (options.frames < 2 * options.ring)
    return fail("AF_XDP: " + std::to_string(options.frames) +
                " frames, expected twice the size of a ring (" + std::to_string(options.ring) +
                ") or more");
  return std::unique_ptr<AfXdp>(new AfXdp(options, std::move(log)));
}

XskSocket::Shape AfXdp::shape_of(const Queues& place, unsigned queues) const {
  const std::uint32_t share = std::max(std::bit_floor(kSharedRing / queues), kSmallestRing);
  const std::uint32_t ring = std::min(options_.ring, share);
  // In generic mode frames come from the stack: a driver in zero-copy mode would not see them.
  return {options_.frames / (options_.ring / ring), options_.frame_size, ring,
          options_.zero_copy && !place.copies, options_.long_frames && place.long_frames};
}

Result<void> AfXdp::add(const Queues& place, Duration patience) {
  remove(place.ifindex);
  const unsigned queues = place.only_sends ? 1 : rx_queues(place.name);
  if (queues > TD_MAX_QUEUES)
    return fail(place.name + " has " + std::to_string(queues) + " rx queues, expected " +
                std::to_string(TD_MAX_QUEUES) + " at most; set fewer with: ethtool -L " +
                place.name + " combined " + std::to_string(TD_MAX_QUEUES));
  const XskSocket::Shape shape = shape_of(place, queues);
  Device device{place.ifindex, {}, false};
  for (unsigned queue = 0; queue < queues; queue++) {
    auto socket = XskSocket::open(
        {place.ifindex, place.name, queue, place.bond != 0 ? place.bond : place.ifindex}, shape,
        place.map_fd, patience);
    if (!socket) return std::unexpected(socket.error());
    device.sockets.push_back(std::move(*socket));
  }
  devices_.push_back(std::move(device));
  list_sockets();
  log_(place.name + ": AF_XDP on " + std::to_string(queues) + (queues == 1 ? " queue" : " queues") +
       (zero_copy(place.ifindex) ? ", zero copy" : ", copy mode"));
  return {};
}

void AfXdp::remove(unsigned ifindex) {
  const auto device = std::ranges::find(devices_, ifindex, &Device::ifindex);
  if (device == devices_.end()) return;
  for (auto& socket : device->sockets) {
    socket->flush();
    const xdp_statistics kernels = socket->statistics();
    counts_.rx_dropped.add(kernels.rx_dropped);
    counts_.rx_ring_full.add(kernels.rx_ring_full);
    counts_.fill_ring_empty.add(kernels.rx_fill_ring_empty_descs);
    socket->close();
    if (socket->held() > 0) closed_.push_back(std::move(socket));
  }
  devices_.erase(device);
  list_sockets();
}

void AfXdp::list_sockets() {
  sockets_.clear();
  fds_.clear();
  for (const auto& device : devices_)
    for (const auto& socket : device.sockets) {
      sockets_.push_back(socket.get());
      fds_.push_back({socket->fd(), POLLIN, 0});
    }
  turn_ = 0;
}

// Frames from one queue leave by one queue, so that those of a flow keep their order.
XskSocket* AfXdp::socket_on(unsigned ifindex, unsigned queue) const noexcept {
  for (const auto& device : devices_)
    if (device.ifindex == ifindex && !device.vanished)
      return device.sockets[queue % device.sockets.size()].get();
  return nullptr;
}

std::size_t AfXdp::receive(std::span<Frame> out) noexcept {
  std::size_t came = 0;
  for (std::size_t asked = 0; asked < sockets_.size() && came < out.size(); asked++) {
    came += sockets_[turn_]->receive(out.subspan(came));
    turn_ = turn_ + 1 < sockets_.size() ? turn_ + 1 : 0;
  }
  counts_.received.add(came);
  return came;
}

std::optional<Frame> AfXdp::make(std::uint32_t length, unsigned ifindex) noexcept {
  XskSocket* socket = socket_on(ifindex, 0);
  Frame frame;
  if (socket == nullptr || !socket->make(length, frame)) return std::nullopt;
  return frame;
}

void AfXdp::send(const Frame& frame, unsigned ifindex) noexcept {
  XskSocket& from = owner_of(frame);
  XskSocket* to = &from;
  if (from.where().ifindex != ifindex || !from.usable())
    to = socket_on(ifindex, from.where().queue);
  const bool copies = to != &from || from.is_long(frame);
  bool sent = false;
  if (!is_whole(frame))
    counts_.malformed++;
  else if (to == nullptr)
    counts_.no_device++;
  else if (sent = copies ? to->send_copy({frame.data, frame.length}) : from.send(frame); !sent)
    counts_.no_room++;
  if (sent) counts_.sent++;
  if (sent && to != &from) counts_.copied++;
  if (!sent || copies) release(frame);
}

void AfXdp::release(const Frame& frame) noexcept {
  XskSocket& owner = owner_of(frame);
  owner.release(frame);
  if (!closed_.empty() && owner.held() == 0)
    std::erase_if(closed_, [&owner](const auto& socket) { return socket.get() == &owner; });
}

bool AfXdp::flush() noexcept {
  bool all_gone = true;
  for (auto& device : devices_)
    for (auto& socket : device.sockets) {
      if (!socket->flush()) all_gone = false;
      if (!socket->usable()) device.vanished = true;
    }
  return all_gone;
}

bool AfXdp::takes_long_frames(unsigned ifindex) const {
  const auto device = std::ranges::find(devices_, ifindex, &Device::ifindex);
  return device != devices_.end() &&
         std::ranges::all_of(device->sockets, [](const auto& s) { return s->takes_long_frames(); });
}

bool AfXdp::zero_copy(unsigned ifindex) const {
  const auto device = std::ranges::find(devices_, ifindex, &Device::ifindex);
  return device != devices_.end() &&
         std::ranges::all_of(device->sockets, [](const auto& s) { return s->zero_copy(); });
}

AfXdp::Counters AfXdp::counters() const {
  const Counts& c = counts_;
  Counters sum{c.received,  c.sent,       c.copied,       c.no_room,        c.no_device,
               c.malformed, c.rx_dropped, c.rx_ring_full, c.fill_ring_empty};
  for (const XskSocket* socket : sockets_) {
    const xdp_statistics kernels = socket->statistics();
    sum.rx_dropped += kernels.rx_dropped;
    sum.rx_ring_full += kernels.rx_ring_full;
    sum.fill_ring_empty += kernels.rx_fill_ring_empty_descs;
  }
  return sum;
}

AfXdp::Account AfXdp::account() const {
  Account sum;
  const auto add = [&sum](const XskSocket& socket) {
    sum.all += socket.frames();
    sum.free += socket.count(Place::free);
    sum.receiving += socket.count(Place::receiving);
    sum.caller += socket.count(Place::caller);
    sum.sending += socket.count(Place::sending);
  };
  for (const XskSocket* socket : sockets_) add(*socket);
  for (const auto& socket : closed_) add(*socket);
  return sum;
}

}  // namespace tandem::engine
