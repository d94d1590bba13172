// SPDX-License-Identifier: Apache-2.0
#include "ctl/top/live.hpp"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "ctl/top/sampler.hpp"
#include "ctl/top/terminal.hpp"

namespace tandem::ctl::top {

using nlohmann::json;

namespace {

using Kind = Key::Kind;

constexpr int kSequenceMs = 50;  // bytes of one key come closer together than this

void turn_page(View& view, std::ptrdiff_t by) {
  const auto count = static_cast<std::ptrdiff_t>(kPages.size());
  const auto at = std::ranges::find(kPages, view.page) - kPages.begin();
  view.page = kPages[static_cast<std::size_t>((at + by + count) % count)];
  view.order = 0;
  view.scroll = 0;
}

void type(const Key& key, View& view) {
  view.scroll = 0;
  if (key.kind == Kind::character) view.filter += key.text;
  if (key.kind == Kind::erase) erase_last(view.filter);
  if (key.kind == Kind::escape) view.filter.clear();
  if (key.kind == Kind::escape || key.kind == Kind::enter) view.typing = false;
}

void scroll(Kind kind, const Frame& frame, View& view) {
  const std::size_t at = frame.scroll;
  if (kind == Kind::up) view.scroll = at - std::min<std::size_t>(at, 1);
  if (kind == Kind::down) view.scroll = at + 1;
  if (kind == Kind::page_up) view.scroll = at - std::min(at, frame.step);
  if (kind == Kind::page_down) view.scroll = at + frame.step;
  if (kind == Kind::home) view.scroll = 0;
  if (kind == Kind::end) view.scroll = static_cast<std::size_t>(-1);
}

// The loop's state: what was sampled last, and how it is looked at.
class Live {
 public:
  Live(Session& session, Terminal& terminal, Duration interval, Page page)
      : terminal_(terminal),
        look_{session.style.unbounded(), session.utf8},
        sampler_(std::move(session.client), interval, parts_of(page)) {
    view_.page = page;
  }

  Called<Exit> run() {
    while (going_) {
      std::array<pollfd, 3> sources{{{STDIN_FILENO, POLLIN, 0},
                                     {terminal_.signals(), POLLIN, 0},
                                     {sampler_.descriptor(), POLLIN, 0}}};
      const int ready = ::poll(sources.data(), sources.size(), keys_.waits() ? kSequenceMs : -1);
      if (ready == 0) press(keys_.give_up());
      if (sources[0].revents != 0) read_keys();
      if (sources[1].revents != 0) read_signals();
      if (sources[2].revents != 0)
        if (auto failed = read_sample()) return std::unexpected(*failed);
      if (going_ && !sample_.is_null()) redraw();
    }
    return kGood;
  }

 private:
  void read_keys() {
    std::array<char, 256> bytes;
    const ssize_t n = ::read(STDIN_FILENO, bytes.data(), bytes.size());
    if (n > 0)
      press(keys_.read({bytes.data(), static_cast<std::size_t>(n)}));
    else if (n == 0 || (errno != EINTR && errno != EAGAIN))
      going_ = false;  // the terminal is gone
  }

  void press(const std::vector<Key>& keys) {
    const Page before = view_.page;
    for (const Key& key : keys) {
      if (going_) going_ = apply(key, frame_, view_);
      if (going_ && !sample_.is_null()) redraw();  // the next key goes by what this one brought
    }
    if (view_.page != before) sampler_.want(parts_of(view_.page));
  }

  void read_signals() {
    while (const int signal = terminal_.read_signal()) {
      if (signal == SIGTSTP)
        terminal_.suspend();
      else if (signal != SIGWINCH)
        going_ = false;
    }
  }

  // Once there was a sample, a daemon that does not answer is waited for.
  std::optional<control::CallError> read_sample() {
    auto sample = sampler_.take();
    if (!sample) return std::nullopt;
    if (*sample) {
      sample_ = std::move(**sample);
      trouble_.clear();
      return std::nullopt;
    }
    if (sample_.is_null() || sample->error().kind == control::CallError::Kind::refused)
      return sample->error();
    trouble_ = "OLD FIGURES: " + sample->error().message;
    return std::nullopt;
  }

  void redraw() {
    frame_ = draw(sample_, view_, terminal_.size(), look_, trouble_);
    terminal_.show(frame_.lines);
  }

  Terminal& terminal_;
  Look look_;
  View view_;
  KeyReader keys_;
  Frame frame_;
  json sample_;          // null: none yet
  std::string trouble_;  // why there is no newer one
  bool going_ = true;
  Sampler sampler_;  // started last
};

}  // namespace

bool apply(const Key& key, const Frame& frame, View& view) {
  if (view.typing) {
    type(key, view);
    return true;
  }
  if (key.kind != Kind::character) {
    if (key.kind == Kind::tab) turn_page(view, 1);
    if (key.kind == Kind::back_tab) turn_page(view, -1);
    if (key.kind == Kind::escape) view.filter.clear();
    scroll(key.kind, frame, view);
    return true;
  }
  if (key.text == "s") view.order = (view.order + 1) % (frame.orders + 1);
  if (key.text == "/") view.typing = true;
  return key.text != "q";
}

Called<Exit> run_live(Session& session, Duration interval, Page page) {
  auto terminal = Terminal::take();
  if (!terminal)
    return std::unexpected(
        control::CallError{control::CallError::Kind::refused, terminal.error().message});
  return Live(session, *terminal, interval, page).run();
}

}  // namespace tandem::ctl::top
