// SPDX-License-Identifier: Apache-2.0
// The files in configs/, and the blocks of TOML in the documentation.
//
// NAME-a.toml and NAME-b.toml are the two nodes of a pair: they have to agree.
#include <gtest/gtest.h>

#include "config/load.hpp"
#include "config/schema.hpp"
#include "source_files.hpp"

namespace tandem::config {
namespace {

std::string listed(const Loaded& loaded, const std::string& file) {
  std::string text;
  for (const auto& problem : loaded.problems) text += format(problem, file) + '\n';
  return text;
}

std::string test_name(const testing::TestParamInfo<std::filesystem::path>& file) {
  auto name = file.param.stem().string();
  std::ranges::replace(name, '-', '_');
  return name;
}

class ShippedFile : public testing::TestWithParam<std::filesystem::path> {};

// But for an engine that this build has not.
TEST_P(ShippedFile, HasNoProblem) {
  const auto path = GetParam().string();
  const auto loaded = load_file(path);
  const bool refused = loaded.config.node.engine == "dpdk" && !kHasDpdk;
  EXPECT_EQ(loaded.problems.size(), refused ? 1U : 0U) << listed(loaded, path);
}

INSTANTIATE_TEST_SUITE_P(Configs, ShippedFile, testing::ValuesIn(toml_files("configs")), test_name);

std::vector<std::filesystem::path> first_nodes() {
  auto files = toml_files("configs");
  std::erase_if(files, [](const auto& path) { return !path.stem().string().ends_with("-a"); });
  return files;
}

class ShippedPair : public testing::TestWithParam<std::filesystem::path> {
 protected:
  ShippedPair() {
    auto name = GetParam().stem().string();
    name.back() = 'b';
    a_ = load_file(GetParam().string()).config;
    b_ = load_file((GetParam().parent_path() / (name + ".toml")).string()).config;
  }
  Config a_, b_;
};

TEST_P(ShippedPair, DiffersInNameAndPriorityOnly) {
  ASSERT_FALSE(a_.vrrp.empty());
  ASSERT_EQ(a_.vrrp.size(), b_.vrrp.size());
  EXPECT_EQ(a_.node.name, "node-a");
  EXPECT_EQ(b_.node.name, "node-b");
  b_.node.name = a_.node.name;
  for (std::size_t i = 0; i < a_.vrrp.size(); ++i) b_.vrrp[i].priority = a_.vrrp[i].priority;
  EXPECT_EQ(a_, b_);
}

TEST_P(ShippedPair, HasPrioritiesThatCrossAndWeightsThatMove) {
  std::size_t at_home_on_b = 0;
  ASSERT_EQ(a_.vrrp.size(), b_.vrrp.size());
  for (std::size_t i = 0; i < a_.vrrp.size(); ++i) {
    const auto [low, high] = std::minmax(a_.vrrp[i].priority, b_.vrrp[i].priority);
    EXPECT_LT(low, high) << a_.vrrp[i].name;
    for (const auto& track : a_.vrrp[i].track)
      EXPECT_LT(high + track.weight.value_or(-255), low) << a_.vrrp[i].name << ": nothing moves";
    at_home_on_b += b_.vrrp[i].priority == high ? 1U : 0U;
  }
  // One router is node a's; of two, each node has one.
  EXPECT_EQ(at_home_on_b, a_.vrrp.size() / 2);
}

INSTANTIATE_TEST_SUITE_P(Configs, ShippedPair, testing::ValuesIn(first_nodes()), test_name);

// ---- documentation ---------------------------------------------------------

struct Block {
  std::string where;  // file and line
  std::string text;
};

std::vector<std::filesystem::path> pages() {
  std::vector<std::filesystem::path> files{source_path("README.md")};
  for (const auto& entry : std::filesystem::recursive_directory_iterator(source_path("docs")))
    if (entry.path().extension() == ".md") files.push_back(entry.path());
  std::ranges::sort(files);
  return files;
}

// The blocks between ```toml and ```. Those that name a file after "toml" are excerpts of it, which
// tools/check-docs compares.
std::vector<Block> toml_blocks() {
  std::vector<Block> blocks;
  for (const auto& path : pages()) {
    std::ifstream file(path);
    bool inside = false;
    int number = 0;
    for (std::string line; std::getline(file, line);) {
      ++number;
      if (inside && line == "```") {
        inside = false;
      } else if (inside) {
        blocks.back().text += line + '\n';
      } else if (line == "```toml") {
        inside = true;
        blocks.push_back({path.string() + ":" + std::to_string(number), ""});
      }
    }
  }
  return blocks;
}

// A block shows what its page is about. What a configuration needs besides is put behind it, so
// that the lines of problems stay those of the block.
std::string completed(const std::string& block) {
  struct Part {
    const char* sign;
    const char* text;
  };
  constexpr Part kParts[] = {
      {"[node]", "[node]\nname = \"node-a\"\n"},
      {"name = \"eth0\"", "[[interface]]\nname = \"eth0\"\n"},
      {"name = \"eth1\"", "[[interface]]\nname = \"eth1\"\n"},
      {"[[check]]", "[[check]]\nname = \"nginx\"\nhttp = \"http://127.0.0.1:10080/health\"\n"},
      {"[[vrrp]]",
       "[[vrrp]]\nname = \"VI_1\"\ninterface = \"eth0\"\nvrid = 51\npriority = 90\n"
       "addresses = [\"192.0.2.100/24\", \"192.0.2.101/24\"]\n"},
  };
  std::string text = block;
  for (const auto& part : kParts)
    if (!block.contains(part.sign)) text += part.text;
  return text;
}

TEST(Documentation, TomlBlocksAreConfigurations) {
  for (const auto& block : toml_blocks())
    EXPECT_EQ(listed(parse(completed(block.text)), "line"), "")
        << block.where << ": if it is an excerpt, say of which file: ```toml configs/node-a.toml";
}

}  // namespace
}  // namespace tandem::config
