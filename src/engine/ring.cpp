// SPDX-License-Identifier: Apache-2.0
#include "engine/ring.hpp"

#include <bpf/libbpf.h>

namespace tandem::engine {

void RawRing::Deleter::operator()(ring_buffer* ring) const {
  ring_buffer__free(ring);
}

Result<RawRing> RawRing::open(int map_fd, std::size_t record) {
  RawRing self;
  self.batch_ = std::make_unique<Batch>();
  self.batch_->record = record;
  self.ring_.reset(ring_buffer__new(map_fd, &on_sample, self.batch_.get(), nullptr));
  if (!self.ring_) return fail_errno("cannot open a ring buffer of the steering program");
  return self;
}

int RawRing::poll_fd() const noexcept {
  return ring_buffer__epoll_fd(ring_.get());
}

// libbpf ends a round when its callback returns an error; the sample counts as consumed.
int RawRing::on_sample(void* batch, void* data, std::size_t size) {
  auto& b = *static_cast<Batch*>(batch);
  if (size >= b.record) b.take(b.context, data);
  b.taken++;
  return --b.left > 0 ? 0 : -EAGAIN;
}

int RawRing::drain(int most, Take take, void* context) noexcept {
  if (most <= 0) return 0;
  *batch_ = {batch_->record, take, context, most, 0};
  ring_buffer__consume(ring_.get());
  return batch_->taken;
}

}  // namespace tandem::engine
