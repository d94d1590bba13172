// SPDX-License-Identifier: Apache-2.0
// Keeps a LinkTable equal to the kernel's: subscribed first, then dumped, so that nothing falls in
// between; dumped anew when the kernel dropped notifications.
#pragma once

#include "base/result.hpp"
#include "netlink/link_table.hpp"
#include "netlink/socket.hpp"

namespace tandem::netlink {

class LinkFeed {
 public:
  [[nodiscard]] static Result<LinkFeed> open();

  [[nodiscard]] int fd() const noexcept { return monitor_.fd(); }
  // Takes in what the kernel reported. An error means that notifications were lost and the table
  // could not be read anew: it is stale until a later call succeeds.
  [[nodiscard]] Result<void> pull(LinkChanges& changes);

  [[nodiscard]] const LinkTable& table() const noexcept { return table_; }
  [[nodiscard]] LinkTable& table() noexcept { return table_; }
  [[nodiscard]] Requests& requests() noexcept { return requests_; }

 private:
  LinkFeed(Monitor monitor, Requests requests)
      : monitor_(std::move(monitor)), requests_(std::move(requests)) {}
  [[nodiscard]] Result<LinkTable> read_all();

  Monitor monitor_;
  Requests requests_;
  LinkTable table_;
  bool stale_ = true;
};

}  // namespace tandem::netlink
