// SPDX-License-Identifier: Apache-2.0
// A filter in the language of tcpdump (pcap-filter(7)), by libpcap.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "base/result.hpp"

struct bpf_program;

namespace tandem::observe {

class CaptureFilter {
 public:
  // Empty text fits every frame. Error: libpcap's words.
  static Result<CaptureFilter> compile(const std::string& text);

  // bytes: the first ones of a frame that is `length` bytes long.
  [[nodiscard]] bool fits(std::span<const std::uint8_t> bytes, std::uint32_t length) const;

 private:
  struct Free {
    void operator()(bpf_program* program) const;
  };
  std::unique_ptr<bpf_program, Free> program_;
};

}  // namespace tandem::observe
