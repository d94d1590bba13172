// SPDX-License-Identifier: Apache-2.0
#include "engine/xdp_occupant.hpp"

#include <bpf/bpf.h>
#include <xdp/libxdp.h>

#include <array>
#include <string_view>

namespace tandem::engine {
namespace {

// The steering program, and what DPDK is given in its place (bpf/sockets.bpf.c).
bool is_ours(std::string_view program) {
  return program == "td_steer" || program == "td_adverts_only" || program == "td_sockets";
}

std::string reason(int error) {
  std::array<char, 128> text{};
  libxdp_strerror(error, text.data(), text.size());
  return text.data();
}

}  // namespace

void XdpOccupant::Close::operator()(xdp_multiprog* p) const {
  xdp_multiprog__close(p);
}

std::optional<XdpOccupant> XdpOccupant::of(unsigned ifindex) {
  xdp_multiprog* programs = xdp_multiprog__get_from_ifindex(static_cast<int>(ifindex));
  if (libxdp_get_error(programs) != 0) return std::nullopt;
  return XdpOccupant(programs);
}

XdpMode XdpOccupant::mode() const {
  return xdp_multiprog__attach_mode(programs_.get()) == XDP_MODE_SKB ? XdpMode::generic
                                                                     : XdpMode::native;
}

XdpWay XdpOccupant::way() const {
  return xdp_multiprog__is_legacy(programs_.get()) ? XdpWay::alone : XdpWay::dispatcher;
}

std::vector<std::string> XdpOccupant::others() const {
  std::vector<std::string> names;
  const auto note = [&](const xdp_program* program) {
    if (const char* name = xdp_program__name(program); !is_ours(name)) names.emplace_back(name);
  };
  if (way() == XdpWay::alone) {
    note(xdp_multiprog__main_prog(programs_.get()));
    return names;
  }
  for (xdp_program* p = xdp_multiprog__next_prog(nullptr, programs_.get()); p != nullptr;
       p = xdp_multiprog__next_prog(p, programs_.get()))
    note(p);
  return names;
}

bool XdpOccupant::has(std::uint32_t id) const {
  if (way() == XdpWay::alone)
    return xdp_program__id(xdp_multiprog__main_prog(programs_.get())) == id;
  for (xdp_program* p = xdp_multiprog__next_prog(nullptr, programs_.get()); p != nullptr;
       p = xdp_multiprog__next_prog(p, programs_.get()))
    if (xdp_program__id(p) == id) return true;
  return false;
}

Descriptor XdpOccupant::program() const {
  return Descriptor(
      bpf_prog_get_fd_by_id(xdp_program__id(xdp_multiprog__main_prog(programs_.get()))));
}

Result<void> XdpOccupant::take_off_ours(unsigned ifindex, const std::string& name) {
  const auto refused = [&](int error) {
    return fail("cannot replace the steering program on " + name + ": " + reason(error));
  };
  if (way() == XdpWay::alone) {
    if (const auto names = others(); !names.empty())
      return fail(name + " has an XDP program '" + names.front() +
                  "' that is not attached through libxdp; take it off with: ip link set dev " +
                  name + " xdp off");
    if (const int error = xdp_multiprog__detach(programs_.get()); error != 0) return refused(error);
    return {};
  }
  std::vector<xdp_program*> ours;
  for (xdp_program* p = xdp_multiprog__next_prog(nullptr, programs_.get()); p != nullptr;
       p = xdp_multiprog__next_prog(p, programs_.get()))
    if (is_ours(xdp_program__name(p))) ours.push_back(p);
  const auto mode = xdp_multiprog__attach_mode(programs_.get());
  for (xdp_program* p : ours)
    if (const int error = xdp_program__detach(p, static_cast<int>(ifindex), mode, 0); error != 0)
      return refused(error);
  return {};
}

void XdpOccupant::forget_dispatcher(unsigned ifindex) {
  libxdp_clean_references(static_cast<int>(ifindex));
}

}  // namespace tandem::engine
