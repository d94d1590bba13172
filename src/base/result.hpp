// SPDX-License-Identifier: Apache-2.0
// The one error policy of control code: a Result, whose Error is a sentence for the operator.
// The data path uses verdicts instead; exceptions are for start-up only.
#pragma once

#include <cerrno>
#include <cstring>
#include <expected>
#include <string>
#include <utility>

namespace tandem {

struct Error {
  std::string message;  // what went wrong, where, and what was expected or would cure it
};

template <class T>
using Result = std::expected<T, Error>;

[[nodiscard]] inline std::unexpected<Error> fail(std::string message) {
  return std::unexpected(Error{std::move(message)});
}

// "WHAT: strerror(code)"; by default the code is errno.
[[nodiscard]] inline std::unexpected<Error> fail_errno(const std::string& what, int code = errno) {
  return fail(what + ": " + std::strerror(code));
}

}  // namespace tandem
