// SPDX-License-Identifier: Apache-2.0
// Every key of the configuration file. Rules that tie keys together are in rules.hpp.
#pragma once

#include "config/config.hpp"
#include "config/section.hpp"

namespace tandem::config {

extern const bool kHasDpdk;  // of this build

// What the data plane's tables hold (tandem/abi.h); what is spare is for changes under way.
inline constexpr std::size_t kMostRouters = 510;
inline constexpr std::size_t kMostAddresses = 1024;  // of all virtual routers together
inline constexpr std::size_t kMostServices = 1023;
inline constexpr std::size_t kMostBackends = 8192;  // of all services together
inline constexpr std::size_t kMostSources = 32;     // different ones, of all services together
inline constexpr std::size_t kMostSourcesOfService = 8;
inline constexpr std::size_t kMostAddressesOfRouter = 255;  // one byte in an advert

[[nodiscard]] const Section<Node>& node_section();
[[nodiscard]] const Section<Dpdk>& dpdk_section();
[[nodiscard]] const Section<Interface>& interface_section();
// usual_host: in words.
[[nodiscard]] std::vector<Key<HttpTerms>> http_terms(std::string_view usual_host);
[[nodiscard]] const Section<Check>& check_section();
[[nodiscard]] const Section<Nginx>& nginx_section();
[[nodiscard]] const Section<Sync>& sync_section();
[[nodiscard]] const Section<VirtualAddress>& address_section();
[[nodiscard]] const Section<Track>& track_section();
[[nodiscard]] const Section<AuthKey>& auth_key_section();
[[nodiscard]] const Section<Auth>& auth_section();
[[nodiscard]] const Section<Notify>& notify_section();
[[nodiscard]] const Section<Vrrp>& vrrp_section();
[[nodiscard]] const Section<FlowIdle>& flow_idle_section();
[[nodiscard]] const Section<Flows>& flows_section();
[[nodiscard]] const Section<Backend>& backend_section();
[[nodiscard]] const Section<BackendCheck>& backend_check_section();
[[nodiscard]] const Section<ServiceNotify>& service_notify_section();
[[nodiscard]] const Section<Service>& service_section();
[[nodiscard]] const Section<Config>& file_section();  // of the above

}  // namespace tandem::config
