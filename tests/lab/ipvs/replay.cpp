// SPDX-License-Identifier: Apache-2.0
// Plays a trace from stdin to Tandem, or to the unit tests' model of IPVS (trace.hpp).
#include <exception>
#include <iostream>
#include <string_view>

#include "model_side.hpp"
#include "tandem_side.hpp"

int main(int count, char** arguments) try {
  const std::string_view who = count == 2 ? arguments[1] : "";
  if (who == "tandem") {
    tandem::ipvs::TandemSide side;
    tandem::ipvs::play(std::cin, side, std::cout);
  } else if (who == "model") {
    tandem::ipvs::ModelSide side;
    tandem::ipvs::play(std::cin, side, std::cout);
  } else {
    std::cerr << "usage: tandem-ipvs-replay tandem|model <TRACE\n";
    return 2;
  }
  return 0;
} catch (const std::exception& error) {
  std::cerr << "tandem-ipvs-replay: " << error.what() << '\n';
  return 1;
}
