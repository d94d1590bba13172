// SPDX-License-Identifier: Apache-2.0
// tandemctl import: a keepalived.conf as a tandem.toml.
#include "ctl/import/import.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <ostream>

#include "config/load.hpp"
#include "ctl/command.hpp"
#include "ctl/import_files.hpp"
#include "ctl/options.hpp"

namespace tandem::ctl {

namespace po = boost::program_options;
using importer::Imported;
using importer::Note;
using nlohmann::json;

namespace {

void import_options(po::options_description& named,
                    po::positional_options_description& positional) {
  const auto text = [](const char* name) { return po::value<std::string>()->value_name(name); };
  named.add_options()("keepalived", text("FILE")->required(), "the keepalived.conf of this node")(
      "nginx", text("FILE"), "its nginx.conf, too: listeners and plain TCP and UDP balancing")(
      "peer", text("FILE"), "the other node's keepalived.conf, to compare with")(
      "output,o", text("FILE"), "where to write the result; default: to standard output")(
      "force", "replace the output file if it is there")(
      "name", text("NODE"), "the node's name; default: router_id, or the host's name")(
      "config-id,i", text("ID"),
      "which @ID lines are meant, as keepalived's -i; default: the host's name to its first dot");
  positional.add("keepalived", 1);
}

std::string host_name() {
  std::array<char, 256> name{};
  if (::gethostname(name.data(), name.size() - 1) != 0 || name[0] == '\0') return "node";
  const std::string text(name.data());
  return text.substr(0, text.find('.'));
}

// What tandemd would say of the result.
std::vector<importer::Complaint> complaints_of(const std::string& text) {
  std::vector<importer::Complaint> complaints;
  for (const auto& problem : config::parse(text).problems)
    complaints.push_back(
        {problem.severity == config::Severity::error, problem.where.line, problem.what});
  return complaints;
}

importer::Request request_of(const po::variables_map& options) {
  const auto text = [&](const char* name) {
    return given<std::string>(options, name).value_or(std::string());
  };
  const auto id = text("config-id");
  return {
      text("keepalived"), text("nginx"), text("peer"), text("name"), id.empty() ? host_name() : id,
      this_machine(),     complaints_of};
}

json to_json(const Imported& imported, const std::string& output) {
  auto notes = json::array();
  for (const auto& note : imported.notes)
    notes.push_back({{"kind", note.kind == Note::Kind::lost   ? "not_carried_over"
                              : note.kind == Note::Kind::trap ? "caution"
                                                              : "needs_no_setting"},
                     {"file", note.where.file},
                     {"line", note.where.line},
                     {"what", note.what}});
  json document{{"notes", std::move(notes)}};
  if (output.empty())
    document["toml"] = imported.written.text;
  else
    document["output"] = output;
  return document;
}

void tell(const Imported& imported, const std::string& output, const LocalContext& local) {
  std::size_t lost = 0;
  std::size_t implied = 0;
  for (const auto& note : imported.notes) {
    lost += note.kind == Note::Kind::lost ? 1 : 0;
    implied += note.kind == Note::Kind::implied ? 1 : 0;
    if (note.kind != Note::Kind::implied)
      local.err << printable(note.where.to_string() + ": " + to_string(note.kind) + ": " +
                             note.what)
                << '\n';
  }
  local.err << "tandemctl: " << (output.empty() ? "" : "wrote " + output + "; ") << lost
            << " not carried over, " << imported.notes.size() - lost - implied << " cautions, "
            << implied << " that need no setting here and are listed at its end\n";
}

Exit refuse(const Error& error, const LocalContext& local) {
  local.err << printable(error.message, true) << "\ntandemctl: nothing was written\n";
  return kRefused;
}

Exit run_import(const LocalContext& local, const po::variables_map& options) {
  auto imported = importer::import_configuration(request_of(options), disk_files());
  if (!imported) return refuse(imported.error(), local);

  const auto output = given<std::string>(options, "output").value_or(std::string());
  if (!output.empty()) {
    const auto written =
        write_new_file(output, imported->written.text, options.count("force") != 0);
    if (!written) return refuse(written.error(), local);
  }
  if (local.json)
    local.out << to_json(*imported, output).dump(2, ' ', false, json::error_handler_t::replace)
              << '\n';
  else if (output.empty())
    local.out << imported->written.text;
  if (!local.json) tell(*imported, output, local);
  const auto is_lost = [](const Note& note) { return note.kind == Note::Kind::lost; };
  return std::ranges::any_of(imported->notes, is_lost) ? kPartly : kGood;
}

}  // namespace

const Command kImport{
    .name = "import",
    .synopsis = "KEEPALIVED.CONF [--nginx NGINX.CONF] [--peer KEEPALIVED.CONF] [-o FILE]",
    .summary = "make a configuration of keepalived's and Nginx's",
    .help =
        "Reads a keepalived.conf with what it includes, and writes a configuration for tandemd. "
        "No\n"
        "daemon is asked. What keepalived does by default and Tandem does not is written out, so\n"
        "that the node does what it did. What is not carried over is listed with file, line and\n"
        "reason, and so is what is likely not meant as it is written; both are in the result as\n"
        "comments, too. docs/migrating.md goes through a migration.\n"
        "\n"
        "Exit status: 0 if all was carried over, 4 if the result is there and something was not, "
        "1\n"
        "if nothing was written: a file cannot be read, or is no configuration at all. What\n"
        "keepalived asks the machine (users, addresses) is asked here: run it on the node.\n",
    .patience = {},
    .options = import_options,
    .run = nullptr,
    .run_here = run_import,
};

}  // namespace tandem::ctl
