// SPDX-License-Identifier: Apache-2.0
// What the operator has asked for at run time, in a file beside the control socket, so that it
// outlives a restart, an upgrade and a crash: drained backends, weights, virtual routers that were
// handed over. It ends when it is undone, or with the machine; drains and weights that the other
// node has, too, come back from there. Belongs to the control thread.
#pragma once

#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>
#include <set>
#include <string>

#include "base/result.hpp"
#include "base/watch.hpp"
#include "services/operator_change.hpp"

namespace tandem::daemon {

struct OperatorWishes {
  services::OperatorChanges backends;
  std::set<std::string> handed_over;  // virtual routers
  bool operator==(const OperatorWishes&) const = default;
};

// As JSON. Errors name what was expected.
[[nodiscard]] std::string to_text(const OperatorWishes& wishes);
[[nodiscard]] Result<OperatorWishes> wishes_of(const std::string& text);

class OperatorMemory {
 public:
  // Calls back with what is wished for now.
  using Ask = std::function<void(std::function<void(const OperatorWishes&)> answer)>;

  // file: read here. One that cannot be read is put aside (FILE.refused), and an error is logged.
  explicit OperatorMemory(std::string file);

  [[nodiscard]] const OperatorWishes& wishes() const { return wishes_; }
  // From here on the file follows what is asked, each second and at changed().
  void follow(boost::asio::io_context& loop, Ask ask);
  void changed();

 private:
  void keep(const OperatorWishes& wishes);

  std::string file_;
  OperatorWishes wishes_;  // as the file has them
  Ask ask_;
  std::unique_ptr<Alarm> second_;
};

}  // namespace tandem::daemon
