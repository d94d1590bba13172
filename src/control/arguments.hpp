// SPDX-License-Identifier: Apache-2.0
// How a request says, once for both directions, what its arguments are called and what they are:
//
//   constexpr std::tuple kWeight{needs("service", &WeightRequest::service),
//                                needs("weight", &WeightRequest::weight)};
//   read<WeightRequest>(arguments, kWeight)     write(request, kWeight)
//
// An argument that a request `takes` keeps its default where it is absent or null; one that it
// `needs` may not be absent. A std::optional that is empty is not written.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <tuple>
#include <utility>

#include "base/result.hpp"
#include "control/kinds.hpp"

namespace tandem::control {

template <class T>
struct ValueOf {
  using Type = T;
};
template <class T>
struct ValueOf<std::optional<T>> {
  using Type = T;
};
template <class Member>
using KindOf = Kind<typename ValueOf<Member>::Type>;

template <class Request, class Member>
struct Argument {
  const char* name;
  Member Request::*at;
  KindOf<Member> kind;
  bool needed;
};

template <class Request, class Member>
constexpr Argument<Request, Member> takes(const char* name, Member Request::*at,
                                          KindOf<Member> kind = {}) {
  return {name, at, kind, false};
}
template <class Request, class Member>
constexpr Argument<Request, Member> needs(const char* name, Member Request::*at,
                                          KindOf<Member> kind = {}) {
  return {name, at, kind, true};
}

// Empty: `request` has the argument now, or does without it. Else what is wrong with it.
template <class Request, class Member>
std::string take(Request& request, const Argument<Request, Member>& argument,
                 const nlohmann::json& given) {
  const std::string name = "argument \"" + std::string(argument.name) + "\"";
  const auto found = given.find(argument.name);
  if (found == given.end() || found->is_null())
    return argument.needed ? name + " is missing: expected " + argument.kind.expected() : "";
  auto value = argument.kind.parse(*found);
  if (!value) return name + ": expected " + argument.kind.expected();
  request.*argument.at = std::move(*value);
  return "";
}

template <class Request, class Member>
void put(nlohmann::json& out, const Argument<Request, Member>& argument, const Request& request) {
  const Member& value = request.*argument.at;
  if constexpr (requires { value.has_value(); }) {
    if (value) out[argument.name] = argument.kind.show(*value);
  } else {
    out[argument.name] = argument.kind.show(value);
  }
}

// Error: the first thing that is wrong, keys that are not known before all others.
template <class Request, class... Arguments>
Result<Request> read(const nlohmann::json& given, const std::tuple<Arguments...>& arguments) {
  return std::apply(
      [&](const auto&... argument) -> Result<Request> {
        for (const auto& item : given.items())
          if (!((item.key() == argument.name) || ...))
            return fail("unknown argument \"" + item.key() + "\"");
        Request request;
        std::string problem;
        (void)((problem = take(request, argument, given)).empty() && ...);
        if (!problem.empty()) return fail(std::move(problem));
        return request;
      },
      arguments);
}

template <class Request, class... Arguments>
nlohmann::json write(const Request& request, const std::tuple<Arguments...>& arguments) {
  nlohmann::json out = nlohmann::json::object();
  std::apply([&](const auto&... argument) { (put(out, argument, request), ...); }, arguments);
  return out;
}

}  // namespace tandem::control
