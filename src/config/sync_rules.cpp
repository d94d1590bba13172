// SPDX-License-Identifier: Apache-2.0
#include "base/endpoint_text.hpp"
#include "config/rules.hpp"
#include "config/service_item.hpp"

namespace tandem::config {

void check_sync(const File& file, Problems& problems) {
  if (!file.config.sync || file.config.sync->listen.empty()) return;
  const auto& listen = file.config.sync->listen;
  const auto& peer = file.config.sync->peer;
  const Location at_peer = place(file.root, {"sync", "peer"});
  const Location at_listen = place(file.root, {"sync", "listen"});
  if (peer.size() != listen.size()) {
    if (!peer.empty())
      problems.error(at_peer, "peer: has " + std::to_string(peer.size()) +
                                  " ends, and listen has " + std::to_string(listen.size()) +
                                  ", expected one for each link in both");
    return;
  }
  const auto virtual_addresses = virtual_addresses_of(file.config);
  const auto check_is_own = [&](const ListenAddress& end, Location at, const std::string& name) {
    if (virtual_addresses.contains(end.address))
      problems.error(at, name + ": " + end.address.to_string() +
                             " is a virtual address, which moves, expected an own address of the "
                             "node");
  };
  for (std::size_t i = 0; i < listen.size(); i++) {
    const std::string here = endpoint_text(listen[i].address, listen[i].port);
    if (listen[i].address.family() != peer[i].address.family())
      problems.error(at_peer, "peer: " + endpoint_text(peer[i].address, peer[i].port) +
                                  " is of another family than " + here +
                                  " in listen, expected the other end of the same link");
    if (listen[i] == peer[i])
      problems.error(at_peer, "peer: " + here + " is in listen, too, expected the other node's");
    check_is_own(listen[i], at_listen, "listen");
    check_is_own(peer[i], at_peer, "peer");
  }
}

}  // namespace tandem::config
