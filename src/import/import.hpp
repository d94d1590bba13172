// SPDX-License-Identifier: Apache-2.0
// A keepalived.conf, and perhaps an nginx.conf, as a tandem.toml.
//
// Theory of operation, in layers that know nothing of those above them:
//   lines.hpp      files as plain lines: comments, conditions, parameters, repetitions, includes
//   tree.hpp       lines as statements and blocks (nginx_tree.hpp for the other syntax)
//   readers.hpp    blocks as tables of tandem.toml, by keyword; what has no counterpart is noted
//   document.hpp   tables as text, each line with the place it came from
// Whether the text is a good configuration is for `config` to say, which this room does not know;
// tandemctl asks it, and tells the operator the place in the source.
#pragma once

#include <string>
#include <vector>

#include "import/document.hpp"
#include "import/files.hpp"
#include "import/notes.hpp"

namespace tandem::importer {

struct Request {
  std::string keepalived;  // paths
  std::string nginx;       // empty: none
  std::string peer;        // keepalived.conf of the other node, to compare with; empty: none
  std::string node;        // the node's name; empty: router_id, or else config_id
  std::string config_id;   // for @ID lines, as keepalived's -i
};

struct Imported {
  Written written;
  std::vector<Note> notes;  // in the order of the files
};

// An error is "FILE:LINE: what, what was expected", of the first thing that cannot be read.
[[nodiscard]] Result<Imported> import_configuration(const Request& request, const Files& files);

}  // namespace tandem::importer
