// SPDX-License-Identifier: Apache-2.0
// The gates of a node: the steering program on its interfaces, and the tables by which it decides
// what the node answers for. Belongs to the control thread.
#pragma once

#include <memory>
#include <vector>

#include "base/result.hpp"
#include "config/config.hpp"
#include "engine/steering_program.hpp"
#include "flow/steering.hpp"
#include "speaker/interfaces.hpp"
#include "speaker/plan.hpp"

namespace tandem::daemon {

class Gates {
 public:
  // Over the maps of an earlier run, if there are any, in which its gates may still be up.
  static Result<std::unique_ptr<Gates>> open(const config::Config& config);

  [[nodiscard]] engine::SteeringProgram& program() { return *program_; }
  [[nodiscard]] flow::Steering& steering() { return steering_; }
  [[nodiscard]] const flow::JiffyClock& clock() const { return clock_; }

 private:
  Gates(std::unique_ptr<engine::SteeringProgram> program, const flow::JiffyClock& clock);

  std::unique_ptr<engine::SteeringProgram> program_;
  flow::JiffyClock clock_;
  flow::Steering steering_;
};

// For how long sockets of the router's services go on here after its lease; 0: they do not.
[[nodiscard]] Duration keeps_sockets(const speaker::PlannedRouter& router,
                                     const config::Config& config);

// The virtual routers of a plan as the steering tables have them.
[[nodiscard]] std::vector<flow::SteeredRouter> steered_routers(
    const speaker::Plan& plan, const speaker::Interfaces& interfaces);

}  // namespace tandem::daemon
