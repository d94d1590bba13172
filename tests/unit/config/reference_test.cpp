// SPDX-License-Identifier: Apache-2.0
#include "config/reference.hpp"

#include <gtest/gtest.h>

#include <sstream>

#include "source_files.hpp"

namespace tandem::config {
namespace {

TEST(Reference, IsWhatTheSchemaSays) {
  std::ostringstream text;
  write_reference(text);
  EXPECT_EQ(text.str(), read_text(source_path("docs/configuration.md")))
      << "run build/src/config/tandem-config-reference > docs/configuration.md";
}

}  // namespace
}  // namespace tandem::config
