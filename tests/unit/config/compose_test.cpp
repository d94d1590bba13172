// SPDX-License-Identifier: Apache-2.0
// One file for both nodes: what it includes, variables, and sections of nodes.
#include "config/compose.hpp"

#include <gtest/gtest.h>

#include <map>

#include "config/load.hpp"

namespace tandem::config {
namespace {

class OneFile : public testing::Test {
 protected:
  Composed composed(std::string_view text, const std::string& node = "") {
    const Sources sources{
        [this](const std::string& path) -> std::expected<std::string, std::string> {
          if (const auto file = files_.find(path); file != files_.end()) return file->second;
          return std::unexpected("No such file or directory");
        },
        [this](const std::string& pattern) {
          std::vector<std::string> paths;
          for (const auto& [path, _] : files_)
            if (path.starts_with(pattern.substr(0, pattern.find('*')))) paths.push_back(path);
          return paths;
        },
        [this](const std::string& name) -> std::optional<std::string> {
          if (const auto known = variables_.find(name); known != variables_.end())
            return known->second;
          return std::nullopt;
        }};
    Problems problems;
    auto result = compose(text, "/etc/tandem/tandem.toml", node, sources, problems);
    said_.clear();
    for (auto& problem : std::move(problems).take()) {
      problem.file = result.files.at(static_cast<std::size_t>(problem.where.file));
      said_ += format(problem, "") + '\n';
    }
    return result;
  }
  // What is at the end of the way, as a file would have it.
  static std::string at(const Composed& composed, std::initializer_list<Step> way) {
    const Value* value = &composed.root;
    for (const auto& step : way) {
      if (const auto* key = std::get_if<std::string_view>(&step)) {
        const Entry* entry = value->find(*key);
        if (entry == nullptr) return "none";
        value = &entry->value;
      } else {
        value = &value->get<Value::Array>()->at(std::get<std::size_t>(step));
      }
    }
    return shown(*value);
  }

  std::map<std::string, std::string> files_, variables_;
  std::string said_;
};

TEST_F(OneFile, IncludesOthersBesideIt) {
  files_ = {{"/etc/tandem/conf.d/a.toml", "[[vrrp]]\nname = \"2\"\n[flows]\nsize = 1\n"},
            {"/etc/tandem/conf.d/b.toml", "include = [\"/srv/x.toml\"]\n[[vrrp]]\nname = \"3\"\n"},
            {"/srv/x.toml", "[flows]\nclosed = \"1s\"\n"}};
  const auto one = composed("include = [\"conf.d/*.toml\"]\n[[vrrp]]\nname = \"1\"\n");
  EXPECT_EQ(said_, "");
  EXPECT_EQ(at(one, {"vrrp", 0U, "name"}), "\"1\"");
  EXPECT_EQ(at(one, {"vrrp", 1U, "name"}), "\"2\"");
  EXPECT_EQ(at(one, {"vrrp", 2U, "name"}), "\"3\"");
  EXPECT_EQ(at(one, {"flows", "size"}), "1");
  EXPECT_EQ(at(one, {"flows", "closed"}), "\"1s\"");
  EXPECT_EQ(at(one, {"include"}), "none");
  EXPECT_EQ(place(one.root, {"vrrp", 2U}).file, 2);
  EXPECT_EQ(one.files.size(), 4U);
}

TEST_F(OneFile, NamesTheFileOfAMistake) {
  files_ = {{"/etc/tandem/a.toml", "\n[flows]\nsize = 1\n"}, {"/etc/tandem/b.toml", "x = = 1\n"}};
  composed("include = [\"a.toml\", \"a.toml\", \"b.toml\", \"c.toml\", 1]\n[flows]\nsize = 2\n");
  // The library's words differ from version to version.
  EXPECT_EQ(said_.substr(0, said_.rfind("syntax error") + 12),
            "/etc/tandem/tandem.toml:1:22: include: /etc/tandem/a.toml is included already, "
            "expected it once\n"
            "/etc/tandem/tandem.toml:1:42: include: /etc/tandem/c.toml: No such file or directory, "
            "expected a readable file\n"
            "/etc/tandem/tandem.toml:1:52: include: 1 is no file, expected an array of files, such "
            "as [\"conf.d/*.toml\"]\n"
            "/etc/tandem/a.toml:3:1: size: is in /etc/tandem/tandem.toml, line 3, too, expected it "
            "once\n"
            "/etc/tandem/b.toml:1:5: syntax error");
}

TEST_F(OneFile, KnowsVariables) {
  variables_ = {{"NAME", "gw-a"}, {"PRIORITY", "150"}, {"YES", "true"}};
  const auto one = composed(
      "a = \"${NAME}\"\nb = \"${PRIORITY}\"\nc = \"x-${PRIORITY}\"\nd = [\"${YES}\"]\n"
      "e = \"${NONE:-7}\"\nf = \"$${NAME} $NAME\"\ng = \"${NONE:-}\"\n");
  EXPECT_EQ(said_, "");
  EXPECT_EQ(at(one, {"a"}), "\"gw-a\"");
  EXPECT_EQ(at(one, {"b"}), "150");
  EXPECT_EQ(at(one, {"c"}), "\"x-150\"");
  EXPECT_EQ(at(one, {"d", 0U}), "true");
  EXPECT_EQ(at(one, {"e"}), "7");
  EXPECT_EQ(at(one, {"f"}), "\"${NAME} $NAME\"");
  EXPECT_EQ(at(one, {"g"}), "\"\"");
  composed("a = \"${NONE}\"\nb = \"x${NAME\"\n");
  EXPECT_EQ(said_,
            "/etc/tandem/tandem.toml:1:5: the environment has no variable \"NONE\", expected it, "
            "or ${NONE:-DEFAULT}, or $${ for a text that is no variable\n"
            "/etc/tandem/tandem.toml:2:5: \"x${NAME\": a variable has no end, expected ${NAME}, or "
            "$${ for ${\n");
}

constexpr const char* kBoth = R"([node]
engine = "xdp"
[node."gw-a"]
http = "off"
vrrp."VI_1".priority = 150
sync = { listen = "192.0.2.2:9106" }
[node."gw-b"]
vrrp."VI_1".priority = 100
[[vrrp]]
name = "VI_1"
priority = 1
[sync]
key_file = "/k"
)";

TEST_F(OneFile, HasASectionForEachNode) {
  const auto a = composed(kBoth, "gw-a");
  EXPECT_EQ(said_, "");
  EXPECT_EQ(at(a, {"node", "name"}), "\"gw-a\"");
  EXPECT_EQ(at(a, {"node", "http"}), "\"off\"");
  EXPECT_EQ(at(a, {"node", "gw-b"}), "none");
  EXPECT_EQ(at(a, {"vrrp", 0U, "priority"}), "150");
  EXPECT_EQ(at(a, {"sync", "listen"}), "\"192.0.2.2:9106\"");
  EXPECT_EQ(at(a, {"sync", "key_file"}), "\"/k\"");
  EXPECT_EQ(a.nodes, (std::vector<std::string>{"gw-a", "gw-b"}));
  variables_["TANDEM_NODE"] = "gw-b";
  const auto b = composed(kBoth);
  EXPECT_EQ(at(b, {"vrrp", 0U, "priority"}), "100");
  EXPECT_EQ(at(b, {"node", "http"}), "none");
  variables_ = {{"HOSTNAME", "gw-a"}};
  EXPECT_EQ(at(composed(kBoth), {"node", "name"}), "\"gw-a\"");
}

TEST_F(OneFile, SaysWhatANodesSectionLacks) {
  composed(kBoth, "gw-c");
  EXPECT_EQ(said_,
            "/etc/tandem/tandem.toml:1:2: node: there is no section [node.\"gw-c\"] for this node, "
            "did you mean \"gw-a\"?; `tandemd --node NAME` says which it is\n");
  composed(
      "[node.a]\nvrrp.VI_9.priority = 1\nvrrp.x = 1\nsync = 3\ncheck = 4\n[[vrrp]]\nname = \"x\"\n",
      "a");
  EXPECT_EQ(
      said_,
      "/etc/tandem/tandem.toml:2:6: vrrp: \"VI_9\" is the name of no [[vrrp]], expected one "
      "that the file has\n"
      "/etc/tandem/tandem.toml:3:10: x: 1 is no table, expected keys of [[vrrp]]\n"
      "/etc/tandem/tandem.toml:4:8: sync: 3 is no table, expected keys of [sync]\n"
      "/etc/tandem/tandem.toml:5:9: check: 4 is no table, expected check.\"NAME\" = { ... }\n");
}

}  // namespace
}  // namespace tandem::config
