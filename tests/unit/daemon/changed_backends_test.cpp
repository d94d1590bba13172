// SPDX-License-Identifier: Apache-2.0
#include "daemon/changed_backends.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "daemon/kept_file.hpp"
#include "parts.hpp"

namespace tandem::daemon {
namespace {

namespace fs = std::filesystem;

class ChangedAtRunTime : public testing::Test {
 protected:
  ChangedAtRunTime() {
    fs::create_directories(directory_);
    config_.node.control_socket = directory_ / "control.sock";
  }
  ~ChangedAtRunTime() override { fs::remove_all(directory_); }

  // A process begins.
  void start() {
    running_ = Running{};
    running_.plan.config = backends_.restore(config_);
  }
  std::string change(const char* action, const char* address, std::optional<std::uint16_t> port) {
    control::BackendRequest request;
    request.action = action;
    request.service = "web";
    request.backend = {*IpAddress::parse(address), port};
    const auto done = backends_.change(request);
    return done ? "" : done.error().message;
  }
  [[nodiscard]] std::vector<std::uint16_t> ports() const {
    std::vector<std::uint16_t> ports;
    for (const auto& backend : running_.plan.config.services[0].backends)
      ports.push_back(backend.port);
    return ports;
  }

  fs::path directory_ = fs::path(testing::TempDir()) / ("backends-" + std::to_string(getpid()));
  config::Config config_ = parsed(kNode);
  Running running_;
  ChangedBackends backends_{running_, [this](const config::Config& config) -> Result<void> {
                              running_.plan.config = config;
                              return {};
                            }};
};

TEST_F(ChangedAtRunTime, AreThereAfterARestart) {
  start();
  EXPECT_EQ(ports(), (std::vector<std::uint16_t>{8080, 8080}));
  EXPECT_EQ(change("add", "203.0.113.3", std::nullopt), "");
  EXPECT_EQ(change("remove", "203.0.113.1", std::nullopt), "");
  EXPECT_EQ(ports(), (std::vector<std::uint16_t>{8080, 80}));
  start();
  EXPECT_EQ(ports(), (std::vector<std::uint16_t>{8080, 80}));
  EXPECT_EQ(change("reset", "203.0.113.1", std::nullopt), "");
  EXPECT_EQ(change("remove", "203.0.113.3", std::nullopt), "");
  start();
  EXPECT_EQ(ports(), (std::vector<std::uint16_t>{8080, 8080}));
  EXPECT_TRUE(running_.backend_changes.empty());
}

TEST_F(ChangedAtRunTime, AreNotWhereTheyCannotBeKept) {
  config_.node.backends_file = directory_ / "missing" / "backends.toml";
  start();
  EXPECT_NE(change("add", "203.0.113.3", 80), "");
  EXPECT_EQ(ports(), (std::vector<std::uint16_t>{8080, 8080}));
  EXPECT_TRUE(running_.backend_changes.empty());
}

TEST_F(ChangedAtRunTime, AFileThatCannotBeReadIsPutAside) {
  std::ofstream(directory_ / "backends.toml") << "[[backend]]\nservice = 3\n";
  start();
  EXPECT_EQ(ports(), (std::vector<std::uint16_t>{8080, 8080}));
  EXPECT_TRUE(fs::exists(directory_ / "backends.toml.refused"));
}

TEST_F(ChangedAtRunTime, ARequestIsCheckedFirst) {
  start();
  EXPECT_EQ(change("grow", "203.0.113.3", 80),
            "argument \"action\": expected \"add\", \"remove\", \"set\" or \"reset\"");
  EXPECT_EQ(change("add", "203.0.113.1", 9090), "");
  EXPECT_EQ(change("remove", "203.0.113.1", std::nullopt),
            "service 'web' has several backends at 203.0.113.1, expected one with its port");
}

}  // namespace
}  // namespace tandem::daemon
