// SPDX-License-Identifier: Apache-2.0
// Backends that the operator changes at run time (`tandemctl backend`), kept in a file over reload
// and restart. Belongs to the control thread.
#pragma once

#include <functional>
#include <string>

#include "config/backend_changes.hpp"
#include "control/requests.hpp"
#include "daemon/running.hpp"

namespace tandem::daemon {

class ChangedBackends {
 public:
  // Has this configuration run in place of the one that does.
  using Install = std::function<Result<void>(const config::Config&)>;

  ChangedBackends(Running& running, Install install)
      : running_(running), install_(std::move(install)) {}

  // What an earlier process left for this configuration; a file that cannot be read is put aside.
  // What it makes of the configuration is given back.
  config::Config restore(const config::Config& config);
  // Error: why nothing has changed.
  Result<void> change(const control::BackendRequest& request);

 private:
  Running& running_;
  Install install_;
  std::string file_;
};

}  // namespace tandem::daemon
