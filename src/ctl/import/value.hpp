// SPDX-License-Identifier: Apache-2.0
// Words of a statement as values. What cannot be read is an error with the word and what was
// expected, without a place: whoever reads the statement notes it there, and goes on, as keepalived
// does.
#pragma once

#include <limits>

#include "base/address.hpp"
#include "base/time.hpp"
#include "ctl/import/notes.hpp"
#include "ctl/import/tree.hpp"

namespace tandem::importer {

// "KEYWORD: 'WORD', expected ...".
[[nodiscard]] std::unexpected<Error> unexpected_word(const Statement& statement, std::size_t n,
                                                     const std::string& expected);

[[nodiscard]] Result<std::string> text_at(const Statement& statement, std::size_t n = 1);
[[nodiscard]] Result<std::int64_t> integer_at(const Statement& statement, std::int64_t lowest,
                                              std::int64_t highest, std::size_t n = 1);
// Seconds, with decimals, to the microsecond.
[[nodiscard]] Result<Duration> seconds_at(const Statement& statement, Duration lowest,
                                          Duration highest, std::size_t n = 1);
// As integer_at, but what stands behind the digits is left out with a note: most numbers keepalived
// reads like this.
[[nodiscard]] Result<std::int64_t> leading_integer_at(const Statement& statement,
                                                      std::int64_t lowest, std::int64_t highest,
                                                      Notes& notes, std::size_t n = 1);
// The same where Tandem's limits are narrower than keepalived's: the nearest that is possible, with a
// note.
[[nodiscard]] Result<std::int64_t> integer_within(const Statement& statement, std::int64_t lowest,
                                                  std::int64_t highest, Notes& notes,
                                                  std::size_t n = 1);
// What keepalived reads as whole seconds, up to 4294: decimals are left out.
[[nodiscard]] Result<Duration> whole_seconds_within(const Statement& statement, Duration lowest,
                                                    Duration highest, Notes& notes,
                                                    std::size_t n = 1);
[[nodiscard]] Result<Duration> seconds_within(const Statement& statement, Duration lowest,
                                              Duration highest, Notes& notes, std::size_t n = 1);
// on|true|yes, off|false|no; without a word: on.
[[nodiscard]] Result<bool> flag_at(const Statement& statement, std::size_t n = 1);
// A length or a range behind it is left out, as keepalived does.
[[nodiscard]] Result<IpAddress> address_at(const Statement& statement, std::size_t n = 1);

}  // namespace tandem::importer
