// SPDX-License-Identifier: Apache-2.0
// Network namespaces of the test's own. They have no name and go with their last descriptor, so
// that nothing is left behind, however a test ends.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sched.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>
#include <thread>

#include "base/address.hpp"
#include "base/descriptor.hpp"
#include "base/time.hpp"

namespace tandem::netlink {

inline Descriptor current_namespace() {
  return Descriptor(open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC));
}

// Runs this thread in another namespace for as long as it lives.
class Inside {
 public:
  explicit Inside(const Descriptor& there) : back_(current_namespace()) {
    EXPECT_EQ(setns(there.get(), CLONE_NEWNET), 0);
  }
  ~Inside() { EXPECT_EQ(setns(back_.get(), CLONE_NEWNET), 0); }
  Inside(const Inside&) = delete;
  Inside& operator=(const Inside&) = delete;

 private:
  Descriptor back_;
};

// A command in this thread's namespace; what it printed.
inline std::string run(const std::string& command) {
  std::string output;
  FILE* pipe = popen((command + " 2>&1").c_str(), "re");
  if (!pipe) return output;
  std::array<char, 4096> piece;
  while (const auto got = fread(piece.data(), 1, piece.size(), pipe))
    output.append(piece.data(), got);
  EXPECT_EQ(pclose(pipe), 0) << command << "\n" << output;
  return output;
}

inline void set_sysctl(const std::string& path, const std::string& value) {
  std::ofstream file("/proc/sys/" + path);
  file << value << std::flush;
  EXPECT_TRUE(file.good()) << path;
}

// veth0 in the test's namespace, veth1 in that of `peer`, both up.
//
//   [ test: veth0 ] ---- [ peer: veth1 ]
class NamespaceTest : public testing::Test {
 protected:
  void SetUp() override {
    if (geteuid() != 0) GTEST_SKIP() << "needs root, to make network namespaces";
    before_ = current_namespace();
    ASSERT_EQ(unshare(CLONE_NEWNET), 0);
    peer_ = current_namespace();
    ASSERT_EQ(unshare(CLONE_NEWNET), 0);
    add_veth();
  }
  void TearDown() override {
    if (!before_) return;
    EXPECT_EQ(setns(before_.get(), CLONE_NEWNET), 0);
  }

  void add_veth() {
    run("ip link add veth0 address 02:00:00:00:00:01 type veth peer name veth1 address "
        "02:00:00:00:00:02 netns /proc/" +
        std::to_string(getpid()) + "/fd/" + std::to_string(peer_.get()));
    run("ip link set veth0 up");
    in_peer("ip link set veth1 up");
  }
  std::string in_peer(const std::string& command) {
    const Inside peer(peer_);
    return run(command);
  }

  // Lets `object` work off its descriptor and its deadlines until `done`, for 15 s at most.
  template <class Object, class Condition>
  static bool wait_until(Object& object, const Condition& done) {
    const auto end = MonotonicClock::now() + std::chrono::seconds(15);
    while (!done()) {
      if (MonotonicClock::now() > end) return false;
      pollfd ready{object.fd(), POLLIN, 0};
      poll(&ready, 1, 20);
      if constexpr (requires { object.process(MonotonicTime{}); })
        object.process(MonotonicClock::now());
      else
        EXPECT_TRUE(object.process());
    }
    return true;
  }

  Descriptor before_;
  Descriptor peer_;
};

inline IpAddress ip(const char* text) {
  return IpAddress::parse(text).value();
}
inline IpPrefix prefix(const char* text) {
  return IpPrefix::parse(text).value();
}

}  // namespace tandem::netlink
