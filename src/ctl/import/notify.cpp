// SPDX-License-Identifier: Apache-2.0
#include "ctl/import/readers.hpp"
#include "ctl/import/script_user.hpp"

namespace tandem::importer {

// keepalived runs "notify" after the script for the state alone, and appends what happened. Of several
// it takes the first that it can run.
Result<void> read_notify(const Statement& statement, const std::string& type,
                         const std::string& name, Notify& notify, Gateway& gateway) {
  const auto& keyword = statement.keyword();
  if (notify.taken.contains(keyword))
    return fail(cut(keyword + ' ' + statement.word(1)) +
                ": there is one already, and keepalived ignores this one");
  auto script = script_to_run(statement, 1, gateway);
  if (!script) return std::unexpected(script.error());
  notify.taken.insert(keyword);
  if (keyword == "notify_master") {
    notify.active.insert(notify.active.begin(), NotifyScript{*script, {}});
  } else if (keyword == "notify_backup") {
    notify.backup.insert(notify.backup.begin(), NotifyScript{*script, {}});
  } else if (keyword == "notify_fault") {
    notify.fault.insert(notify.fault.begin(), NotifyScript{*script, {}});
  } else if (keyword == "notify_stop") {
    notify.stop.push_back({*script, {}});
  } else {
    const auto words = [&](const char* state) {
      return type + ' ' + shell_quoted(name) + ' ' + state + " \"$TANDEM_PRIORITY\"";
    };
    notify.active.push_back({*script, words("MASTER")});
    notify.backup.push_back({*script, words("BACKUP")});
    notify.fault.push_back({*script, words("FAULT")});
  }
  return {};
}

}  // namespace tandem::importer
