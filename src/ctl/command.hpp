// SPDX-License-Identifier: Apache-2.0
// What a command of tandemctl is, and the list of them. Each lives in a file of its name.
#pragma once

#include <boost/program_options/options_description.hpp>
#include <boost/program_options/positional_options.hpp>
#include <boost/program_options/variables_map.hpp>
#include <expected>
#include <functional>
#include <iosfwd>
#include <nlohmann/json.hpp>
#include <span>
#include <string>

#include "base/time.hpp"
#include "control/client.hpp"
#include "ctl/text.hpp"

namespace tandem::ctl {

enum Exit : int {
  kGood = 0,
  kRefused = 1,      // the daemon answered with an error, or did not do all that was asked
  kUsage = 2,        // the command line is wrong
  kUnreachable = 3,  // no daemon answers on the socket
  kPartly = 4,       // import: not all was carried over
};

// The daemon's answer could not be had.
template <class T>
using Called = std::expected<T, control::CallError>;

// The answer to one who threw at a document.
[[nodiscard]] control::CallError not_understood(const nlohmann::json::exception& error);

// A document as text for people (render.hpp), and what it means for the exit status.
using Render = std::function<std::string(const nlohmann::json& document, const Style& style)>;
using Judge = Exit (*)(const nlohmann::json& document);

// What a command works with: a connection to the daemon, and where its output goes.
struct Session {
  control::Client client;
  bool json = false;  // print the document as it came
  Style style;
  std::ostream& out;
  bool screen = false;  // input and output are a terminal that can be drawn on
  bool utf8 = false;    // and it shows more than ASCII

  void print(const nlohmann::json& document) const;
  // Asks the daemon, and prints the answer: as it came, or rendered. An answer without a judge is
  // good.
  Called<Exit> show(const std::string& command, const nlohmann::json& arguments,
                    const Render& render, Judge judge = nullptr);
};

// For commands that do their work here, whether a daemon runs or not.
struct LocalContext {
  std::string socket;  // where a daemon would answer
  bool json = false;
  Style style;
  std::ostream& out;
  std::ostream& err;
};

struct Command {
  const char* name;
  const char* synopsis;  // "[NAME]", behind the name
  const char* summary;   // a line
  const char* help;      // paragraphs
  Duration patience;     // how long to wait for an answer that takes no time by itself
  void (*options)(boost::program_options::options_description& named,
                  boost::program_options::positional_options_description& positional);
  Called<Exit> (*run)(Session& session, const boost::program_options::variables_map& options);
  // How long the daemon takes for what it is asked; null: no time.
  Duration (*takes)(const boost::program_options::variables_map& options) = nullptr;
  // Set: is called in place of `run`, without a connection.
  Exit (*run_here)(const LocalContext& local,
                   const boost::program_options::variables_map& options) = nullptr;
};

extern const Command kStatus;
extern const Command kVrrp;
extern const Command kEvents;
extern const Command kFailover;
extern const Command kReload;
extern const Command kImport;
extern const Command kServices;
extern const Command kBackends;
extern const Command kFlows;
extern const Command kDrain;
extern const Command kUndrain;
extern const Command kWeight;
extern const Command kExplain;
extern const Command kCapture;
extern const Command kTop;
extern const Command kSync;
extern const Command kSyncKey;
extern const Command kBackup;
extern const Command kRestore;
extern const Command kDoctor;
extern const Command kBackend;
extern const Command kSupportBundle;
extern const Command kHelp;
extern const Command kVersion;
extern const Command kCompletion;

[[nodiscard]] std::span<const Command* const> commands();
[[nodiscard]] const Command* find_command(const std::string& name);  // null: there is none

}  // namespace tandem::ctl
