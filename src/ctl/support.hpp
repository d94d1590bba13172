// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace tandem::ctl {

// A configuration's text, with passwords and names of users in URLs replaced.
[[nodiscard]] std::string without_secrets(std::string text);

}  // namespace tandem::ctl
