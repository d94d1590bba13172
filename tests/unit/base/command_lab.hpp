// SPDX-License-Identifier: Apache-2.0
// What tests of commands need: a directory below one that only root can write (which /tmp is not),
// and to see whether a process is gone.
#pragma once

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>

namespace tandem::testing {

// Removes itself with all that is in it.
class SafeDirectory {
 public:
  SafeDirectory() {
    std::string name = "/run/tandem-test-XXXXXX";
    if (::geteuid() == 0 && ::mkdtemp(name.data()) != nullptr) {
      path_ = name;
      ::chmod(path_.c_str(), 0755);
    }
  }
  SafeDirectory(const SafeDirectory&) = delete;
  SafeDirectory& operator=(const SafeDirectory&) = delete;
  ~SafeDirectory() {
    if (path_.empty()) return;
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }

  [[nodiscard]] bool usable() const { return !path_.empty(); }
  [[nodiscard]] std::string operator/(const std::string& name) const { return path_ + "/" + name; }

  // An executable shell script; returns its path.
  std::string script(const std::string& name, const std::string& body, mode_t mode = 0755) const {
    const std::string path = *this / name;
    std::ofstream(path) << "#!/bin/sh\n" << body << "\n";
    ::chmod(path.c_str(), mode);
    return path;
  }

 private:
  std::string path_;
};

// Lets the loop work for 10 ms, also when it has nothing to do.
inline void run_for_a_while(boost::asio::io_context& loop) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(10);
  loop.restart();
  loop.run_until(end);
  std::this_thread::sleep_until(end);
}

// Whether the process exists and is more than a zombie that waits for its parent.
inline bool is_alive(pid_t pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
  std::string text;
  if (!std::getline(file, text)) return false;
  const auto paren = text.rfind(')');
  return paren != std::string::npos && paren + 2 < text.size() && text[paren + 2] != 'Z';
}

}  // namespace tandem::testing
