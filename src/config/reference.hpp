// SPDX-License-Identifier: Apache-2.0
// docs/configuration.md, written from the schema.
#pragma once

#include <ostream>

namespace tandem::config {

void write_reference(std::ostream& out);

}  // namespace tandem::config
