// SPDX-License-Identifier: Apache-2.0
#include "daemon/capture.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>

#include "base/descriptor.hpp"
#include "flow/reason_names.hpp"

namespace tandem::daemon {
namespace {

constexpr Duration kWorkersInterval = std::chrono::milliseconds(5);
constexpr int kRecordsAtOnce = 256;  // records, between other things that the thread has to do

void store(__u64& word, __u64 value) {
  std::atomic_ref(word).store(value, std::memory_order_relaxed);
}

// A new file, for its owner alone: one that somebody else put there before, he could read. One of our
// own makes way. And whoever opens a FIFO or a terminal may have to wait, which this thread must not.
Descriptor make_file(const std::string& path) {
  const auto make = [&] {
    return Descriptor(open(
        path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600));
  };
  auto made = make();
  struct stat old {};
  if (made || errno != EEXIST || lstat(path.c_str(), &old) != 0) return made;
  errno = EEXIST;
  if (!S_ISREG(old.st_mode) || old.st_uid != geteuid() || unlink(path.c_str()) != 0) return made;
  return make();
}

Result<void> open_file(const std::string& path, std::ofstream& file) {
  const Descriptor made = make_file(path);
  struct stat found {};
  if (!made || fstat(made.get(), &found) != 0) return fail_errno("cannot write " + path);
  if (!S_ISREG(found.st_mode)) return fail(path + " is no regular file");
  file.open("/proc/self/fd/" + std::to_string(made.get()), std::ios::binary | std::ios::trunc);
  if (!file) return fail_errno("cannot write " + path);
  return {};
}

}  // namespace

struct Capture::Running {
  control::CaptureRequest request;
  control::Completion done;
  observe::CaptureFilter filter;
  std::ofstream file{};
  std::optional<observe::Pcapng> pcapng{};
  MonotonicTime since = MonotonicClock::now();
  std::uint64_t packets = 0;
};

Capture::Capture(const Deps& deps)
    : deps_(deps),
      due_(deps.loop, [this] { finish(); }),
      workers_due_(deps.loop, [this] { drain_workers(); }) {}

Capture::~Capture() {
  if (running_) store(deps_.program.tables().capture_until_ns, 0);
}

void Capture::start(const control::CaptureRequest& request, control::Completion done) {
  auto filter = observe::CaptureFilter::compile(request.filter);
  if (!filter) return done(std::unexpected(filter.error()));
  if (!ring_) ring_.emplace(engine::CaptureRing::open(deps_.program.capture_ring_fd()));
  if (!*ring_) return done(std::unexpected(ring_->error()));
  if (running_) finish();
  auto running = std::make_unique<Running>(
      Running{.request = request, .done = done, .filter = std::move(*filter)});
  if (auto made = open_file(request.file, running->file); !made)
    return done(std::unexpected(made.error()));
  running->pcapng.emplace(running->file, TD_CAPTURE_BYTES, [this](std::uint32_t device) {
    const auto link = deps_.links.find(static_cast<int>(device));
    return link ? link->name : std::to_string(device);
  });
  const auto forget = [](const td_captured&) {};  // what an earlier one left
  (*ring_)->drain(INT32_MAX, forget);
  deps_.plane.drain_captured(forget);
  running_ = std::move(running);
  td_tables& tables = deps_.program.tables();
  const MonotonicTime end = MonotonicClock::now() + std::chrono::seconds(request.seconds);
  store(tables.capture_lost, 0);
  store(tables.capture_until_ns, to_ns(end));
  due_.set(end);
  drain_workers();
  readable_ = std::make_unique<ReadWatch>(deps_.loop, (*ring_)->poll_fd(), [this] { drain(); });
}

void Capture::drain() {
  (*ring_)->drain(kRecordsAtOnce, [this](const td_captured& captured) { take(captured); });
  if (running_ && running_->packets >= running_->request.count) finish();
}

// Their rings wake nobody.
void Capture::drain_workers() {
  deps_.plane.drain_captured([this](const td_captured& captured) { take(captured); });
  if (running_ && running_->packets >= running_->request.count) finish();
  if (running_) workers_due_.set(MonotonicClock::now() + kWorkersInterval);
}

// As it came in, and as it left.
void Capture::take(const td_captured& c) {
  if (!running_ || running_->packets >= running_->request.count) return;
  const auto head = [](const std::uint8_t* bytes, std::uint32_t length) {
    return std::span(bytes, std::min<std::size_t>(length, TD_CAPTURE_BYTES));
  };
  const auto came = head(c.came, c.in_length), left = head(c.left, c.out_length);
  if (!running_->filter.fits(came, c.in_length) &&
      !(c.out != 0 && running_->filter.fits(left, c.out_length)))
    return;
  running_->packets++;
  observe::Pcapng::Packet packet;
  packet.at = observe::Now::read().wall_at(from_ns(c.time_ns));
  packet.device = c.in;
  packet.bytes = came;
  packet.length = c.in_length;
  packet.comment = flow::reason_name(c.reason);
  running_->pcapng->write(packet);
  if (c.out == 0) return;
  packet.device = c.out;
  packet.direction = observe::Pcapng::Direction::out;
  packet.bytes = left;
  packet.length = c.out_length;
  running_->pcapng->write(packet);
}

void Capture::finish() {
  if (!running_) return;
  td_tables& tables = deps_.program.tables();
  store(tables.capture_until_ns, 0);
  due_.set(kNever);
  workers_due_.set(kNever);
  const auto take_last = [this](const td_captured& captured) { take(captured); };
  (*ring_)->drain(INT32_MAX, take_last);
  deps_.plane.drain_captured(take_last);
  readable_.reset();
  const auto ended = std::move(running_);
  ended->file.close();
  if (!ended->file) return ended->done(fail("could not write all of " + ended->request.file));
  ended->done(nlohmann::json{{"packets", ended->packets},
                             {"lost", std::atomic_ref(tables.capture_lost).load()},
                             {"seconds", observe::to_seconds(MonotonicClock::now() - ended->since)},
                             {"file", ended->request.file}});
}

}  // namespace tandem::daemon
