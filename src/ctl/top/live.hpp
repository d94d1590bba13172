// SPDX-License-Identifier: Apache-2.0
// `tandemctl top` on a terminal, until q or a signal.
#pragma once

#include "ctl/command.hpp"
#include "ctl/top/frame.hpp"
#include "ctl/top/keys.hpp"

namespace tandem::ctl::top {

// What a key does to the view, whose page was last drawn as `frame`. False: it ends the program.
[[nodiscard]] bool apply(const Key& key, const Frame& frame, View& view);

[[nodiscard]] Called<Exit> run_live(Session& session, Duration interval, Page page);

}  // namespace tandem::ctl::top
