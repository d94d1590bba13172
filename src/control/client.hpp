// SPDX-License-Identifier: Apache-2.0
// The other end of the control socket, for tandemctl: blocking, with a deadline for each call.
#pragma once

#include <cstdint>
#include <expected>
#include <nlohmann/json.hpp>
#include <string>

#include "base/descriptor.hpp"
#include "base/time.hpp"

namespace tandem::control {

struct CallError {
  enum class Kind : std::uint8_t {
    unreachable,  // no socket, nobody listening, no permission, no or no sensible answer in time
    refused,      // the daemon answered with an error
  };
  Kind kind = Kind::unreachable;
  std::string message;
};

class Client {
 public:
  // `timeout` bounds connecting, and later each call.
  [[nodiscard]] static std::expected<Client, CallError> connect(const std::string& path,
                                                                Duration timeout);
  // Another connection to the same daemon.
  [[nodiscard]] std::expected<Client, CallError> another(Duration timeout) const {
    return connect(path_, timeout);
  }
  // Sends a request and waits for its answer: the result of an "ok" one.
  [[nodiscard]] std::expected<nlohmann::json, CallError> call(const std::string& command,
                                                              const nlohmann::json& arguments);

 private:
  Client(Descriptor socket, std::string path, Duration timeout)
      : socket_(std::move(socket)), path_(std::move(path)), timeout_(timeout) {}

  std::expected<void, CallError> send(const std::string& line);
  std::expected<std::string, CallError> receive_line(MonotonicTime deadline);

  Descriptor socket_;
  std::string path_;
  Duration timeout_;
  std::string received_;  // bytes behind the last answer
};

}  // namespace tandem::control
