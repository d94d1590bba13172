// SPDX-License-Identifier: Apache-2.0
#include "ctl/import/keywords.hpp"

#include <algorithm>
#include <array>

namespace tandem::importer {
namespace {

// Of keepalived 2.2.8 to 2.4, which 2.2.7 does not know.
constexpr std::array kNewer{
    Fate{"vrrp_owner_ignore_adverts", Note::Kind::lost, "an owner hears adverts, too"},
    Fate{"owner_ignore_adverts", Note::Kind::lost, "an owner hears adverts, too"},
    Fate{"no_virtual_ipaddress", Note::Kind::lost,
         "a virtual router has an address at least (RFC 9568, 5.2.5)"},
    Fate{"timer_expired_backup", Note::Kind::implied,
         "a node that comes late is Backup: its lease has run out"},
    Fate{"thread_timer_expired", Note::Kind::implied,
         "a node that comes late is Backup: its lease has run out"},
    Fate{"vrrp_delay_after_boot", Note::Kind::lost,
         "startup_delay counts from the start of tandemd; there is none from the boot"},
    Fate{"set_supplementary_groups", Note::Kind::lost,
         "runuser gives a script the groups of its user"},
    Fate{"use_symlink_paths", Note::Kind::implied, "a command is run by the path that it has"},
    Fate{"iproute_usr_dir", Note::Kind::implied, "no names of routing tables are read"},
    Fate{"iproute_etc_dir", Note::Kind::implied, "no names of routing tables are read"},
    Fate{"json_version", Note::Kind::implied, "tandemctl --json has the state"},
    Fate{"json_dump_file", Note::Kind::implied, "tandemctl --json has the state"},
    Fate{"state_dump_file", Note::Kind::implied, "tandemctl --json has the state"},
    Fate{"stats_dump_file", Note::Kind::implied, "tandemctl --json has the state"},
    Fate{"dbus_no_interface_name", Note::Kind::lost, "there is no D-Bus interface"},
    Fate{"snmp_rs_stats_update_interval", Note::Kind::lost, "there is no SNMP"},
    Fate{"snmp_vs_stats_update_interval", Note::Kind::lost, "there is no SNMP"},
    Fate{"sni_name", Note::Kind::lost, "checks by HTTPS send no server name"},
    Fate{"tls_compliant", Note::Kind::implied, "checks by HTTPS end TLS as it asks"},
};

}  // namespace

std::string described(const Statement& statement, std::string_view why) {
  std::string text = statement.keyword();
  for (std::size_t n = 1; n < statement.words.size() && n < 3; ++n)
    text += ' ' + statement.words[n];
  return cut(text) + ": " + std::string(why);
}

void note_rest(const Statement& statement, std::size_t most_words, Notes& notes) {
  if (statement.words.size() <= most_words) return;
  std::string rest = statement.words[most_words];
  for (std::size_t n = most_words + 1; n < statement.words.size(); ++n)
    rest += ' ' + statement.words[n];
  notes.trap(statement.place, cut(statement.keyword()) + ": " + shown(rest) +
                                  " behind it is ignored, by keepalived, too; it may want a line "
                                  "of its own");
}

void note_overruled(const Statement& statement, std::span<const Statement> behind, Notes& notes) {
  if (statement.has_block || statement.words.size() < 2) return;
  const auto overrules = [&](const Statement& other) {
    return other.keyword() == statement.keyword() && other.words != statement.words;
  };
  if (std::ranges::any_of(behind, overrules))
    notes.trap(statement.place,
               described(statement, "is there again, and keepalived takes the last, too"));
}

void settle(const Statement& statement, std::span<const Fate> fates, std::string_view block,
            Notes& notes) {
  for (const auto table : {fates, std::span<const Fate>(kNewer)}) {
    const auto fate = std::ranges::find(table, statement.keyword(), &Fate::name);
    if (fate == table.end()) continue;
    notes.add(fate->kind, statement.place, described(statement, fate->why));
    return;
  }
  const std::string what = "unknown here in " + std::string(block) + ", to keepalived 2.2.7, too; ";
  notes.lost(statement.place,
             described(statement, what + (statement.has_block ? "it takes the } behind it for the "
                                                                "end of the block around it"
                                                              : "it ignores it")));
}

void note_error(const Statement& statement, const Result<void>& done, Notes& notes) {
  if (!done) notes.lost(statement.place, done.error().message);
}

}  // namespace tandem::importer
