// SPDX-License-Identifier: Apache-2.0
// Prints the configuration reference: tandem-config-reference > docs/configuration.md
#include <iostream>

#include "config/reference.hpp"

int main() {
  tandem::config::write_reference(std::cout);
  return std::cout.flush() ? 0 : 1;
}
