// SPDX-License-Identifier: Apache-2.0
// The kernel's interfaces, watched. Belongs to the control thread.
#pragma once

#include <spdlog/spdlog.h>

#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <utility>

#include "base/result.hpp"
#include "base/watch.hpp"
#include "netlink/links.hpp"

namespace tandem::daemon {

class LinkWatch {
 public:
  static Result<std::unique_ptr<LinkWatch>> open() {
    auto links = netlink::Links::open();
    if (!links) return std::unexpected(links.error());
    return std::unique_ptr<LinkWatch>(new LinkWatch(std::move(*links)));
  }

  // Calls back from now on, once after all that the kernel has reported together.
  void follow(boost::asio::io_context& loop, std::function<void()> changed) {
    changed_ = std::move(changed);
    links_.on_change([this](int, const std::string&) { has_changed_ = true; });
    readable_.emplace(loop, links_.fd(), [this] { process(); });
  }
  // What the kernel has reported by now.
  void process() {
    if (auto seen = links_.process(); !seen) spdlog::warn("{}", seen.error().message);
    if (std::exchange(has_changed_, false)) changed_();
  }

  [[nodiscard]] netlink::Links& links() { return links_; }

 private:
  explicit LinkWatch(netlink::Links links) : links_(std::move(links)) {}

  netlink::Links links_;
  std::function<void()> changed_;
  bool has_changed_ = false;
  std::optional<ReadWatch> readable_;
};

}  // namespace tandem::daemon
