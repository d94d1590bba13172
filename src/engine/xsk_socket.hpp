// SPDX-License-Identifier: Apache-2.0
// One AF_XDP socket: the frames that XDP redirects from one queue of a device, and the way back
// out.
//
// Four rings are shared with the kernel. `fill` gives it free frames, `rx` brings them back filled;
// `tx` gives it frames to send, `completion` brings them back sent. Each socket has its memory, its
// UMEM and its rings for itself (see af_xdp.hpp).
#pragma once

#include <linux/if_xdp.h>
#include <xdp/xsk.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "base/result.hpp"
#include "base/time.hpp"
#include "engine/frame.hpp"
#include "engine/long_frames.hpp"
#include "engine/umem.hpp"

namespace tandem::engine {

class XskSocket {
 public:
  struct Where {
    unsigned ifindex = 0;
    std::string name;  // for messages
    unsigned queue = 0;
    unsigned device = 0;  // that frames are said to have come in on: a port's bond; else the same
  };
  struct Shape {
    std::uint32_t frames;
    std::uint32_t frame_size;
    std::uint32_t ring;  // descriptors in each ring
    bool zero_copy;      // if the driver can
    bool long_frames;    // longer than frame_size, if the kernel can (Linux 6.6)
  };

  // Binds, fills the fill ring and puts the socket into the XSKMAP. A queue whose last socket was
  // closed just now is free only when the kernel has cleaned up behind it: waits for that.
  static constexpr Duration kPatience = std::chrono::seconds(1);
  static Result<std::unique_ptr<XskSocket>> open(const Where& where, const Shape& shape, int map_fd,
                                                 Duration patience);
  ~XskSocket();
  XskSocket(const XskSocket&) = delete;
  XskSocket& operator=(const XskSocket&) = delete;

  [[nodiscard]] const Where& where() const noexcept { return where_; }
  [[nodiscard]] int fd() const noexcept { return xsk_socket__fd(socket_.get()); }
  [[nodiscard]] bool zero_copy() const;
  [[nodiscard]] bool takes_long_frames() const noexcept { return long_frames_ != nullptr; }
  // false after close(), and when its device is known to have vanished.
  [[nodiscard]] bool usable() const noexcept { return usable_; }

  // Frames that came in; they become the caller's.
  std::size_t receive(std::span<Frame> out) noexcept;
  // A free frame, of `length` bytes; nothing if there is none, or none so long.
  bool make(std::uint32_t length, Frame& frame) noexcept;
  // Puts a frame of this socket on the tx ring. false: no room there; it stays the caller's.
  bool send(const Frame& frame) noexcept;
  // Whether it takes more than one buffer.
  [[nodiscard]] bool is_long(const Frame& frame) const noexcept {
    return long_frames_ != nullptr && long_frames_->owns(frame.first);
  }
  // Sends a copy of any frame, in as many buffers as it takes. false: no room, or none so long.
  bool send_copy(std::span<const std::uint8_t> frame) noexcept;
  void release(const Frame& frame) noexcept;
  // Wakes the kernel if it must be, takes back what was sent, refills the fill ring. false: frames
  // wait on the tx ring for another call.
  bool flush() noexcept;

  // Frames that the caller has.
  [[nodiscard]] std::uint32_t held() const noexcept {
    return umem_.count(Place::caller) + (long_frames_ ? long_frames_->taken() : 0);
  }
  [[nodiscard]] std::uint32_t frames() const noexcept { return umem_.frames(); }
  [[nodiscard]] std::uint32_t count(Place place) const noexcept { return umem_.count(place); }
  [[nodiscard]] xdp_statistics statistics() const;

  // Gives the queue back and takes back what the kernel had. What the caller has stays valid, for
  // as long as this object lives.
  void close() noexcept;

 private:
  struct DeleteUmem {
    void operator()(xsk_umem* umem) const { xsk_umem__delete(umem); }
  };
  struct DeleteSocket {
    void operator()(xsk_socket* socket) const { xsk_socket__delete(socket); }
  };

  XskSocket(Where where, const Shape& shape, Umem umem);
  int bind(const Shape& shape, bool long_frames);
  int bind(const Shape& shape);
  bool join(std::uint32_t at, std::uint32_t parts, Frame& frame) noexcept;
  Frame frame_at(std::uint64_t address, std::uint32_t length) noexcept;
  [[nodiscard]] std::uint64_t address_of(const Frame& frame) const noexcept;
  [[nodiscard]] std::uint32_t waiting_to_be_sent() noexcept;
  [[nodiscard]] bool device_vanished() const noexcept;
  bool kick() noexcept;
  void reap() noexcept;
  void refill() noexcept;

  Where where_;
  std::uint32_t ring_;
  Umem umem_;
  std::unique_ptr<LongFrames> long_frames_;  // nullptr: it takes none
  bool usable_ = true;
  std::uint32_t not_submitted_ = 0;  // written to the tx ring since the last flush
  // libxdp keeps the addresses of the rings.
  xsk_ring_prod fill_{};
  xsk_ring_cons completion_{};
  xsk_ring_cons rx_{};
  xsk_ring_prod tx_{};
  std::unique_ptr<xsk_umem, DeleteUmem> registered_;
  std::unique_ptr<xsk_socket, DeleteSocket> socket_;
};

}  // namespace tandem::engine
