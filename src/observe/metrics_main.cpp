// SPDX-License-Identifier: Apache-2.0
// Prints the reference of the metrics: tandem-metrics-reference > docs/metrics.md
#include <iostream>

#include "observe/metrics.hpp"

int main() {
  std::cout << tandem::observe::metrics_reference();
  return std::cout.flush() ? 0 : 1;
}
