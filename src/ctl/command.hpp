// SPDX-License-Identifier: Apache-2.0
// What a command of tandemctl is, and the list of them. Each lives in a file of its name.
#pragma once

#include <boost/program_options/options_description.hpp>
#include <boost/program_options/positional_options.hpp>
#include <boost/program_options/variables_map.hpp>
#include <expected>
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
};

// The daemon's answer could not be had.
template <class T>
using Called = std::expected<T, control::CallError>;

// What a command works with: a connection to the daemon, and where its output goes.
struct Session {
  control::Client client;
  bool json = false;  // print the document as it came
  Style style;
  std::ostream& out;

  void print(const nlohmann::json& document) const;
};

struct Command {
  const char* name;
  const char* synopsis;  // "[NAME]", behind the name
  const char* summary;   // a line
  const char* help;      // paragraphs
  Duration patience;     // how long to wait for an answer
  void (*options)(boost::program_options::options_description& named,
                  boost::program_options::positional_options_description& positional);
  Called<Exit> (*run)(Session& session, const boost::program_options::variables_map& options);
};

extern const Command kStatus;
extern const Command kVrrp;
extern const Command kEvents;
extern const Command kFailover;
extern const Command kReload;

[[nodiscard]] std::span<const Command* const> commands();
[[nodiscard]] const Command* find_command(const std::string& name);  // null: there is none

}  // namespace tandem::ctl
