// SPDX-License-Identifier: Apache-2.0
// Of a build without prometheus-cpp.
#include "observe/overview.hpp"

namespace tandem::observe {

Result<std::string> metrics_text(const Overview&, const ProcessView&) {
  return fail("this build is without prometheus-cpp, and so without metrics; see /status");
}

}  // namespace tandem::observe
