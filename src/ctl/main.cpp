// SPDX-License-Identifier: Apache-2.0
#include <langinfo.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <clocale>
#include <cstdlib>
#include <exception>
#include <iostream>
#include <string_view>

#include "ctl/run.hpp"

namespace {

// A terminal that takes escape sequences.
bool on_terminal() {
  const char* terminal = std::getenv("TERM");
  return ::isatty(STDOUT_FILENO) == 1 && terminal != nullptr &&
         std::string_view(terminal) != "dumb";
}

// https://no-color.org: any value that is not empty
bool wants_colour() {
  const char* no_color = std::getenv("NO_COLOR");
  return on_terminal() && (no_color == nullptr || *no_color == '\0');
}

bool shows_utf8() {
  return std::setlocale(LC_CTYPE, "") != nullptr &&
         std::string_view(::nl_langinfo(CODESET)) == "UTF-8";
}

// 0: it is no terminal, or does not say.
std::size_t columns() {
  winsize size{};
  if (::isatty(STDOUT_FILENO) != 1 || ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0) return 0;
  return size.ws_col;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return tandem::ctl::run({argv + (argc > 0 ? 1 : 0), argv + argc},
                            {.environment_socket = std::getenv("TANDEM_SOCKET"),
                             .colour = wants_colour(),
                             .out = std::cout,
                             .err = std::cerr,
                             .screen = on_terminal() && ::isatty(STDIN_FILENO) == 1,
                             .utf8 = shows_utf8(),
                             .columns = columns()});
  } catch (const std::exception& error) {  // out of memory, at most
    std::cerr << "tandemctl: " << error.what() << '\n';
    return tandem::ctl::kRefused;
  }
}
