// SPDX-License-Identifier: Apache-2.0
// What Nginx's ngx_http_stub_status_module answers.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace tandem::observe {

struct StubStatus {
  std::uint64_t active = 0;
  std::uint64_t accepted = 0;
  std::uint64_t handled = 0;
  std::uint64_t requests = 0;
  std::uint64_t reading = 0;
  std::uint64_t writing = 0;
  std::uint64_t waiting = 0;
  bool operator==(const StubStatus&) const = default;

  // nullopt: the text is something else.
  [[nodiscard]] static std::optional<StubStatus> parse(std::string_view text);
};

}  // namespace tandem::observe
