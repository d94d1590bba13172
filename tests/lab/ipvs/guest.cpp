// SPDX-License-Identifier: Apache-2.0
// Plays a trace from stdin to the kernel it runs on, and writes its answers to stdout. Only for a
// machine of its own: it takes the whole of IPVS (kernel_side.hpp).
#include <exception>
#include <iostream>

#include "kernel_side.hpp"

int main() try {
  tandem::ipvs::KernelSide side;
  for (const auto& answer : tandem::ipvs::play(tandem::ipvs::read_trace(std::cin), side))
    tandem::ipvs::write(std::cout, answer);
  return 0;
} catch (const std::exception& error) {
  std::cerr << "ipvs_guest: " << error.what() << '\n';
  return 1;
}
