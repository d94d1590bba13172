// SPDX-License-Identifier: Apache-2.0
#include "engine/advert_ring.hpp"

#include <bpf/libbpf.h>

namespace tandem::engine {

void AdvertRing::Deleter::operator()(ring_buffer* ring) const {
  ring_buffer__free(ring);
}

Result<AdvertRing> AdvertRing::open(int map_fd) {
  AdvertRing self;
  self.batch_ = std::make_unique<Batch>();
  self.ring_.reset(ring_buffer__new(map_fd, &on_sample, self.batch_.get(), nullptr));
  if (!self.ring_) return fail_errno("cannot open the ring buffer of adverts");
  return self;
}

int AdvertRing::poll_fd() const noexcept {
  return ring_buffer__epoll_fd(ring_.get());
}

// libbpf ends a round when its callback returns an error; the sample counts as consumed.
int AdvertRing::on_sample(void* batch, void* data, std::size_t size) {
  auto& b = *static_cast<Batch*>(batch);
  if (size >= sizeof(td_advert)) b.take(b.context, *static_cast<const td_advert*>(data));
  b.taken++;
  return --b.left > 0 ? 0 : -EAGAIN;
}

int AdvertRing::drain(int most, Take take, void* context) noexcept {
  if (most <= 0) return 0;
  *batch_ = {take, context, most, 0};
  ring_buffer__consume(ring_.get());
  return batch_->taken;
}

}  // namespace tandem::engine
