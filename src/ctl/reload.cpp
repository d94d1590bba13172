// SPDX-License-Identifier: Apache-2.0
// tandemctl reload: apply what changed in the configuration.
#include "control/requests.hpp"
#include "ctl/command.hpp"
#include "ctl/options.hpp"
#include "ctl/render.hpp"

namespace tandem::ctl {

namespace po = boost::program_options;
using nlohmann::json;

namespace {

std::string counted(const json& names, const char* what) {
  std::string text = std::to_string(names.size()) + " " + what;
  return names.empty() ? text : text + " (" + joined(names) + ")";
}

void reload_options(po::options_description& named,
                    po::positional_options_description& positional) {
  named.add_options()("file", po::value<std::string>(),
                      "another file; default: the one tandemd uses");
  positional.add("file", 1);
}

Called<Exit> run_reload(Session& session, const po::variables_map& options) {
  control::ReloadRequest request;
  if (const auto file = given<std::string>(options, "file")) request.file = absolute_path(*file);
  return session.show("reload", request.to_json(), render_reload);
}

}  // namespace

std::string render_reload(const json& difference, const Style& style) {
  return "Reloaded: " + counted(difference.at("added"), "added") + ", " +
         counted(difference.at("removed"), "removed") + ", " +
         counted(difference.at("changed"), "changed") + ", " +
         std::to_string(difference.at("unchanged").get<std::uint64_t>()) + " unchanged.\n" +
         warning_lines(difference.at("warnings"), style);
}

const Command kReload{
    "reload",
    "[FILE]",
    "read the configuration again and apply the difference",
    "Reads the configuration again, or FILE instead of it, and applies what changed; what did not\n"
    "change is not touched. If there is anything wrong with the file, every problem is listed as\n"
    "FILE:LINE:COL, nothing is applied, and the exit status is 1.\n",
    std::chrono::seconds(30),
    reload_options,
    run_reload,
};

}  // namespace tandem::ctl
