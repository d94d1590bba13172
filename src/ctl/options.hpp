// SPDX-License-Identifier: Apache-2.0
// What commands share in reading their own options and arguments.
#pragma once

#include <boost/any.hpp>
#include <boost/program_options/errors.hpp>
#include <boost/program_options/value_semantic.hpp>
#include <boost/program_options/variables_map.hpp>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "control/kinds.hpp"

namespace tandem::ctl {

// An argument that stands for more than its text, read as the daemon would read it, so that what
// is wrong shows before anything is asked.
template <class T>
struct Word {
  T value;
};

// Found by boost::program_options where an option is a Word.
template <class T>
void validate(boost::any& out, const std::vector<std::string>& words, Word<T>*, int) {
  const std::string& text = boost::program_options::validators::get_single_string(words);
  const control::Kind<T> kind;
  auto value = kind.parse(text);
  if (!value) throw boost::program_options::error("'" + text + "': expected " + kind.expected());
  out = Word<T>{std::move(*value)};
}

// What was given for an option, if it was.
template <class T>
std::optional<T> given(const boost::program_options::variables_map& options, const char* name) {
  if (options.count(name) == 0) return std::nullopt;
  return options[name].as<T>();
}
template <class T>
std::optional<T> given_word(const boost::program_options::variables_map& options,
                            const char* name) {
  if (options.count(name) == 0) return std::nullopt;
  return options[name].as<Word<T>>().value;
}

// A notifier for a number. boost::program_options would take "-1" for a large one.
[[nodiscard]] std::function<void(const std::uint64_t&)> within(const char* option,
                                                               std::uint64_t lowest,
                                                               std::uint64_t highest);

// For a path that the daemon is to open: its working directory is another.
[[nodiscard]] std::string absolute_path(const std::string& path);

}  // namespace tandem::ctl
