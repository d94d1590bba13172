// SPDX-License-Identifier: Apache-2.0
#include "control/requests.hpp"

#include <algorithm>
#include <initializer_list>
#include <string_view>

namespace tandem::control {

using nlohmann::json;

namespace {

// Takes known keys out of the arguments one by one, and remembers the first thing that was wrong.
class Reader {
 public:
  Reader(const json& arguments, std::initializer_list<std::string_view> known)
      : arguments_(arguments) {
    for (const auto& item : arguments.items())
      if (std::ranges::find(known, item.key()) == known.end())
        note("unknown argument \"" + item.key() + "\"");
  }

  void read(const char* key, std::optional<std::string>& out) {
    const json* value = find(key);
    if (value == nullptr) return;
    if (!value->is_string()) return expected(key, "a string");
    out = value->get<std::string>();
  }
  void read(const char* key, std::uint64_t& out) {
    const json* value = find(key);
    if (value == nullptr) return;
    if (!value->is_number_unsigned()) return expected(key, "a whole number, 0 or greater");
    out = value->get<std::uint64_t>();
  }
  void read(const char* key, bool& out) {
    const json* value = find(key);
    if (value == nullptr) return;
    if (!value->is_boolean()) return expected(key, "true or false");
    out = value->get<bool>();
  }
  void read(const char* key, std::vector<std::string>& out) {
    const json* value = find(key);
    if (value == nullptr) return;
    if (!value->is_array() || !std::ranges::all_of(*value, &json::is_string))
      return expected(key, "a list of strings");
    out = value->get<std::vector<std::string>>();
  }

  template <class T>
  Result<T> finish(T request) {
    if (!problem_.empty()) return fail(problem_);
    return request;
  }

 private:
  const json* find(const char* key) const {
    const auto found = arguments_.find(key);
    return found == arguments_.end() || found->is_null() ? nullptr : &*found;
  }
  void expected(const char* key, const char* what) {
    note("argument \"" + std::string(key) + "\": expected " + what);
  }
  void note(std::string problem) {
    if (problem_.empty()) problem_ = std::move(problem);
  }

  const json& arguments_;
  std::string problem_;
};

}  // namespace

Result<StatusRequest> StatusRequest::from_json(const json& arguments) {
  return Reader(arguments, {}).finish(StatusRequest{});
}
json StatusRequest::to_json() const {
  return json::object();
}

Result<VrrpRequest> VrrpRequest::from_json(const json& arguments) {
  VrrpRequest request;
  Reader reader(arguments, {"name"});
  reader.read("name", request.name);
  return reader.finish(std::move(request));
}
json VrrpRequest::to_json() const {
  json arguments = json::object();
  if (name) arguments["name"] = *name;
  return arguments;
}

Result<EventsRequest> EventsRequest::from_json(const json& arguments) {
  EventsRequest request;
  Reader reader(arguments, {"after", "limit"});
  reader.read("after", request.after);
  reader.read("limit", request.limit);
  return reader.finish(request);
}
json EventsRequest::to_json() const {
  return {{"after", after}, {"limit", limit}};
}

Result<FailoverRequest> FailoverRequest::from_json(const json& arguments) {
  FailoverRequest request;
  Reader reader(arguments, {"names", "back"});
  reader.read("names", request.names);
  reader.read("back", request.back);
  return reader.finish(std::move(request));
}
json FailoverRequest::to_json() const {
  return {{"names", names}, {"back", back}};
}

Result<ReloadRequest> ReloadRequest::from_json(const json& arguments) {
  ReloadRequest request;
  Reader reader(arguments, {"file"});
  reader.read("file", request.file);
  return reader.finish(std::move(request));
}
json ReloadRequest::to_json() const {
  json arguments = json::object();
  if (file) arguments["file"] = *file;
  return arguments;
}

}  // namespace tandem::control
