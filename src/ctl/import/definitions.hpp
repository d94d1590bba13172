// SPDX-License-Identifier: Apache-2.0
// keepalived's parameters: $NAME=VALUE, then $NAME or ${NAME}. A value is put in as it stands, and
// looked at again: what it refers to is replaced by what that is then.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ctl/import/location.hpp"

namespace tandem::importer {

struct Line {
  Location place;
  std::string text;
};

// A value of several lines was written with \ at their ends, and stands for several lines.
struct Definition {
  std::vector<Line> lines;
  [[nodiscard]] bool is_multiline() const { return lines.size() > 1; }
};

class Definitions {
 public:
  // "$NAME=VALUE" as the name and where the value begins.
  struct Head {
    std::string name;
    std::size_t value_at;
  };
  [[nodiscard]] static std::optional<Head> head_of(std::string_view line);

  void set(const std::string& name, Definition definition);
  void set(const std::string& name, const Location& place, std::string value);

  // The first reference in a line to something that is defined.
  struct Reference {
    std::size_t at = 0, length = 0;                // with $ and braces
    std::shared_ptr<const Definition> definition;  // as it is now, whatever it becomes
  };
  [[nodiscard]] std::optional<Reference> find(std::string_view line) const;

 private:
  std::map<std::string, std::shared_ptr<const Definition>, std::less<>> known_;
};

}  // namespace tandem::importer
