// SPDX-License-Identifier: Apache-2.0
// A build without DPDK. The configuration's check has refused the engine by then.
#include "dataplane/data_plane.hpp"

namespace tandem::dataplane {

Result<std::unique_ptr<DataPlane>> open_worker_plane(const config::Config&,
                                                     const engine::SteeringProgram&,
                                                     const flow::JiffyClock&) {
  return fail("node.engine: \"dpdk\" is not in this build");
}

}  // namespace tandem::dataplane
