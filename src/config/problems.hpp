// SPDX-License-Identifier: Apache-2.0
// Collects problems while a file is read.
#pragma once

#include <string>
#include <vector>

#include "config/load.hpp"

namespace tandem::config {

class Problems {
 public:
  void error(Location where, std::string what) { add(Severity::error, where, std::move(what)); }
  void warn(Location where, std::string what) { add(Severity::warning, where, std::move(what)); }
  void add(Severity severity, Location where, std::string what);

  [[nodiscard]] bool any() const { return !found_.empty(); }
  // In the order of the files, and in each of its lines; what was found first stays first at the same place.
  [[nodiscard]] std::vector<Problem> take() &&;

 private:
  std::vector<Problem> found_;
};

}  // namespace tandem::config
