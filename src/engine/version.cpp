// SPDX-License-Identifier: Apache-2.0
#include "engine/version.hpp"

#include <bpf/libbpf.h>

#if TANDEM_HAS_DPDK
#include <rte_version.h>
#endif

#include "engine/build_info.h"

namespace tandem::engine {

std::string version_text(const std::string& program) {
  const auto feature = [](const char* name, bool is_there) {
    return std::string(is_there ? "with " : "without ") + name;
  };
  // libxdp cannot be asked for the version that is loaded.
  std::string libraries = "libbpf " + std::string(libbpf_version_string()).substr(1) +
                          ", libxdp " TANDEM_LIBXDP_VERSION;
#if TANDEM_HAS_DPDK
  libraries += ", " + std::string(rte_version());
#endif
  return program + " " TANDEM_VERSION "\nfeatures: " + feature("dpdk", TANDEM_HAS_DPDK) + ", " +
         feature("metrics", TANDEM_HAS_METRICS) + "\nlibraries: " + libraries + "\n";
}

}  // namespace tandem::engine
