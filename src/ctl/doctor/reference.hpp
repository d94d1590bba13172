// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <iosfwd>

namespace tandem::doctor {

// docs/doctor.md, from the catalogue.
void write_reference(std::ostream& out);

}  // namespace tandem::doctor
