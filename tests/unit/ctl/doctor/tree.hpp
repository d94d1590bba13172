// SPDX-License-Identifier: Apache-2.0
// A directory that looks like the root of a machine, and goes with the test; and what tests ask of
// findings.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "config/config.hpp"
#include "ctl/doctor/finding.hpp"
#include "ctl/doctor/root.hpp"

namespace tandem::doctor {

class Tree {
 public:
  Tree() {
    std::string name = (std::filesystem::temp_directory_path() / "tandem-doctor-XXXXXX").string();
    directory_ = mkdtemp(name.data());
  }
  ~Tree() { std::filesystem::remove_all(directory_); }
  Tree(const Tree&) = delete;
  Tree& operator=(const Tree&) = delete;

  Tree& file(const std::string& name, const std::string& text) {
    make_parent(name);
    std::ofstream(directory_ / name) << text << '\n';
    return *this;
  }
  Tree& link(const std::string& name, const std::string& target) {
    make_parent(name);
    std::filesystem::create_symlink(target, directory_ / name);
    return *this;
  }
  [[nodiscard]] Root root() const { return Root(directory_); }
  [[nodiscard]] std::filesystem::path path(const std::string& name) const {
    return directory_ / name;
  }

 private:
  void make_parent(const std::string& name) {
    std::filesystem::create_directories((directory_ / name).parent_path());
  }
  std::filesystem::path directory_;
};

// Those of one check, the worst first.
inline std::vector<Finding> of(Check check, Findings&& findings) {
  auto all = std::move(findings).take();
  std::erase_if(all, [&](const Finding& finding) { return finding.check != check; });
  return all;
}

// The worst that was found of a check; fails the test if it was not looked at.
inline Finding worst(Check check, Findings&& findings) {
  const auto all = of(check, std::move(findings));
  EXPECT_FALSE(all.empty()) << describe(check).name << " was not judged";
  return all.empty() ? Finding{} : all.front();
}

inline IpAddress ip(const char* text) {
  return IpAddress::parse(text).value();
}
inline IpPrefix prefix(const char* text) {
  return IpPrefix::parse(text).value();
}
inline MacAddress mac(std::uint8_t last) {
  return {{2, 0, 0, 0, 0, last}};
}

inline config::Interface interface(const char* name) {
  config::Interface interface;
  interface.name = name;
  return interface;
}
inline config::Backend backend(const char* address) {
  config::Backend backend;
  backend.address = ip(address);
  return backend;
}

// eth0 with virtual router VI_1, VRID 51, 192.0.2.100/24, priority 100.
inline config::Config one_router() {
  config::Config config;
  config.interfaces.push_back(interface("eth0"));
  config::Vrrp router;
  router.name = "VI_1";
  router.interface = "eth0";
  router.vrid = 51;
  router.addresses.push_back({prefix("192.0.2.100/24"), "", ""});
  config.vrrp.push_back(router);
  return config;
}

inline config::Service service(config::Forward forward, std::uint16_t port = 80) {
  config::Service service;
  service.name = "web";
  service.address = ip("192.0.2.100");
  service.port = port;
  service.forward = forward;
  return service;
}

}  // namespace tandem::doctor
