// SPDX-License-Identifier: Apache-2.0
// vrrp_track_process, as a check that asks for the process each second. keepalived is told by the
// kernel; the check finds out within its interval.
#include <algorithm>
#include <array>

#include "ctl/import/keywords.hpp"
#include "ctl/import/readers.hpp"
#include "ctl/import/value.hpp"

namespace tandem::importer {
namespace {

using Kind = Note::Kind;

constexpr std::array kProcessFates{
    Fate{"param_match", Kind::lost, "arguments of the process are not compared"},
    Fate{"full_command", Kind::lost, "the process is found by its name alone"},
    Fate{"delay", Kind::lost, "the check counts at once"},
    Fate{"terminate_delay", Kind::lost, "the check counts at once"},
    Fate{"fork_delay", Kind::lost, "the check counts at once"},
};

class ProcessReader {
 public:
  explicit ProcessReader(Gateway& gateway) : gateway_(gateway) {}

  Result<void> read(const Statement& block) {
    using R = ProcessReader;
    static constexpr std::array kKeywords{
        Keyword<R>{"process", &R::process, 64},
        Keyword<R>{"weight", &R::weight, 3},
        Keyword<R>{"quorum", &R::quorum},
        Keyword<R>{"quorum_max", &R::quorum_max},
    };
    const auto name = text_at(block);
    if (!name) return std::unexpected(name.error());
    const auto first = gateway_.notes.size();
    read_block<R>(*this, block.inside, kKeywords, kProcessFates, "vrrp_track_process",
                  gateway_.notes);
    if (process_.empty())
      return fail("vrrp_track_process " + *name +
                  ": expected a process in it; without one "
                  "keepalived leaves it out");
    auto& table = result_.table;
    table = {"[[check]]", block.place, {}, {}};
    table.set("name", toml(process_name(*name)), block.place);
    table.set("command", toml(command()), block.place);
    table.set("interval", toml(Duration(std::chrono::seconds(1))), block.place);
    table.set("timeout", toml(Duration(std::chrono::seconds(1))), block.place);
    table.set("fall", "1", block.place);
    table.set("rise", "1", block.place);
    table.comments = gateway_.notes.place_from(first);
    result_.order = gateway_.order;
    if (!gateway_.scripts.emplace(process_name(*name), std::move(result_)).second)
      return fail("vrrp_track_process " + *name + ": there is one already");
    return {};
  }

 private:
  // pgrep compares the 15 characters that the kernel keeps of a name.
  [[nodiscard]] std::vector<std::string> command() const {
    constexpr std::size_t kMost = 15;
    const auto name = process_.substr(0, kMost);
    if (quorum_ == 1 && !quorum_max_) return {"/usr/bin/pgrep", "-x", name};
    std::string line = "n=$(/usr/bin/pgrep -c -x " + shell_quoted(name) + "); test $n -ge " +
                       std::to_string(quorum_max_ == 0 ? 0 : quorum_);
    if (quorum_max_) line += " -a $n -le " + std::to_string(*quorum_max_);
    return shell_command(line);
  }

  Result<void> process(const Statement& s) {
    auto name = text_at(s);
    if (!name) return std::unexpected(name.error());
    if (!process_.empty()) return fail(described(s, "there is one already"));
    process_ = name->substr(name->rfind('/') + 1);
    if (s.words.size() > 2) return fail(described(s, "arguments of the process are not compared"));
    return {};
  }
  Result<void> weight(const Statement& s) {
    const auto weight = integer_at(s, -254, 254);
    if (!weight) return std::unexpected(weight.error());
    result_.weight = static_cast<int>(std::clamp<std::int64_t>(*weight, -253, 253));
    result_.is_reversed = s.word(2) == "reverse";
    return {};
  }
  Result<void> quorum(const Statement& s) {
    const auto quorum = integer_at(s, 1, 65535);
    if (!quorum) return std::unexpected(quorum.error());
    quorum_ = *quorum;
    return {};
  }
  Result<void> quorum_max(const Statement& s) {
    const auto most = integer_at(s, 0, 65535);
    if (!most) return std::unexpected(most.error());
    quorum_max_ = *most;
    return {};
  }

  Gateway& gateway_;
  TrackedScript result_;
  std::string process_;
  std::int64_t quorum_ = 1;
  std::optional<std::int64_t> quorum_max_;  // 0: the process may not be there
};

}  // namespace

std::string process_name(const std::string& name) {
  return "process " + name;
}

Result<void> read_track_process(const Statement& block, Gateway& gateway) {
  return ProcessReader(gateway).read(block);
}

}  // namespace tandem::importer
