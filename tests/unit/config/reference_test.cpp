// SPDX-License-Identifier: Apache-2.0
#include "config/reference.hpp"

#include <gtest/gtest.h>

#include <sstream>

#include "../meanings.hpp"
#include "source_files.hpp"

namespace tandem::config {
namespace {

TEST(Reference, IsWhatTheSchemaSays) {
  std::ostringstream text;
  write_reference(text);
  EXPECT_EQ(text.str(), read_text(source_path("docs/configuration.md")))
      << "run build/src/tandem-reference config > docs/configuration.md";
}

// A reader who was led to one row by a search sees that row alone.
TEST(Reference, HasMeaningsThatStandAlone) {
  std::ostringstream text;
  write_reference(text);
  std::istringstream lines(text.str());
  int rows = 0;
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with("| `")) continue;
    const auto end = line.rfind(" |"), begin = line.rfind("| ", end - 1) + 2;
    const std::string meaning = line.substr(begin, end - begin);
    rows++;
    EXPECT_FALSE(leans_on_another(meaning)) << line;
  }
  EXPECT_GT(rows, 80);
}

}  // namespace
}  // namespace tandem::config
