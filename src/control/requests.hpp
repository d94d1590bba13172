// SPDX-License-Identifier: Apache-2.0
// The arguments of the commands that have some, written down once for both ends of the socket.
// from_json() refuses keys it does not know and values of another type, naming the argument.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "base/address.hpp"
#include "base/result.hpp"
#include "config/config.hpp"
#include "control/endpoint.hpp"
#include "tandem/flow.h"

namespace tandem::control {

struct StatusRequest {
  [[nodiscard]] static Result<StatusRequest> from_json(const nlohmann::json& arguments);
  [[nodiscard]] nlohmann::json to_json() const;
};

struct VrrpRequest {
  std::optional<std::string> name;  // absent: all virtual routers

  [[nodiscard]] static Result<VrrpRequest> from_json(const nlohmann::json& arguments);
  [[nodiscard]] nlohmann::json to_json() const;
};

struct EventsRequest {
  std::uint64_t after = 0;    // only events with a greater sequence number
  std::uint64_t limit = 100;  // the newest ones, at most so many

  [[nodiscard]] static Result<EventsRequest> from_json(const nlohmann::json& arguments);
  [[nodiscard]] nlohmann::json to_json() const;
};

struct FailoverRequest {
  std::vector<std::string> names;  // empty: all that are Active (with back: all handed over)
  bool back = false;               // take a handover back
  bool force = false;              // whoever takes the addresses, or nobody

  [[nodiscard]] static Result<FailoverRequest> from_json(const nlohmann::json& arguments);
  [[nodiscard]] nlohmann::json to_json() const;
};

struct ReloadRequest {
  std::optional<std::string> file;  // absent: the file that tandemd was started with

  [[nodiscard]] static Result<ReloadRequest> from_json(const nlohmann::json& arguments);
  [[nodiscard]] nlohmann::json to_json() const;
};

struct ServicesRequest {
  std::optional<std::string> name;  // absent: all services

  [[nodiscard]] static Result<ServicesRequest> from_json(const nlohmann::json& arguments);
  [[nodiscard]] nlohmann::json to_json() const;
};

struct BackendsRequest {
  std::optional<std::string> service;  // absent: of all services

  [[nodiscard]] static Result<BackendsRequest> from_json(const nlohmann::json& arguments);
  [[nodiscard]] nlohmann::json to_json() const;
};

inline constexpr std::uint64_t kMostFlowsShown = 100'000;

// Flows that all the conditions fit.
struct FlowsRequest {
  std::optional<std::string> service;
  std::optional<Endpoint> backend;
  std::optional<IpAddress> client;
  std::optional<td_flow_state> state;
  std::uint64_t limit = 100;  // rows of the answer; others are counted only
  bool count_only = false;    // no rows at all

  [[nodiscard]] static Result<FlowsRequest> from_json(const nlohmann::json& arguments);
  [[nodiscard]] nlohmann::json to_json() const;
};

struct DrainRequest {  // and what takes it back, "undrain"
  std::string service;
  std::optional<Endpoint> backend;  // absent: all of the service; without a port: on all of them

  [[nodiscard]] static Result<DrainRequest> from_json(const nlohmann::json& arguments);
  [[nodiscard]] nlohmann::json to_json() const;
};

struct WeightRequest {
  std::string service;
  Endpoint backend;
  std::uint16_t weight = 0;  // 0: no new flows

  [[nodiscard]] static Result<WeightRequest> from_json(const nlohmann::json& arguments);
  [[nodiscard]] nlohmann::json to_json() const;
};

struct BackendRequest {
  std::string action;  // "add", "remove", "set" or "reset"
  std::string service;
  Endpoint backend;
  std::optional<std::uint16_t> weight;  // absent: as it is; of a new one, the default
  std::optional<std::uint32_t> max_connections;
  std::optional<bool> backup;

  [[nodiscard]] static Result<BackendRequest> from_json(const nlohmann::json& arguments);
  [[nodiscard]] nlohmann::json to_json() const;
};

struct ExplainRequest {
  IpAddress source;
  std::optional<std::uint16_t> source_port;  // absent: of a flow that is not there yet
  IpAddress destination;                     // of the source's family
  std::uint16_t port = 0;
  config::Protocol protocol = config::Protocol::tcp;

  [[nodiscard]] static Result<ExplainRequest> from_json(const nlohmann::json& arguments);
  [[nodiscard]] nlohmann::json to_json() const;
};

inline constexpr std::uint64_t kMostCaptured = 10'000'000;    // packets
inline constexpr std::uint64_t kLongestCapture = 60ULL * 60;  // seconds

// Ends after `count` packets or `seconds`, whichever comes first.
struct CaptureRequest {
  std::string file;    // an absolute path
  std::string filter;  // as tcpdump takes it; empty: every packet
  std::uint64_t count = 1000;
  std::uint64_t seconds = 10;

  [[nodiscard]] static Result<CaptureRequest> from_json(const nlohmann::json& arguments);
  [[nodiscard]] nlohmann::json to_json() const;
};

}  // namespace tandem::control
