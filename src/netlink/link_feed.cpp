// SPDX-License-Identifier: Apache-2.0
#include "netlink/link_feed.hpp"

#include <linux/rtnetlink.h>

namespace tandem::netlink {

Result<LinkFeed> LinkFeed::open() {
  auto monitor = Monitor::open({RTNLGRP_LINK, RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR});
  if (!monitor) return std::unexpected(monitor.error());
  auto requests = Requests::open();
  if (!requests) return std::unexpected(requests.error());
  LinkFeed feed(std::move(*monitor), std::move(*requests));
  LinkChanges everything;
  if (auto read = feed.pull(everything); !read) return std::unexpected(read.error());
  return feed;
}

Result<LinkTable> LinkFeed::read_all() {
  constexpr int kAttempts = 5;  // a dump that a change interrupted is started anew
  Outcome outcome;
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    LinkTable fresh;
    LinkChanges ignored;
    const auto take = [&](nl_msg& message) { fresh.apply(message, ignored); };
    outcome = requests_.dump(RTM_GETLINK, take);
    if (outcome) outcome = requests_.dump(RTM_GETADDR, take);
    if (outcome) return fresh;
    if (outcome.error().code != EINTR) break;
  }
  return fail("cannot read the kernel's interfaces and addresses: " + outcome.error().reason);
}

Result<void> LinkFeed::pull(LinkChanges& changes) {
  if (!monitor_.drain([&](nl_msg& message) { table_.apply(message, changes); })) stale_ = true;
  if (!stale_) return {};
  auto fresh = read_all();
  if (!fresh) return std::unexpected(fresh.error());
  fresh->compare(table_, changes);
  table_ = std::move(*fresh);
  stale_ = false;
  return {};
}

}  // namespace tandem::netlink
