// SPDX-License-Identifier: Apache-2.0
#include "observe/stub_status.hpp"

#include <algorithm>
#include <charconv>

namespace tandem::observe {
namespace {

// Takes words and numbers off the front of a text, whatever white space is in between.
class Reader {
 public:
  explicit Reader(std::string_view text) : rest_(text) {}

  Reader& word(std::string_view expected) {
    skip_space();
    good_ = good_ && rest_.starts_with(expected);
    if (good_) rest_.remove_prefix(expected.size());
    return *this;
  }
  Reader& number(std::uint64_t& out) {
    skip_space();
    const auto [end, error] = std::from_chars(rest_.data(), rest_.data() + rest_.size(), out);
    good_ = good_ && error == std::errc{};
    if (good_) rest_.remove_prefix(static_cast<std::size_t>(end - rest_.data()));
    return *this;
  }
  [[nodiscard]] bool good() const { return good_; }

 private:
  void skip_space() {
    rest_.remove_prefix(std::min(rest_.find_first_not_of(" \r\n"), rest_.size()));
  }
  std::string_view rest_;
  bool good_ = true;
};

}  // namespace

std::optional<StubStatus> StubStatus::parse(std::string_view text) {
  StubStatus s;
  Reader reader(text);
  reader.word("Active connections:").number(s.active);
  reader.word("server accepts handled requests");
  reader.number(s.accepted).number(s.handled).number(s.requests);
  reader.word("Reading:").number(s.reading).word("Writing:").number(s.writing);
  reader.word("Waiting:").number(s.waiting);
  if (!reader.good()) return std::nullopt;
  return s;
}

}  // namespace tandem::observe
