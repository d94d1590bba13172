// SPDX-License-Identifier: Apache-2.0
#include <unistd.h>

#include <cstdlib>
#include <exception>
#include <iostream>
#include <string_view>

#include "ctl/run.hpp"

namespace {

// https://no-color.org: any value that is not empty
bool wants_colour() {
  const char* no_color = std::getenv("NO_COLOR");
  const char* terminal = std::getenv("TERM");
  return ::isatty(STDOUT_FILENO) == 1 && (no_color == nullptr || *no_color == '\0') &&
         terminal != nullptr && std::string_view(terminal) != "dumb";
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return tandem::ctl::run({argv + (argc > 0 ? 1 : 0), argv + argc},
                            {std::getenv("TANDEM_SOCKET"), wants_colour(), std::cout, std::cerr});
  } catch (const std::exception& error) {  // out of memory, at most
    std::cerr << "tandemctl: " << error.what() << '\n';
    return tandem::ctl::kRefused;
  }
}
