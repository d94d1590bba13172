// SPDX-License-Identifier: Apache-2.0
#include "daemon/operator_memory.hpp"

#include <spdlog/spdlog.h>

#include <nlohmann/json.hpp>
#include <utility>

#include "daemon/kept_file.hpp"

namespace tandem::daemon {
namespace {

using nlohmann::json;

services::OperatorChange change_of(const json& entry) {
  const auto address = IpAddress::parse(entry.at("address").get<std::string>());
  if (!address) throw std::runtime_error("backends: address: expected an IP address");
  return {
      entry.at("service").get<std::string>(),  *address,
      entry.at("port").get<std::uint16_t>(),   entry.at("drained").get<bool>(),
      entry.at("weight").get<std::uint16_t>(), entry.at("configured_weight").get<std::uint16_t>()};
}

}  // namespace

std::string to_text(const OperatorWishes& wishes) {
  json backends = json::array();
  for (const auto& b : wishes.backends)
    backends.push_back({{"service", b.service},
                        {"address", b.address.to_string()},
                        {"port", b.port},
                        {"drained", b.drained},
                        {"weight", b.weight},
                        {"configured_weight", b.configured_weight}});
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
