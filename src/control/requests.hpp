// SPDX-License-Identifier: Apache-2.0
// The arguments of the commands that have some, written down once for both ends of the socket.
// from_json() refuses keys it does not know and values of another type, naming the argument.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"

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

  [[nodiscard]] static Result<FailoverRequest> from_json(const nlohmann::json& arguments);
  [[nodiscard]] nlohmann::json to_json() const;
};

struct ReloadRequest {
  std::optional<std::string> file;  // absent: the file that tandemd was started with

  [[nodiscard]] static Result<ReloadRequest> from_json(const nlohmann::json& arguments);
  [[nodiscard]] nlohmann::json to_json() const;
};

}  // namespace tandem::control
