// SPDX-License-Identifier: Apache-2.0
// Words of a statement as values. What cannot be read is an error with place, word and what was
// expected: keepalived goes on with a default of its own there, which nobody has asked for.
#pragma once

#include <limits>

#include "base/address.hpp"
#include "base/time.hpp"
#include "import/tree.hpp"

namespace tandem::importer {

// "KEYWORD: 'WORD', expected ..." at the statement's place.
[[nodiscard]] std::unexpected<Error> unexpected_word(const Statement& statement, std::size_t n,
                                                     const std::string& expected);

[[nodiscard]] Result<std::string> text_at(const Statement& statement, std::size_t n = 1);
[[nodiscard]] Result<std::int64_t> integer_at(const Statement& statement, std::int64_t lowest,
                                              std::int64_t highest, std::size_t n = 1);
// Seconds, with decimals, to the microsecond.
[[nodiscard]] Result<Duration> seconds_at(const Statement& statement, Duration lowest,
                                          Duration highest, std::size_t n = 1);
// on|true|yes, off|false|no; without a word: on.
[[nodiscard]] Result<bool> flag_at(const Statement& statement, std::size_t n = 1);
[[nodiscard]] Result<IpAddress> address_at(const Statement& statement, std::size_t n = 1);

}  // namespace tandem::importer
