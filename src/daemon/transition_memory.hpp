// SPDX-License-Identifier: Apache-2.0
// The transitions in a file beside the control socket, so that the next process's events begin with
// them: after a restart or a crash the operator asks what happened before. Belongs to the control
// thread.
#pragma once

#include <boost/asio/io_context.hpp>
#include <string>

#include "base/watch.hpp"
#include "observe/event_log.hpp"

namespace tandem::daemon {

class TransitionMemory {
 public:
  static constexpr std::size_t kMost = 128;

  // Takes up what the file has. One that cannot be read is put aside (FILE.refused), and an error is
  // logged. events: outlives this.
  TransitionMemory(boost::asio::io_context& loop, observe::EventLog& events, std::string file);
  ~TransitionMemory();
  TransitionMemory(const TransitionMemory&) = delete;
  TransitionMemory& operator=(const TransitionMemory&) = delete;

  // There was a transition: the file has it at once, or where they follow each other within a moment.
  void changed();

 private:
  void keep();

  observe::EventLog& events_;
  std::string file_;
  std::string kept_;
  MonotonicTime written_{};
  Alarm due_;
};

}  // namespace tandem::daemon
