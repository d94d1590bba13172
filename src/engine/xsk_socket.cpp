// SPDX-License-Identifier: Apache-2.0
#include "engine/xsk_socket.hpp"

#include <bpf/bpf.h>
#include <net/if.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstring>
#include <thread>

namespace tandem::engine {
namespace {

constexpr std::chrono::milliseconds kBetweenTries{5};

// linux/if_xdp.h has these since 6.6.
constexpr std::uint16_t kUseSg = 1 << 4;        // XDP_USE_SG: a frame may take several descriptors
constexpr std::uint32_t kIsContinued = 1 << 0;  // XDP_PKT_CONTD: by the next one
constexpr std::uint32_t kMostParts = LongFrames::kLongest / 2048 + 1;

std::string to_text(const XskSocket::Where& where) {
  return where.name + " queue " + std::to_string(where.queue);
}

std::string hint(int error) {
  if (error == EBUSY) return " (does another AF_XDP socket have the queue?)";
  if (error == ENOBUFS)
    return " (more locked memory than RLIMIT_MEMLOCK allows: LimitMEMLOCK=infinity in the unit, or "
           "`ulimit -l unlimited`)";
  if (error == EAFNOSUPPORT)
    return " (not in this kernel, or not among RestrictAddressFamilies= of the unit)";
  if (error == EPERM) return " (CAP_NET_RAW is missing)";
  return "";
}

}  // namespace

XskSocket::XskSocket(Where where, const Shape& shape, Umem umem)
    : where_(std::move(where)), ring_(shape.ring), umem_(std::move(umem)) {}

XskSocket::~XskSocket() {
  close();
}

Result<std::unique_ptr<XskSocket>> XskSocket::open(const Where& where, const Shape& shape,
                                                   int map_fd, Duration patience) {
  auto umem = Umem::map(shape.frames, shape.frame_size);
  if (!umem) return fail(to_text(where) + ": " + umem.error().message);
  std::unique_ptr<XskSocket> self(new XskSocket(where, shape, std::move(*umem)));
  int error = self->bind(shape);
  for (Duration waited{}; error == EBUSY && waited < patience; waited += kBetweenTries) {
    std::this_thread::sleep_for(kBetweenTries);
    error = self->bind(shape);
  }
  if (error != 0)
    return fail_errno(to_text(where) + ": cannot open an AF_XDP socket" + hint(error), error);
  self->refill();
  const int socket = self->fd();
  if (const int refused = bpf_map_update_elem(map_fd, &where.queue, &socket, BPF_ANY); refused != 0)
    return fail_errno(to_text(where) + ": cannot enter the AF_XDP socket into the map of sockets",
                      -refused);
  return self;
}

// An errno, 0 if all is well.
int XskSocket::bind(const Shape& shape) {
  const Bound bound = bind_long_first(shape.long_frames,
                                      [&](bool long_frames) { return bind(shape, long_frames); });
  long_frames_ = bound.long_frames ? std::make_unique<LongFrames>() : nullptr;
  return bound.error;
}

// From the start each time: libxdp cannot try the same UMEM twice.
int XskSocket::bind(const Shape& shape, bool long_frames) {
  socket_.reset();
  registered_.reset();
  std::array<char, IF_NAMESIZE> name{};  // its present name
  if (if_indextoname(where_.ifindex, name.data()) == nullptr) return errno;
  const xsk_umem_config memory{.fill_size = shape.ring,
                               .comp_size = shape.ring,
                               .frame_size = shape.frame_size,
                               .frame_headroom = 0,  // the kernel keeps kHeadroom bytes anyway
                               .flags = 0};
  xsk_umem* umem = nullptr;
  if (const int error =
          xsk_umem__create(&umem, umem_.memory(), umem_.bytes(), &fill_, &completion_, &memory);
      error != 0)
    return -error;
  registered_.reset(umem);
  xsk_socket_config config{};
  config.rx_size = shape.ring;
  config.tx_size = shape.ring;
  config.libxdp_flags = XSK_LIBXDP_FLAGS__INHIBIT_PROG_LOAD;
  // With neither XDP_ZEROCOPY nor XDP_COPY the kernel tries the one, then takes the other.
  config.bind_flags = XDP_USE_NEED_WAKEUP;
  if (!shape.zero_copy) config.bind_flags |= XDP_COPY;
  if (long_frames) config.bind_flags |= kUseSg;
  xsk_socket* socket = nullptr;
  const int error =
      xsk_socket__create(&socket, name.data(), where_.queue, umem, &rx_, &tx_, &config);
  socket_.reset(error == 0 ? socket : nullptr);
  return -error;
}

bool XskSocket::zero_copy() const {
  xdp_options options{};
  socklen_t size = sizeof options;
  return getsockopt(fd(), SOL_XDP, XDP_OPTIONS, &options, &size) == 0 &&
         (options.flags & XDP_OPTIONS_ZEROCOPY) != 0;
}

xdp_statistics XskSocket::statistics() const {
  xdp_statistics all{};
  socklen_t size = sizeof all;
  if (!socket_ || getsockopt(fd(), SOL_XDP, XDP_STATISTICS, &all, &size) != 0) return {};
  return all;
}

Frame XskSocket::frame_at(std::uint64_t address, std::uint32_t length) noexcept {
  std::uint8_t* first = umem_.memory() + umem_.begin_of(address);
  return {umem_.memory() + address, length, where_.device, first, first + umem_.frame_size(), this};
}

std::uint64_t XskSocket::address_of(const Frame& frame) const noexcept {
  return static_cast<std::uint64_t>(frame.data - umem_.memory());
}

std::size_t XskSocket::receive(std::span<Frame> out) noexcept {
  if (!socket_) return 0;
  std::uint32_t at = 0, used = 0;
  std::size_t frames = 0;
  const std::size_t room = out.size() + (long_frames_ ? kMostParts : 0);
  const auto most = static_cast<std::uint32_t>(std::min<std::size_t>(room, ring_));
  const std::uint32_t came = xsk_ring_cons__peek(&rx_, most, &at);
  while (used < came && frames < out.size()) {
    const xdp_desc& d = *xsk_ring_cons__rx_desc(&rx_, at + used);
    std::uint32_t parts = 1;
    if ((d.options & kIsContinued) != 0 && long_frames_) {
      while (used + parts < came &&
             (xsk_ring_cons__rx_desc(&rx_, at + used + parts - 1)->options & kIsContinued) != 0)
        parts++;
      // The rest has not come yet, or there is no memory until the caller has done with others.
      if ((xsk_ring_cons__rx_desc(&rx_, at + used + parts - 1)->options & kIsContinued) != 0 ||
          !join(at + used, parts, out[frames]))
        break;
    } else {
      umem_.move(d.addr, Place::receiving, Place::caller);
      out[frames] = frame_at(d.addr, d.len);
    }
    used += parts;
    frames++;
  }
  xsk_ring_cons__cancel(&rx_, came - used);
  xsk_ring_cons__release(&rx_, used);
  return frames;
}

bool XskSocket::make(std::uint32_t length, Frame& frame) noexcept {
  if (umem_.count(Place::free) == 0 || length > umem_.frame_size() - kHeadroom) return false;
  frame = frame_at(umem_.take(Place::caller) + kHeadroom, length);
  return true;
}

// The parts of a long frame, which go back to be filled again.
bool XskSocket::join(std::uint32_t at, std::uint32_t parts, Frame& frame) noexcept {
  std::uint8_t* const first = long_frames_->take();
  if (first == nullptr) return false;
  std::uint32_t length = 0;
  for (std::uint32_t i = 0; i < parts; i++) {
    const xdp_desc& d = *xsk_ring_cons__rx_desc(&rx_, at + i);
    const std::uint32_t fits = std::min(d.len, LongFrames::kLongest - length);
    std::memcpy(first + kHeadroom + length, umem_.memory() + d.addr, fits);
    length += fits;
    umem_.move(d.addr, Place::receiving, Place::free);
  }
  frame = {first + kHeadroom, length, where_.device, first, first + LongFrames::kSize, this};
  return true;
}

bool XskSocket::send_copy(std::span<const std::uint8_t> frame) noexcept {
  const std::uint32_t most = umem_.frame_size() - kHeadroom;
  const auto length = static_cast<std::uint32_t>(frame.size());
  const std::uint32_t parts = (length + most - 1) / most;
  if (parts > 1 && !takes_long_frames()) return false;
  std::uint32_t at = 0;
  if (umem_.count(Place::free) < parts || xsk_ring_prod__reserve(&tx_, parts, &at) == 0)
    return false;
  for (std::uint32_t i = 0; i < parts; i++) {
    xdp_desc& d = *xsk_ring_prod__tx_desc(&tx_, at + i);
    d.addr = umem_.take(Place::sending) + kHeadroom;
    d.len = std::min(most, length - i * most);
    d.options = i + 1 < parts ? kIsContinued : 0;
    std::memcpy(umem_.memory() + d.addr, frame.data() + std::size_t{i} * most, d.len);
  }
  not_submitted_ += parts;
  return true;
}

bool XskSocket::send(const Frame& frame) noexcept {
  std::uint32_t at = 0;
  if (xsk_ring_prod__reserve(&tx_, 1, &at) == 0) return false;
  const std::uint64_t address = address_of(frame);
  xdp_desc& d = *xsk_ring_prod__tx_desc(&tx_, at);
  d.addr = address;
  d.len = frame.length;
  d.options = 0;
  umem_.move(address, Place::caller, Place::sending);
  not_submitted_++;
  return true;
}

void XskSocket::release(const Frame& frame) noexcept {
  if (is_long(frame)) return long_frames_->give_back(frame.first);
  // By its first byte: data may have been moved to the buffer's very end.
  umem_.move(static_cast<std::uint64_t>(frame.first - umem_.memory()), Place::caller, Place::free);
}

bool XskSocket::flush() noexcept {
  if (!socket_) return true;
  if (not_submitted_ > 0) xsk_ring_prod__submit(&tx_, not_submitted_);
  not_submitted_ = 0;
  const bool all_gone = kick();
  reap();
  refill();
  if (xsk_ring_prod__needs_wakeup(&fill_))
    recvfrom(fd(), nullptr, 0, MSG_DONTWAIT, nullptr, nullptr);
  return all_gone;
}

std::uint32_t XskSocket::waiting_to_be_sent() noexcept {
  return ring_ - xsk_prod_nb_free(&tx_, ring_);
}

// Drivers return ENXIO for passing troubles too, but the socket's own error is only ever this one.
bool XskSocket::device_vanished() const noexcept {
  int error = 0;
  socklen_t size = sizeof error;
  return getsockopt(fd(), SOL_SOCKET, SO_ERROR, &error, &size) == 0 && error == ENETDOWN;
}

// In copy mode each call sends 32 frames at most, and fewer when the device is busy: calls until
// one gets nowhere. In zero-copy mode the driver goes on by itself.
bool XskSocket::kick() noexcept {
  std::uint32_t waiting = waiting_to_be_sent();
  while (usable_ && waiting > 0 && xsk_ring_prod__needs_wakeup(&tx_)) {
    const bool failed = sendto(fd(), nullptr, 0, MSG_DONTWAIT, nullptr, 0) < 0;
    if (failed && errno == ENXIO && device_vanished()) usable_ = false;
    const std::uint32_t before = std::exchange(waiting, waiting_to_be_sent());
    if (waiting == before) return !usable_ || !xsk_ring_prod__needs_wakeup(&tx_);
  }
  return true;
}

void XskSocket::reap() noexcept {
  std::uint32_t at = 0;
  const std::uint32_t sent = xsk_ring_cons__peek(&completion_, ring_, &at);
  if (sent == 0) return;
  for (std::uint32_t i = 0; i < sent; i++)
    umem_.move(*xsk_ring_cons__comp_addr(&completion_, at + i), Place::sending, Place::free);
  xsk_ring_cons__release(&completion_, sent);
}

// As many frames are out for receiving as a ring holds: the others are for sending and the caller.
void XskSocket::refill() noexcept {
  const std::uint32_t more =
      std::min(ring_ - umem_.count(Place::receiving), umem_.count(Place::free));
  std::uint32_t at = 0;
  if (more == 0 || xsk_ring_prod__reserve(&fill_, more, &at) == 0) return;
  for (std::uint32_t i = 0; i < more; i++)
    *xsk_ring_prod__fill_addr(&fill_, at + i) = umem_.take(Place::receiving);
  xsk_ring_prod__submit(&fill_, more);
}

void XskSocket::close() noexcept {
  usable_ = false;
  socket_.reset();
  registered_.reset();  // closes the descriptor, which takes the socket out of the XSKMAP
  umem_.take_back(Place::receiving);
  umem_.take_back(Place::sending);
}

}  // namespace tandem::engine
