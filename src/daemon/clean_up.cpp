// SPDX-License-Identifier: Apache-2.0
#include "daemon/clean_up.hpp"

#include <bpf/libbpf.h>
#include <net/if.h>
#include <xdp/libxdp.h>

#include <array>
#include <charconv>
#include <filesystem>
#include <memory>
#include <set>
#include <string_view>

#include "engine/pin_directory.hpp"
#include "engine/tc_filter.hpp"
#include "engine/xdp_occupant.hpp"
#include "netlink/addresses.hpp"

namespace tandem::daemon {
namespace {

// Each interface that has, or had, a steering program has its steps pinned.
std::set<unsigned> interfaces_in(const std::string& pins) {
  constexpr std::string_view kSteps = "td_steps_";
  std::set<unsigned> interfaces;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(pins, error)) {
    const std::string name = entry.path().filename();
    unsigned ifindex = 0;
    if (name.starts_with(kSteps) &&
        std::from_chars(name.data() + kSteps.size(), name.data() + name.size(), ifindex).ec ==
            std::errc{})
      interfaces.insert(ifindex);
  }
  return interfaces;
}

Result<void> clean_up_interface(unsigned ifindex) {
  std::array<char, IF_NAMESIZE> name{};
  if (if_indextoname(ifindex, name.data()) == nullptr) return {};  // it has gone
  engine::TcFilter::detach(ifindex, engine::TcDirection::out);
  auto occupant = engine::XdpOccupant::of(ifindex);
  const bool is_of_others =
      occupant && occupant->way() == engine::XdpWay::alone && !occupant->others().empty();
  if (!occupant || is_of_others) return {};
  return occupant->take_off_ours(ifindex, name.data());
}

// Filters on the way in are there for moments, and on whatever interface it was.
void take_off_waiting() {
  const std::unique_ptr<struct if_nameindex, decltype(&if_freenameindex)> all(if_nameindex(),
                                                                              if_freenameindex);
  for (const auto* i = all.get(); i != nullptr && i->if_index != 0; i++)
    engine::TcFilter::detach(i->if_index, engine::TcDirection::in);
}

}  // namespace

Result<void> clean_up(const std::string& bpffs) {
  libbpf_set_print(nullptr);
  libxdp_set_print(nullptr);
  const auto pins = engine::PinDirectory::open(bpffs);
  if (!pins) return std::unexpected(pins.error());
  std::string troubles;
  const auto note = [&](const Result<void>& done) {
    if (!done) troubles += (troubles.empty() ? "" : "; ") + done.error().message;
  };
  auto addresses = netlink::Addresses::open(netlink::protocol_number(bpffs));
  note(addresses ? addresses->sweep({}) : Result<void>(std::unexpected(addresses.error())));
  for (const unsigned ifindex : interfaces_in(pins->path())) note(clean_up_interface(ifindex));
  take_off_waiting();
  pins->remove();
  return troubles.empty() ? Result<void>{} : fail(troubles);
}

}  // namespace tandem::daemon
