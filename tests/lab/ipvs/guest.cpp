// SPDX-License-Identifier: Apache-2.0
// Plays a trace from stdin to the kernel it runs on. Only for a machine of its own: it takes the
// whole of IPVS (kernel_side.hpp).
#include <exception>
#include <iostream>

#include "kernel_side.hpp"

int main() try {
  tandem::ipvs::KernelSide side;
  tandem::ipvs::play(std::cin, side, std::cout);
  return 0;
} catch (const std::exception& error) {
  std::cout << "trouble " << error.what() << '\n';
  return 1;
}
