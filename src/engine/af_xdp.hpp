// SPDX-License-Identifier: Apache-2.0
// Bursts of frames from and to AF_XDP: what the XDP program could not forward by itself comes here.
//
// There is a socket for each receive queue of each device, in that device's XSKMAP under the
// queue's number; sockets send as well. A burst:
//
//   poll(fds())  ->  receive()  ->  each frame: send() or release()  ->  flush()
//
// Between receive() and send() a frame is the caller's, to be changed in place: it may grow at the
// front by kHeadroom bytes. What cannot be sent is released and counted.
//
// Each socket has a UMEM of its own. With one for all, a frame would go out of another device
// without being copied; but the kernel stops reading and writing the frames of a closed socket only
// some time later (a zero-copy driver's receive ring is torn down by a worker, a frame being sent
// may still be in some queue), and nothing says when. With memory of its own those late accesses
// meet nobody. The copy is that of a flow's first packets, and mostly a SYN.
//
// For one thread at a time. No allocation, lock or system call per packet: system calls are in
// flush() (one per 32 frames sent in copy mode), add(), remove() and counters().
#pragma once

#include <poll.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "engine/frame.hpp"
#include "engine/xsk_socket.hpp"
#include "forward/settings.hpp"

namespace tandem::engine {

class AfXdp {
 public:
  using Log = std::function<void(const std::string& line)>;

  struct Options {
    std::uint32_t frames = 4096;      // of each socket, at most; at least twice `ring`
    std::uint32_t frame_size = 4096;  // 2048 or 4096; the longest frame is kHeadroom bytes shorter
    std::uint32_t ring = 2048;        // descriptors in each ring, at most; a power of two
    bool zero_copy = true;            // where the driver can
    bool long_frames = true;          // on devices that have such, where the kernel can
  };

  struct Counters {
    std::uint64_t received = 0;
    std::uint64_t sent = 0;       // put on a tx ring
    std::uint64_t copied = 0;     // of them, to a socket that was not the frame's own
    std::uint64_t no_room = 0;    // not sent: tx ring full, or no free frame to copy to
    std::uint64_t no_device = 0;  // not sent: no socket on that device
    std::uint64_t malformed = 0;  // not sent: no Ethernet header, or not within its buffer
    // The kernel's, all of frames that did not get here:
    std::uint64_t rx_dropped = 0;       // too long, or no free frame
    std::uint64_t rx_ring_full = 0;     // we were too slow
    std::uint64_t fill_ring_empty = 0;  // times that the kernel wanted a frame and found none
  };

  // Where the frames are; they add up to `all`.
  struct Account {
    std::uint64_t all = 0;
    std::uint64_t free = 0;
    std::uint64_t receiving = 0;  // with the kernel to be filled, or filled and waiting for us
    std::uint64_t caller = 0;
    std::uint64_t sending = 0;
  };

  static Result<std::unique_ptr<AfXdp>> open(const Options& options, Log log);
  // What the caller has of frames is gone with it.
  ~AfXdp() = default;

  // A device whose rx queues are to have sockets.
  struct Queues {
    unsigned ifindex = 0;
    std::string name;
    int map_fd = -1;
    bool copies = false;       // never in zero-copy mode: XDP is generic there, or it is a bond
    unsigned bond = 0;         // it is a port: frames are said to have come in on this device
    unsigned ups = 0;          // another one: the device's queues may have been made anew
    bool only_sends = false;   // one socket, as nothing comes in: a bond whose ports have theirs
    bool long_frames = false;  // its MTU is more than a buffer holds
    bool operator==(const Queues&) const = default;
  };
  // Sockets on every rx queue, entered into the XSKMAP; those that the device had before are removed,
  // as after a change of its queues. An error leaves none behind, and names the queue. Takes up to
  // `patience` if the sockets of this device were closed just before. On a device with many queues
  // each socket has fewer frames and smaller rings.
  Result<void> add(const Queues& place, Duration patience = XskSocket::kPatience);
  // Closes them. Frames that the caller has stay valid until send() or release().
  void remove(unsigned ifindex);

  // All sockets, to be polled for input; others after add() and remove().
  [[nodiscard]] std::span<const pollfd> fds() const noexcept { return fds_; }

  // Frames that came in, from all sockets in turn.
  std::size_t receive(std::span<Frame> out) noexcept;
  // A frame of `length` bytes made from nothing, cheapest to send out of that device; its content
  // is undefined. Nothing if the device has no socket or no free frame, or none so long.
  std::optional<Frame> make(std::uint32_t length, unsigned ifindex) noexcept;
  void send(const Frame& frame, unsigned ifindex) noexcept;
  void release(const Frame& frame) noexcept;
  // Sends what send() queued, takes back what was sent and gives the kernel frames to fill. To be
  // called once a burst, and after poll(). false: some device was busy and frames wait for another
  // call, so that the next poll() should be short.
  bool flush() noexcept;

  // Bytes of the longest frame that fits into a buffer.
  [[nodiscard]] std::uint32_t longest_in_a_buffer() const {
    return options_.frame_size - kHeadroom;
  }
  // Whether longer ones are taken as well.
  [[nodiscard]] bool takes_long_frames(unsigned ifindex) const;
  // Whether all sockets of the device are in zero-copy mode.
  [[nodiscard]] bool zero_copy(unsigned ifindex) const;
  // From any thread, as long as none is in add() or remove().
  [[nodiscard]] Counters counters() const;
  [[nodiscard]] Account account() const;

 private:
  // Of Counters, as they are counted.
  struct Counts {
    forward::Count received, sent, copied, no_room, no_device, malformed;
    forward::Count rx_dropped, rx_ring_full, fill_ring_empty;  // of closed sockets
  };
  struct Device {
    unsigned ifindex = 0;
    std::vector<std::unique_ptr<XskSocket>> sockets;  // by queue
    bool vanished = false;  // found out while sending; remove() has not come yet
  };

  AfXdp(const Options& options, Log log) : options_(options), log_(std::move(log)) {}
  [[nodiscard]] XskSocket::Shape shape_of(const Queues& place, unsigned queues) const;
  XskSocket* socket_on(unsigned ifindex, unsigned queue) const noexcept;
  void list_sockets();

  Options options_;
  Log log_;
  std::vector<Device> devices_;
  std::vector<XskSocket*> sockets_;  // of all devices
  std::vector<pollfd> fds_;
  std::vector<std::unique_ptr<XskSocket>> closed_;  // of which the caller has frames yet
  std::size_t turn_ = 0;                            // the socket that is asked first
  Counts counts_;
};

}  // namespace tandem::engine
