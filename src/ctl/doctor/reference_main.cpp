// SPDX-License-Identifier: Apache-2.0
// Prints the list of checks: tandem-doctor-reference > docs/doctor.md
#include <iostream>

#include "ctl/doctor/reference.hpp"

int main() {
  tandem::doctor::write_reference(std::cout);
  return std::cout.flush() ? 0 : 1;
}
