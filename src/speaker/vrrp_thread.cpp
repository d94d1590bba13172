// SPDX-License-Identifier: Apache-2.0
#include "speaker/vrrp_thread.hpp"

#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <future>

namespace tandem::speaker {
namespace {

constexpr int kPriority = 50;  // of SCHED_RR: above ordinary work, below the kernel's own
constexpr int kAdvertsBeforeTimers = 64;   // so that a flood cannot hold up a deadline
constexpr int kCommandsBeforeTimers = 16;  // nor a reload of many virtual routers

// Children of this process must not inherit the priority, hence RESET_ON_FORK. Pages are locked
// as they come into use, so that neither a sanitizer's shadow nor a large flow table is read in.
RealtimeState become_realtime() {
  RealtimeState state;
  state.thread = gettid();
  sched_param param{};
  param.sched_priority = kPriority;
  if (sched_setscheduler(0, SCHED_RR | SCHED_RESET_ON_FORK, &param) == 0) {
    state.realtime = true;
    state.scheduler = "SCHED_RR " + std::to_string(kPriority);
  } else {
    state.scheduler = std::string("SCHED_OTHER: SCHED_RR refused: ") + std::strerror(errno);
  }
  state.memory_locked = mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) == 0;
  return state;
}

}  // namespace

VrrpThread::VrrpThread(engine::AdvertRing ring) : ring_(std::move(ring)) {}

Result<std::unique_ptr<VrrpThread>> VrrpThread::start(flow::Steering& steering,
                                                      engine::AdvertRing ring) {
  std::unique_ptr<VrrpThread> self(new VrrpThread(std::move(ring)));
  if (!self->to_thread_ || !self->to_control_)
    return fail_errno("cannot create the event descriptors of the VRRP thread");
  self->driver_ = std::make_unique<VrrpDriver>(steering, [t = self.get()](const VrrpEvent& e) {
    const bool room = t->events_.push(e);
    if (!room) t->lost_ = true;
    t->to_control_.signal();
    return room;
  });
  std::promise<RealtimeState> state;
  auto known = state.get_future();
  self->thread_ = std::thread([t = self.get(), &state] {
    pthread_setname_np(pthread_self(), "vrrp");
    state.set_value(become_realtime());
    t->loop();
  });
  self->realtime_ = known.get();
  return self;
}

VrrpThread::~VrrpThread() {
  stop_ = true;
  to_thread_.signal();
  if (thread_.joinable()) thread_.join();
  Command* command = nullptr;
  while (commands_.pop(command)) delete command;
  while (finished_.pop(command)) delete command;
}

// Adverts first: a Backup that was held up must hear the Active before its timer is judged.
void VrrpThread::loop() {
  const auto take = [this](const td_advert& advert) {
    driver_->on_advert(advert, MonotonicClock::now());
  };
  while (!stop_) {
    wait(driver_->next_deadline());
    ring_.drain(kAdvertsBeforeTimers, take);
    const MonotonicTime now = MonotonicClock::now();
    driver_->hear_roles(roles_, now);
    driver_->on_time(now);
    driver_->watch_control(beats_.load(std::memory_order_relaxed), now);
    run_commands();
    driver_->tell_roles(roles_);
  }
}

void VrrpThread::wait(MonotonicTime deadline) const {
  pollfd fds[] = {{ring_.poll_fd(), POLLIN, 0}, {to_thread_.get(), POLLIN, 0}};
  timespec timeout{};
  timespec* limit = nullptr;
  if (deadline != kNever) {
    const auto left = std::max(deadline - MonotonicClock::now(), Duration::zero());
    timeout.tv_sec = std::chrono::duration_cast<std::chrono::seconds>(left).count();
    timeout.tv_nsec = (left % std::chrono::seconds(1)).count();
    limit = &timeout;
  }
  ppoll(fds, std::size(fds), limit, nullptr);
}

void VrrpThread::run_commands() {
  Command* command = nullptr;
  int done = 0;
  to_thread_.drain();
  while (done < kCommandsBeforeTimers && finished_.write_available() > 0 &&
         commands_.pop(command)) {
    command->run(*driver_, MonotonicClock::now());
    finished_.push(command);
    done++;
  }
  if (done > 0) to_control_.signal();
  if (done == kCommandsBeforeTimers) to_thread_.signal();  // there may be more
}

void VrrpThread::post(Run run, Finished finished) {
  auto* command = new Command{std::move(run), std::move(finished)};
  while (!commands_.push(command)) finish_commands();  // each makes room for another
  to_thread_.signal();
}

bool VrrpThread::process(const std::function<void(const VrrpEvent&)>& take) {
  to_control_.drain();
  VrrpEvent event;
  while (events_.pop(event)) take(event);
  finish_commands();
  return !lost_.exchange(false);
}

void VrrpThread::finish_commands() {
  Command* raw = nullptr;
  while (finished_.pop(raw)) {
    const std::unique_ptr<Command> command(raw);
    if (command->finished) command->finished();
  }
}

}  // namespace tandem::speaker
