// SPDX-License-Identifier: Apache-2.0
// vrrp_script, and the lists that refer to one or to a vrrp_track_process (track_process.cpp).
#include <algorithm>
#include <array>

#include "ctl/import/keywords.hpp"
#include "ctl/import/readers.hpp"
#include "ctl/import/script_user.hpp"
#include "ctl/import/value.hpp"

namespace tandem::importer {
namespace {

using std::chrono::hours;
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
        Keyword<ScriptReader>{"script", &ScriptReader::script, 2},
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
    read_block<ScriptReader>(*this, block.inside, kKeywords, kScriptFates, "vrrp_script",
                             gateway_.notes);
    const auto ignored = [&](const std::string& why) {
      return fail("vrrp_script " + *name + ": " + why + ", and nothing tracks it");
    };
    if (script_.text.empty())
      return ignored("expected a script in it; without one keepalived leaves it out");
    set_command();
    if (const auto why = reason_to_ignore(script_, gateway_); !why.empty()) return ignored(why);
    set_times(block.place);
    result_.table.comments = gateway_.notes.place_from(first);
    result_.order = gateway_.order;
    if (!gateway_.scripts.emplace(*name, std::move(result_)).second)
      return fail("vrrp_script " + *name +
                  ": there is one already, and keepalived takes the first");
    return {};
  }

 private:
  Result<void> script(const Statement& s) {
    Statement first = s;  // what stands behind it is noted as ignored
    first.words.resize(std::min<std::size_t>(s.words.size(), 2));
    auto script = script_at(first, 1, {}, {});
    if (!script) return std::unexpected(script.error());
    if (std::ranges::find(s.words, "weight") != s.words.end())
      gateway_.notes.trap(s.place,
                          "script: the weight in the same line is not read by keepalived, "
                          "and so a script that fails means Fault; here, too");
    if (script->text.ends_with(';'))
      gateway_.notes.trap(s.place,
                          "script: the semicolon is a part of the last argument, with "
                          "keepalived, too");
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
    const auto interval = whole_seconds_within(s, seconds(1), hours(1), gateway_.notes);
    if (!interval) return std::unexpected(interval.error());
    interval_ = *interval;
    result_.table.set("interval", toml(*interval), s.place);
    return {};
  }
  Result<void> timeout(const Statement& s) {
    const auto timeout = whole_seconds_within(s, seconds(1), hours(1), gateway_.notes);
    if (!timeout) return std::unexpected(timeout.error());
    result_.table.set("timeout", toml(*timeout), s.place);
    return {};
  }
  Result<void> weight(const Statement& s) {
    const auto weight = integer_within(s, -253, 253, gateway_.notes);
    if (!weight) return std::unexpected(weight.error());
    result_.weight = static_cast<int>(*weight);
    result_.is_reversed |= s.word(2) == "reverse";
    return {};
  }
  Result<void> rise(const Statement& s) { return count("rise", s); }
  Result<void> fall(const Statement& s) { return count("fall", s); }
  Result<void> count(const char* key, const Statement& s) {
    const auto number = integer_within(s, 1, 100, gateway_.notes);
    if (!number) return fail(number.error().message + "; keepalived takes 1");
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
  void set_times(const Location& place) {
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

namespace {

// A weight; keepalived takes 254 for 253.
Result<int> weight_at(const Statement& s, std::size_t n, Notes& notes) {
  const auto weight = leading_integer_at(s, -254, 254, notes, n);
  if (!weight) return std::unexpected(weight.error());
  return static_cast<int>(std::clamp<std::int64_t>(*weight, -253, 253));
}

// NAME [weight N [reverse|noreverse]]
Result<Tracked> tracked_of(const Statement& s, std::string_view kind, Notes& notes) {
  Tracked item{std::string(kind), s.keyword(), {}, false, s.place};
  if (s.words.size() == 1) return item;
  if (s.words[1] != "weight")
    return fail(described(s, "expected weight behind the name; keepalived ignores the line, too"));
  const auto weight = weight_at(s, 2, notes);
  if (!weight && s.words.size() == 2) return fail(weight.error().message);
  if (weight)
    item.weight = *weight;
  else
    notes.lost(s.place, weight.error().message + "; keepalived goes on without it");
  item.is_reversed = s.word(3) == "reverse";
  return item;
}

// What keepalived tracks by this name, from the block that is read on; null: nothing.
const TrackedScript* find_script(const std::string& name, const Gateway& gateway) {
  const auto script = gateway.scripts.find(name);
  if (script == gateway.scripts.end() || script->second.order > gateway.order) return nullptr;
  return &script->second;
}

Result<void> add_tracked(const Statement& s, std::string_view kind, std::vector<Tracked>& tracked,
                         Gateway& gateway) {
  auto item = tracked_of(s, kind, gateway.notes);
  if (!item) return std::unexpected(item.error());
  if (kind == "process") {
    item->kind = "check";
    item->name = process_name(item->name);
  }
  const auto is_same = [&](const Tracked& known) {
    return known.kind == item->kind && known.name == item->name;
  };
  if (std::ranges::any_of(tracked, is_same))
    return fail(described(s, "is there twice; keepalived takes the first, too"));
  if (kind != "interface") {
    const auto* script = find_script(item->name, gateway);
    if (script == nullptr) {
      gateway.notes.trap(
          s.place,
          described(s, gateway.scripts.contains(item->name)
                           ? "is defined behind this, and so keepalived ignores it here; "
                             "it is not tracked here, too"
                           : "there is no such vrrp_" +
                                 std::string(kind == "process" ? "track_process" : "script") +
                                 "; keepalived ignores this, too"));
      return {};
    }
    if (!item->weight) item->weight = script->weight;
    item->is_reversed |= script->is_reversed && s.word(3) != "noreverse";
  }
  tracked.push_back(std::move(*item));
  return {};
}

}  // namespace

void read_tracked(const Statement& block, std::string_view kind, std::vector<Tracked>& tracked,
                  Gateway& gateway) {
  for (const auto& s : block.inside)
    note_error(s, add_tracked(s, kind, tracked, gateway), gateway.notes);
}

}  // namespace tandem::importer
