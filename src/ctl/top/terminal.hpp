// SPDX-License-Identifier: Apache-2.0
// The terminal that tandemctl was started on, drawn on as a whole: its other screen, no echo, each
// key at once. Signals come as something to read besides, so that the terminal is put back before
// any of them takes effect. By escape sequences that every terminal of today takes; what ncurses
// adds, an optimal difference between two screens, is not worth its global state here.
#pragma once

#include <signal.h>
#include <termios.h>

#include <string>
#include <vector>

#include "base/descriptor.hpp"
#include "base/result.hpp"
#include "ctl/top/frame.hpp"

namespace tandem::ctl::top {

class Terminal {
 public:
  [[nodiscard]] static Result<Terminal> take();
  ~Terminal();  // as it was
  Terminal(Terminal&& other) noexcept;
  Terminal& operator=(Terminal&&) = delete;

  [[nodiscard]] Size size() const;
  void show(const std::vector<std::string>& lines);
  // Puts the terminal back, stops like any program at Ctrl-Z, and goes on when it is continued.
  void suspend();

  // Readable when a signal came; read_signal() gives it, 0: there is none.
  [[nodiscard]] int signals() const { return signals_.get(); }
  [[nodiscard]] int read_signal();

 private:
  Terminal(const termios& before, const sigset_t& mask, Descriptor signals)
      : before_(before), mask_(mask), signals_(std::move(signals)) {}
  void enter();
  void leave();

  termios before_;
  sigset_t mask_;  // that was there before
  Descriptor signals_;
};

}  // namespace tandem::ctl::top
