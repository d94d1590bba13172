// SPDX-License-Identifier: Apache-2.0
// A virtual_server while it is read. What a server is checked by is in checker.hpp.
#pragma once

#include <set>

#include "ctl/import/checker.hpp"
#include "ctl/import/readers.hpp"

namespace tandem::importer {

struct RealServer {
  IpAddress address;
  std::uint16_t port = 0;  // 0: the virtual server's
  std::optional<std::int64_t> weight, most_connections;
  std::string forward;  // empty: the virtual server's
  Timing timing;
  std::vector<Checker> checkers;
  Location place;
};

struct VirtualServer {
  std::string protocol;     // empty: none was written
  std::int64_t weight = 1;  // of servers without one
  std::string scheduler = "wlc", forward = "nat";
  Location scheduler_place, forward_place;
  std::optional<Duration> persistence;
  Location persistence_place;
  struct Granularity {
    int bits;
    bool is_v6;
  };
  std::optional<Granularity> granularity;
  Location granularity_place;
  std::optional<Location> one_packet;
  std::int64_t quorum = 1;
  std::string quorum_up, quorum_down;  // arrays, as the file has them; empty: none
  Location quorum_place;
  std::optional<RealServer> sorry_server;
  Timing timing;
  std::vector<RealServer> servers;
  Location place;
};

// Where a virtual server is reached.
struct Entry {
  IpAddress address;
  std::uint16_t port = 0;
  Location place;
};

[[nodiscard]] VirtualServer read_virtual_server(const Statement& block, Gateway& gateway);

// The service of one entry.
[[nodiscard]] Table service_of(const VirtualServer& server, const Entry& entry, Gateway& gateway);

}  // namespace tandem::importer
