// SPDX-License-Identifier: Apache-2.0
// The fields of messages: numbers in network order, addresses behind their family, texts behind their
// length.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <vector>

#include "base/address.hpp"
#include "tandem/abi.h"

namespace tandem::sync {

// From the order of this host, and back.
template <class Number>
constexpr Number in_network_order(Number value) {
  return std::endian::native == std::endian::little ? std::byteswap(value) : value;
}

// Records of one size, into memory that is there.
class RecordWriter {
 public:
  explicit RecordWriter(std::uint8_t* at) : at_(at) {}
  template <class Number>
  void number(Number value) {
    value = in_network_order(value);
    std::memcpy(at_, &value, sizeof value);
    at_ += sizeof value;
  }

 private:
  std::uint8_t* at_;
};

class FieldWriter {
 public:
  explicit FieldWriter(std::vector<std::uint8_t>& out) : out_(out) {}
  template <class Number>
  void number(Number value) {
    for (std::size_t i = sizeof value; i-- > 0;)
      out_.push_back(static_cast<std::uint8_t>(value >> 8 * i));
  }
  // So many bytes, to be written by a RecordWriter.
  std::uint8_t* grow(std::size_t bytes) {
    out_.resize(out_.size() + bytes);
    return out_.data() + out_.size() - bytes;
  }
  void bytes(std::span<const std::uint8_t> bytes) {
    out_.insert(out_.end(), bytes.begin(), bytes.end());
  }
  void address(const IpAddress& address) {
    number(static_cast<std::uint8_t>(address.family()));
    bytes(address.bytes());
  }
  void text(const std::string& text) {
    const auto length = std::min<std::size_t>(text.size(), 255);
    number(static_cast<std::uint8_t>(length));
    bytes({reinterpret_cast<const std::uint8_t*>(text.data()), length});
  }

 private:
  std::vector<std::uint8_t>& out_;
};

// Past the end it gives zeros, and is not good() any more.
class FieldReader {
 public:
  explicit FieldReader(std::span<const std::uint8_t> in) : in_(in) {}
  template <class Number>
  Number number() {
    Number value = 0;
    const auto bytes = take(sizeof value);
    if (!bytes.empty()) std::memcpy(&value, bytes.data(), sizeof value);
    return in_network_order(value);
  }
  std::span<const std::uint8_t> take(std::size_t count) {
    if (count > in_.size()) {
      good_ = false;
      in_ = {};
      return {};
    }
    const auto taken = in_.first(count);
    in_ = in_.subspan(count);
    return taken;
  }
  IpAddress address() {
    const auto family = number<std::uint8_t>();
    const auto bytes = take(family == TD_IPV4 ? 4 : 16);
    if (family == TD_IPV4 && good_) return IpAddress::v4(bytes.first<4>());
    if (family == TD_IPV6 && good_) return IpAddress::v6(bytes.first<16>());
    good_ = false;
    return {};
  }
  std::string text() {
    const auto bytes = take(number<std::uint8_t>());
    return {bytes.begin(), bytes.end()};
  }
  [[nodiscard]] bool good() const { return good_; }
  [[nodiscard]] std::size_t left() const { return in_.size(); }

 private:
  std::span<const std::uint8_t> in_;
  bool good_ = true;
};

}  // namespace tandem::sync
