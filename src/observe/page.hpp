// SPDX-License-Identifier: Apache-2.0
// The page of the node: one file, put together from src/observe/page when Tandem is built. A
// browser fills it from /status.
#pragma once

#include <string>
#include <string_view>

namespace tandem::observe {

extern const std::string_view kPage;
// Its style and its script, as a policy names them: 'sha256-...'.
extern const std::string_view kPageStyle;
extern const std::string_view kPageScript;

// What a browser may do with it (Content-Security-Policy, CSP Level 3): run its one script and its
// one style, ask its own node, and the peer at `peer_http`, which may be empty. Nothing else, so
// that no text from anywhere can make it do more.
[[nodiscard]] std::string page_policy(std::string_view peer_http);

}  // namespace tandem::observe
