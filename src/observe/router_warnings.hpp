// SPDX-License-Identifier: Apache-2.0
// What a virtual router knows to be wrong, and what to do about it. Pure.
#pragma once

#include <string>
#include <vector>

#include "observe/clock.hpp"
#include "observe/vrrp_document.hpp"

namespace tandem::observe {

// Sentences for the operator, without the router's name: router.warnings, and those that follow
// from its status. Each lasts for as long as its cause, and some ten seconds longer.
[[nodiscard]] std::vector<std::string> router_warnings(const RouterView& router, const Now& now);

}  // namespace tandem::observe
