// SPDX-License-Identifier: Apache-2.0
// vrrp_script, and the lists that refer to one.
#include <array>

#include "import/keywords.hpp"
#include "import/readers.hpp"
#include "import/value.hpp"

namespace tandem::importer {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::array kScriptFates{
    Fate{"init_fail", Note::Kind::lost,
         "a check's first run decides; until then it neither passes nor fails"},
};

class ScriptReader {
 public:
  ScriptReader(const Statement& block, Gateway& gateway) : gateway_(gateway) {
    result_.table = {"[[check]]", block.place, {}, {}};
  }

  Result<void> read(const Statement& block) {
    static constexpr std::array kKeywords{
        Keyword<ScriptReader>{"script", &ScriptReader::script},
        Keyword<ScriptReader>{"interval", &ScriptReader::interval},
        Keyword<ScriptReader>{"timeout", &ScriptReader::timeout},
        Keyword<ScriptReader>{"weight", &ScriptReader::weight, 3},
        Keyword<ScriptReader>{"rise", &ScriptReader::rise},
        Keyword<ScriptReader>{"fall", &ScriptReader::fall},
        Keyword<ScriptReader>{"user", &ScriptReader::user, 3},
    };
    const auto name = text_at(block);
    if (!name) return std::unexpected(name.error());
    result_.table.set("name", toml(*name), block.place);
    const auto first = gateway_.notes.size();
    auto done = read_block<ScriptReader>(*this, block.inside, kKeywords, kScriptFates,
                                         "vrrp_script", gateway_.notes);
    if (!done) return done;
    if (script_.text.empty()) return fail_at(block.place, "vrrp_script: expected a script in it");
    set_command();
    set_times(block.place);
    result_.table.comments = gateway_.notes.place_from(first);
    gateway_.scripts.insert_or_assign(*name, std::move(result_));
    return {};
  }

 private:
  Result<void> script(const Statement& s) {
    auto script = script_at(s, 1, {}, {});
    if (!script) return std::unexpected(script.error());
    if (s.words.size() > 2)
      return unexpected_word(s, 2, "the script and its arguments in one pair of quotes");
    script_ = *script;
    return {};
  }

  Result<void> user(const Statement& s) {
    const auto user = text_at(s);
    if (!user) return std::unexpected(user.error());
    user_ = *user;
    group_ = s.word(2);
    return {};
  }

  Result<void> interval(const Statement& s) {
    const auto interval = seconds_at(s, milliseconds(10), hours(1));
    if (!interval) return std::unexpected(interval.error());
    interval_ = *interval;
    result_.table.set("interval", toml(*interval), s.place);
    return {};
  }
  Result<void> timeout(const Statement& s) {
    const auto timeout = seconds_at(s, milliseconds(1), hours(1));
    if (!timeout) return std::unexpected(timeout.error());
    result_.table.set("timeout", toml(*timeout), s.place);
    return {};
  }
  Result<void> weight(const Statement& s) {
    const auto weight = integer_at(s, -253, 253);
    if (!weight) return std::unexpected(weight.error());
    result_.weight = static_cast<int>(*weight);
    result_.is_reversed = s.word(2) == "reverse";
    return {};
  }
  Result<void> rise(const Statement& s) { return count("rise", s); }
  Result<void> fall(const Statement& s) { return count("fall", s); }
  Result<void> count(const char* key, const Statement& s) {
    const auto number = integer_at(s, 1, 100);
    if (!number) return std::unexpected(number.error());
    result_.table.set(key, std::to_string(*number), s.place);
    return {};
  }

  void set_command() {
    script_.user = user_.empty() ? gateway_.defaults.user : user_;
    script_.group = user_.empty() ? gateway_.defaults.group : group_;
    if (script_.user.empty()) gateway_.has_scripts = true;
    result_.table.set("command", toml(command_of(script_)), script_.place);
  }

  // keepalived's defaults, which are not Tandem's. Without a timeout a run may take an interval.
  void set_times(const Place& place) {
    auto& table = result_.table;
    if (table.find("interval") == nullptr) table.set("interval", toml(interval_), place);
    if (table.find("timeout") == nullptr) table.set("timeout", toml(interval_), place);
    for (const char* key : {"rise", "fall"})
      if (table.find(key) == nullptr) table.set(key, "1", place);
  }

  Gateway& gateway_;
  TrackedScript result_;
  Script script_;
  std::string user_, group_;
  Duration interval_ = seconds(1);
};

}  // namespace

Result<void> read_vrrp_script(const Statement& block, Gateway& gateway) {
  return ScriptReader(block, gateway).read(block);
}

// NAME [weight N [reverse|noreverse]]
Result<void> read_tracked(const Statement& block, std::string_view kind,
                          std::vector<Tracked>& tracked, Gateway& gateway) {
  for (const auto& s : block.inside) {
    Tracked item{std::string(kind), s.keyword(), {}, false, s.place};
    for (std::size_t n = 1; n < s.words.size(); ++n) {
      if (s.words[n] == "weight") {
        const auto weight = integer_at(s, -253, 253, ++n);
        if (!weight) return std::unexpected(weight.error());
        item.weight = static_cast<int>(*weight);
      } else if (s.words[n] == "reverse") {
        item.is_reversed = true;
      } else if (s.words[n] != "noreverse" && s.words[n] != "no_reverse") {
        return unexpected_word(s, n, "weight N, reverse or noreverse");
      }
    }
    if (kind == "check") {
      const auto script = gateway.scripts.find(item.name);
      if (script == gateway.scripts.end()) {
        gateway.notes.trap(s.place, described(s,
                                              "there is no such vrrp_script; keepalived "
                                              "ignores this, too"));
        continue;
      }
      if (!item.weight) {
        item.weight = script->second.weight;
        item.is_reversed |= script->second.is_reversed;
      }
    } else {
      gateway.interfaces.emplace(item.name, s.place);
    }
    tracked.push_back(std::move(item));
  }
  return {};
}

}  // namespace tandem::importer
