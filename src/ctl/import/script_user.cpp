// SPDX-License-Identifier: Apache-2.0
#include "ctl/import/script_user.hpp"

#include "ctl/import/value.hpp"

namespace tandem::importer {

std::string reason_to_ignore(const Script& script, const Gateway& gateway) {
  const auto& has_user = gateway.machine.has_user;
  const auto& has_group = gateway.machine.has_group;
  if (script.user.empty()) {
    constexpr const char* kUsual = "keepalived_script";
    if (!gateway.defaults.has_script_security || !has_user || has_user(kUsual)) return {};
    return std::string("it has no user, and with enable_script_security and no user ") + kUsual +
           " on this machine keepalived does not run it";
  }
  if (has_user && !has_user(script.user))
    return "there is no user " + shown(script.user) +
           " on this machine, and so keepalived does not run it";
  if (!script.group.empty() && has_group && !has_group(script.group))
    return "there is no group " + shown(script.group) +
           " on this machine, and so keepalived does not run it";
  return {};
}

Result<Script> script_to_run(const Statement& s, std::size_t n, Gateway& gateway) {
  auto script = script_at(s, n, gateway.defaults.user, gateway.defaults.group);
  if (!script) return script;
  if (script->user.empty()) gateway.has_scripts = true;
  const auto why = reason_to_ignore(*script, gateway);
  if (why.empty()) return script;
  const bool is_argument = n + 1 < s.words.size();
  return fail(cut(s.keyword() + ' ' + script->text) + ": " + why +
              (is_argument ? "; arguments have to be in the quotes of the script: a word behind it "
                             "is a user, and one more a group"
                           : ""));
}

}  // namespace tandem::importer
