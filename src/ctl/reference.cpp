// SPDX-License-Identifier: Apache-2.0
// Prints the pages of docs/ that are written from the code: tandem-reference config, metrics or
// doctor.
#include <iostream>
#include <string_view>

#include "config/reference.hpp"
#include "ctl/doctor/reference.hpp"
#include "observe/metrics.hpp"

int main(int argc, char** argv) {
  const std::string_view name = argc == 2 ? argv[1] : "";
  if (name == "config") {
    tandem::config::write_reference(std::cout);
  } else if (name == "metrics") {
    std::cout << tandem::observe::metrics_reference();
  } else if (name == "doctor") {
    tandem::doctor::write_reference(std::cout);
  } else {
    std::cerr << "tandem-reference: expected one of config, metrics, doctor\n";
    return 2;
  }
  return std::cout.flush() ? 0 : 1;
}
