// SPDX-License-Identifier: Apache-2.0
#include "daemon/operator_memory.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "daemon/kept_file.hpp"

namespace tandem::daemon {
namespace {

using nlohmann::json;

constexpr std::uint8_t kTcp = 6, kUdp = 17;

IpAddress address_of(const json& text) {
  const auto address = IpAddress::parse(text.get<std::string>());
  if (!address) throw std::runtime_error("backends: address: expected an IP address");
  return *address;
}

// Earlier versions write the first six fields alone, and read no others.
services::OperatorChange change_of(const json& entry) {
  services::OperatorChange change;
  change.service = entry.at("service").get<std::string>();
  auto& [backend, drain, weight] = change.wish;
  backend.address = address_of(entry.at("address"));
  backend.port = entry.at("port").get<std::uint16_t>();
  drain.drained = entry.at("drained").get<bool>();
  weight.weight = entry.at("weight").get<std::uint16_t>();
  weight.configured = entry.at("configured_weight").get<std::uint16_t>();
  if (!entry.contains("of")) {
    drain.version = drain.drained ? 1 : 0;
    weight.version = weight.weight != weight.configured ? 1 : 0;
    return change;
  }
  const json& of = entry.at("of");
  backend.protocol = of.at("protocol").get<std::string>() == "udp" ? kUdp : kTcp;
  backend.service = address_of(of.at("address"));
  backend.service_port = of.at("port").get<std::uint16_t>();
  drain.version = entry.at("drain").at("version").get<std::uint64_t>();
  drain.node = entry.at("drain").at("node").get<std::string>();
  weight.version = entry.at("weighed").at("version").get<std::uint64_t>();
  weight.node = entry.at("weighed").at("node").get<std::string>();
  if (std::max(drain.version, weight.version) > sync::BackendWish::kLastVersion)
    throw std::runtime_error("backends: version: expected 2^62 at most");
  return change;
}

json to_json(const services::OperatorChange& change) {
  const auto& [backend, drain, weight] = change.wish;
  json entry = {{"service", change.service}, {"address", backend.address.to_string()},
                {"port", backend.port},      {"drained", drain.drained},
                {"weight", weight.weight},   {"configured_weight", weight.configured}};
  if (backend.service_port == 0) return entry;
  entry["of"] = {{"protocol", backend.protocol == kUdp ? "udp" : "tcp"},
                 {"address", backend.service.to_string()},
                 {"port", backend.service_port}};
  entry["drain"] = {{"version", drain.version}, {"node", drain.node}};
  entry["weighed"] = {{"version", weight.version}, {"node", weight.node}};
  return entry;
}

}  // namespace

std::string to_text(const OperatorWishes& wishes) {
  json backends = json::array();
  for (const auto& change : wishes.backends) backends.push_back(to_json(change));
  return json{{"backends", std::move(backends)}, {"handed_over", wishes.handed_over}}.dump() + "\n";
}

Result<OperatorWishes> wishes_of(const std::string& text) {
  try {
    const json document = json::parse(text);
    OperatorWishes wishes;
    for (const json& entry : document.at("backends")) wishes.backends.push_back(change_of(entry));
    wishes.handed_over = document.at("handed_over").get<std::set<std::string>>();
    return wishes;
  } catch (const std::exception& error) {
    return fail(std::string("expected the JSON document that tandemd wrote there: ") +
                error.what());
  }
}

OperatorMemory::OperatorMemory(std::string file) : file_(std::move(file)) {
  const auto text = read_kept(file_);
  if (!text) return;  // nothing was asked for
  if (auto wishes = wishes_of(*text))
    wishes_ = std::move(*wishes);
  else
    put_aside(file_, wishes.error(), "drains, weights and handovers of before are not kept");
}

void OperatorMemory::follow(boost::asio::io_context& loop, Ask ask) {
  ask_ = std::move(ask);
  second_ = std::make_unique<Alarm>(loop, [this] { changed(); });
  changed();
}

void OperatorMemory::changed() {
  if (!second_) return;
  second_->set(MonotonicClock::now() + std::chrono::seconds(1));
  ask_([this](const OperatorWishes& wishes) { keep(wishes); });
}

void OperatorMemory::keep(const OperatorWishes& wishes) {
  if (wishes == wishes_) return;
  wishes_ = wishes;
  if (const auto written = write_kept(file_, to_text(wishes)); !written)
    spdlog::error("what the operator asked for is not kept over a restart: {}",
                  written.error().message);
}

}  // namespace tandem::daemon
