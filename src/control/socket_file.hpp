// SPDX-License-Identifier: Apache-2.0
// The file side of a listening UNIX socket: its directory, who may connect, and what was left
// behind by a daemon that was killed.
#pragma once

#include <sys/stat.h>

#include <string>

#include "base/descriptor.hpp"
#include "base/result.hpp"

namespace tandem::control {

struct ListeningSocket {
  Descriptor socket;
  struct stat file {};  // tells whether the file at the path is still this one
};

// Makes missing directories (0755), removes a socket nobody answers on, binds, gives the file mode
// 0660 and only then listens, so that nobody ever connects under another mode.
[[nodiscard]] Result<ListeningSocket> listen_on(const std::string& path,
                                                const std::string& group = "");

// Removes the file if it still is the one that listen_on() made.
void remove_socket(const std::string& path, const struct stat& file);

}  // namespace tandem::control
