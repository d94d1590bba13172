// SPDX-License-Identifier: Apache-2.0
#include "observe/page.hpp"

namespace tandem::observe {

std::string page_policy(std::string_view peer_http) {
  std::string policy =
      "default-src 'none'; img-src data:; base-uri 'none'; form-action 'none'; "
      "frame-ancestors 'none'; connect-src 'self'";
  if (!peer_http.empty()) policy.append(" ").append(peer_http);
  policy.append("; style-src ").append(kPageStyle).append("; script-src ").append(kPageScript);
  return policy;
}

}  // namespace tandem::observe
