// SPDX-License-Identifier: Apache-2.0
// Golden files: golden/NAME.conf, with NAME.nginx and NAME.peer where they are there, imported on
// node-a, is NAME.toml, and what is said about it is NAME.notes. The result is a configuration that
// tandemd takes. Where they are to differ, TANDEM_WRITE_GOLDEN=1 has it write them anew.
#include <gtest/gtest.h>

#include <cstdlib>

#include "config/load.hpp"
#include "test_files.hpp"

namespace tandem::importer {
namespace {

namespace fs = std::filesystem;

const fs::path kGolden = fs::path(TANDEM_SOURCE) / "tests/unit/ctl/import/golden";

std::vector<std::string> golden_names() {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(kGolden))
    if (entry.path().extension() == ".conf") names.push_back(entry.path().stem().string());
  std::ranges::sort(names);
  return names;
}

std::string listed(const std::vector<Note>& notes) {
  std::string text;
  for (const auto& note : notes)
    text += note.where.to_string() + ": " + to_string(note.kind) + ": " + note.what + '\n';
  return text;
}

void compare(const std::string& file, const std::string& text) {
  if (std::getenv("TANDEM_WRITE_GOLDEN") != nullptr) std::ofstream(kGolden / file) << text;
  std::stringstream golden;
  golden << std::ifstream(kGolden / file).rdbuf();
  EXPECT_EQ(text, golden.str()) << "in " << file;
}

class Golden : public testing::TestWithParam<std::string> {};

TEST_P(Golden, IsWhatItIsImportedAs) {
  const auto& name = GetParam();
  const auto beside = [&](const char* suffix) {
    return fs::exists(kGolden / (name + suffix)) ? name + suffix : std::string();
  };
  const auto imported = import_configuration(
      {name + ".conf", beside(".nginx"), beside(".peer"), "", "node-a", a_machine(), as_tandemd()},
      in_directory(kGolden));
  ASSERT_TRUE(imported) << imported.error().message;
  compare(name + ".toml", imported->written.text);
  compare(name + ".notes", listed(imported->notes));

  const auto lines = std::ranges::count(imported->written.text, '\n');
  EXPECT_EQ(imported->written.origins.size(), static_cast<std::size_t>(lines));
  for (const auto& problem : config::parse(imported->written.text).problems)
    EXPECT_EQ(problem.severity, config::Severity::warning)
        << config::format(problem, name + ".toml");
}

INSTANTIATE_TEST_SUITE_P(Files, Golden, testing::ValuesIn(golden_names()), [](const auto& name) {
  std::string text = name.param;
  std::ranges::replace(text, '-', '_');
  return text;
});

// keepalived's own examples, where its package is installed.
TEST(KeepalivedsSamples, AreImportedToConfigurations) {
  const fs::path samples = "/usr/share/doc/keepalived/samples";
  if (!fs::exists(samples)) GTEST_SKIP() << samples << " is not there";
  const auto files = in_directory(samples);
  std::size_t count = 0;
  for (const auto& entry : fs::directory_iterator(samples)) {
    const auto name = entry.path().filename().string();
    if (!name.starts_with("keepalived.conf.")) continue;
    const auto imported = import_configuration({name, "", "", "n", "high"}, files);
    ASSERT_TRUE(imported) << imported.error().message;
    for (const auto& problem : config::parse(imported->written.text).problems)
      EXPECT_EQ(problem.severity, config::Severity::warning) << config::format(problem, name);
    ++count;
  }
  EXPECT_GE(count, 20U);
}

}  // namespace
}  // namespace tandem::importer
