// SPDX-License-Identifier: Apache-2.0
// tandemctl without its process: arguments in, text and an exit status out.
#pragma once

#include <cstddef>
#include <iosfwd>
#include <string>
#include <vector>

#include "ctl/command.hpp"

namespace tandem::ctl {

struct Surroundings {
  const char* environment_socket = nullptr;  // $TANDEM_SOCKET
  bool colour = false;                       // the output is a terminal that wants colours
  std::ostream& out;
  std::ostream& err;
  bool screen = false;      // input and output are a terminal that can be drawn on
  bool utf8 = false;        // and it shows more than ASCII
  std::size_t columns = 0;  // of the output's terminal; 0: it is none
};

// `arguments`: without the program's name.
[[nodiscard]] Exit run(const std::vector<std::string>& arguments, const Surroundings& around);

}  // namespace tandem::ctl
