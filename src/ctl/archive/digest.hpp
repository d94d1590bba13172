// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace tandem::archive {

[[nodiscard]] std::string sha256(std::string_view content);  // in hexadecimal

}  // namespace tandem::archive
