// SPDX-License-Identifier: Apache-2.0
#include "daemon/clean_up.hpp"

#include "engine/pin_directory.hpp"
#include "engine/steering_program.hpp"
#include "netlink/addresses.hpp"

namespace tandem::daemon {
namespace {

Result<void> sweep_addresses(const std::string& bpffs) {
  auto addresses = netlink::Addresses::open(netlink::protocol_number(bpffs));
  if (!addresses) return std::unexpected(addresses.error());
  return addresses->sweep({});
}

}  // namespace

Result<void> clean_up(const std::string& bpffs) {
  const auto pins = engine::PinDirectory::open(bpffs);
  if (!pins) return std::unexpected(pins.error());
  const auto swept = sweep_addresses(bpffs);
  const auto off = engine::take_off_what_was_left(*pins);
  if (!swept && !off) return fail(swept.error().message + "; " + off.error().message);
  return swept ? off : swept;
}

}  // namespace tandem::daemon
