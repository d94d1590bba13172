// SPDX-License-Identifier: Apache-2.0
// A keepalived.conf, and perhaps an nginx.conf, as a tandem.toml.
//
// Theory of operation, in layers that know nothing of those above them:
//   lines.hpp      files as plain lines: comments, conditions, parameters, repetitions, includes
//   tree.hpp       lines as statements and blocks (nginx_tree.hpp for the other syntax)
//   readers.hpp    blocks as tables of tandem.toml, by keyword; what has no counterpart is noted
//   document.hpp   tables as text, each line with the place it came from
//   repair.hpp     tables without what tandemd would refuse
// What keepalived runs is not refused: what is wrong is noted at its place, and the rest is carried
// over. Whether the text is a good configuration is for `config` to say, which this room does not
// know: the caller passes it in as the judge.
#pragma once

#include <string>
#include <vector>

#include "ctl/import/document.hpp"
#include "ctl/import/files.hpp"
#include "ctl/import/machine.hpp"
#include "ctl/import/notes.hpp"
#include "ctl/import/repair.hpp"

namespace tandem::importer {

struct Request {
  std::string keepalived;  // paths
  std::string nginx;       // empty: none
  std::string peer;        // keepalived.conf of the other node, to compare with; empty: none
  std::string node;        // the node's name; empty: router_id, or else config_id
  std::string config_id;   // for @ID lines, as keepalived's -i
  Machine machine = {};    // the one that the files are of
  Judge judge = {};        // of the result; none: it is not judged
};

struct Imported {
  Written written;
  std::vector<Note> notes;  // in the order of the files
};

// An error is "FILE:LINE: what, what was expected", of what is no configuration at all: a file that
// cannot be read, an include of itself, a template, an expansion without end.
[[nodiscard]] Result<Imported> import_configuration(const Request& request, const Files& files);

}  // namespace tandem::importer
