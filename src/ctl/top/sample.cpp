// SPDX-License-Identifier: Apache-2.0
#include "ctl/top/sample.hpp"

#include <cmath>
#include <map>

#include "control/requests.hpp"

namespace tandem::ctl::top {

using nlohmann::json;

namespace {

constexpr std::uint64_t kEvents = 200;  // more than fit on a screen, few enough for each second

struct Question {
  const char* command;
  json arguments;
};

// "web 198.51.100.21 80"
std::string backend_key(const json& backend) {
  return backend.at("service").get<std::string>() + " " + backend.at("address").get<std::string>() +
         " " + backend.at("port").dump();
}
std::string service_key(const json& service) {
  return service.at("name").get<std::string>();
}

json rate(const json& now, const json& before, double seconds) {
  const auto later = now.get<std::uint64_t>();
  const auto earlier = before.get<std::uint64_t>();
  if (later < earlier || seconds <= 0) return nullptr;
  return std::round(static_cast<double>(later - earlier) / seconds * 10) / 10;
}

json rates_by_name(const json& now, const json& before, double seconds) {
  json rates = json::object();
  for (const auto& [name, count] : now.items())
    rates[name] = before.contains(name) ? rate(count, before.at(name), seconds) : json();
  return rates;
}

json traffic_rates(const json& now, const json* before, double seconds) {
  json rates = json::object();
  for (const char* counter : {"packets_in", "bytes_in", "packets_out", "bytes_out"})
    rates[counter] =
        before != nullptr ? rate(now.at(counter), before->at(counter), seconds) : json();
  return rates;
}

void put_row_rates(json& rows, const json* before, std::string (*key)(const json&),
                   double seconds) {
  std::map<std::string, const json*> earlier;
  if (before != nullptr)
    for (const json& row : *before) earlier[key(row)] = &row;
  for (json& row : rows) {
    const auto found = earlier.find(key(row));
    row["per_second"] =
        traffic_rates(row, found != earlier.end() ? found->second : nullptr, seconds);
  }
}

const json* member(const json& document, const char* name) {
  const auto found = document.find(name);
  return found != document.end() ? &*found : nullptr;
}

Called<json> take_sample(control::Client& client, const Parts& parts) {
  std::vector<Question> questions{{"vrrp", control::VrrpRequest{}.to_json()},
                                  {"services", control::ServicesRequest{}.to_json()}};
  if (parts.backends) questions.push_back({"backends", control::BackendsRequest{}.to_json()});
  if (parts.events) questions.push_back({"events", control::EventsRequest{0, kEvents}.to_json()});

  auto status = client.call("status", control::StatusRequest{}.to_json());
  if (!status) return std::unexpected(status.error());
  json sample = {{"status", std::move(*status)}};
  for (const auto& [command, arguments] : questions) {
    auto document = client.call(command, arguments);
    if (!document) return std::unexpected(document.error());
    sample.update(*document);
  }
  return sample;
}

}  // namespace

void put_rates(json& now, const json& before, Duration between) {
  const double seconds = std::chrono::duration<double>(between).count();
  put_row_rates(now.at("services"), member(before, "services"), service_key, seconds);
  if (now.contains("backends"))
    put_row_rates(now["backends"], member(before, "backends"), backend_key, seconds);

  json& status = now.at("status");
  const json none = {{"packets", json::object()}, {"adverts", {{"dropped", json::object()}}}};
  const json* known = member(before, "status");
  const json& earlier = known != nullptr ? *known : none;
  status["per_second"] = {
      {"packets", rates_by_name(status.at("packets"), earlier.at("packets"), seconds)},
      {"dropped_adverts", rates_by_name(status.at("adverts").at("dropped"),
                                        earlier.at("adverts").at("dropped"), seconds)}};
}

Called<json> Samples::next(control::Client& client, const Parts& parts) {
  const MonotonicTime now = MonotonicClock::now();
  auto sample = take_sample(client, parts);
  if (!sample) return sample;
  json plain = *sample;
  put_rates(*sample, last_, now - taken_);
  last_ = std::move(plain);
  taken_ = now;
  return sample;
}

}  // namespace tandem::ctl::top
