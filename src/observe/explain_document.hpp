// SPDX-License-Identifier: Apache-2.0
// The document behind `tandemctl explain`: what would become of a packet, and why. Pure: plain
// values in, JSON out.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "base/address.hpp"
#include "base/time.hpp"
#include "observe/services_document.hpp"
#include "tandem/abi.h"

namespace tandem::observe {

struct ExplainStep {
  std::string what;    // "virtual address"
  std::string result;  // "192.0.2.100 of VI_1"
  bool good = true;    // the packet comes further
};

enum class Verdict : std::uint8_t { forward, pass, drop };

struct LeaseView {
  bool live = false;
  Duration remaining{};  // none if it is not live
};

enum class PickedBy : std::uint8_t { flow, scheduler, hash, affinity };

struct PickView {
  IpAddress backend;
  std::uint16_t port = 0;
  PickedBy by = PickedBy::scheduler;
};

struct EgressView {
  std::string device;
  MacAddress source_mac;
  MacAddress destination_mac;
  std::vector<std::uint16_t> vlan;  // outer first
  std::uint32_t mtu = 0;
};

struct ExplainView {
  std::vector<ExplainStep> steps;  // in the order the packet meets them
  Verdict verdict = Verdict::pass;
  td_reason reason = TD_PASS_OTHER;
  std::string virtual_router;  // empty: none, and so below
  std::optional<LeaseView> lease;
  std::string service;
  std::optional<FlowView> flow;
  std::optional<PickView> pick;
  std::vector<std::string> rewrite;  // a sentence for each change
  std::optional<EgressView> egress;
};

// What is not known, or does not apply, is null.
[[nodiscard]] nlohmann::json explain_document(const ExplainView& view);

}  // namespace tandem::observe
