// SPDX-License-Identifier: Apache-2.0
#include "ctl/top/listing.hpp"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <map>

#include "ctl/render.hpp"

namespace tandem::ctl::top {

using nlohmann::json;

namespace {

constexpr std::size_t kBar = 10;  // columns

double number_or_0(const json& value) {
  return value.is_null() ? 0.0 : value.get<double>();
}

Cell rate_cell(const json& row, const char* counter) {
  return {per_second_text(row.at("per_second").at(counter))};
}
Cell bits_cell(const json& row, const char* counter) {
  return {bits_text(row.at("per_second").at(counter))};
}
double rate_of(const json& row, const char* counter) {
  return number_or_0(row.at("per_second").at(counter));
}

// ---- services

Cell backends_cell(const json& backends) {
  const auto up = backends.at("up").get<std::uint64_t>();
  const auto all =
      up + backends.at("draining").get<std::uint64_t>() + backends.at("down").get<std::uint64_t>();
  std::string text = std::to_string(up) + " of " + std::to_string(all) + " up";
  if (backends.at("draining") != 0) text += ", " + number(backends.at("draining")) + " draining";
  const Tint full = up == all ? Tint::good : Tint::warn;
  return {text, up == 0 ? Tint::bad : full};
}

Row service_row(const json& service) {
  const bool lease = service.at("lease").get<bool>();
  const bool local = service.at("scheduler").is_null();
  const json& refused = service.at("refused");
  return {
      {{text_at(service, "name")},
       {endpoint_text(service, "address", "port") + "/" + text_at(service, "protocol")},
       {lease ? "live" : "none", lease ? Tint::good : Tint::faint},
       {text_at(service, "forward")},
       local ? Cell{"-"} : backends_cell(service.at("backends")),
       {local ? "-" : number(service.at("flows").at("active"))},
       {local ? "-" : rate_text(service.at("new_per_second"))},
       rate_cell(service, "packets_in"),
       bits_cell(service, "bytes_in"),
       rate_cell(service, "packets_out"),
       bits_cell(service, "bytes_out"),
       {local ? "-" : number(refused), refused == 0 ? Tint::none : Tint::warn}},
      {service.at("flows").at("active").get<double>(), service.at("new_per_second").get<double>(),
       rate_of(service, "packets_in"), rate_of(service, "bytes_in") + rate_of(service, "bytes_out"),
       service.at("backends").at("down").get<double>()}};
}

Listing services(const json& sample) {
  Listing listing{{"SERVICE", "ADDRESS", "LEASE", "FORWARD", "BACKENDS", "ACTIVE", "NEW/S",
                   "IN PKT/S", "IN", "OUT PKT/S", "OUT", "REFUSED"},
                  {"active", "new/s", "packets/s", "bits/s", "backends down"},
                  {},
                  "No service is configured."};
  for (const json& service : sample.at("services")) listing.rows.push_back(service_row(service));
  return listing;
}

// ---- backends

// Active connections for each unit of weight, which the scheduler levels out; with weight 0 there
// is nothing to level.
double load_of(const json& backend) {
  const auto weight = backend.at("weight").get<double>();
  return weight > 0 ? backend.at("active").get<double>() / weight : 0;
}

struct Totals {
  double load = 0;    // the highest
  double active = 0;  // of all
};

std::map<std::string, Totals> totals_by_service(const json& backends) {
  std::map<std::string, Totals> totals;
  for (const json& backend : backends) {
    Totals& of = totals[backend.at("service").get<std::string>()];
    of.load = std::max(of.load, load_of(backend));
    of.active += backend.at("active").get<double>();
  }
  return totals;
}

Cell state_cell(const std::string& state) {
  if (state == "up") return {state, Tint::good};
  return {state, state == "draining" ? Tint::warn : Tint::bad};
}

Cell active_cell(const json& backend) {
  const json& active = backend.at("active");
  const json& most = backend.at("max_connections");
  if (most == 0) return {number(active)};
  return {number(active) + " of " + number(most), active < most ? Tint::none : Tint::warn};
}

std::string percent(double part, double whole) {
  return whole > 0 ? rate_text(std::round(part / whole * 1000) / 10) + "%" : "-";
}

std::string why_text(const json& backend) {
  const json& part = backend.at("slow_start");
  const auto why = text_at(backend, "why");
  return part.is_null() ? why : "slow start: " + percent(part.get<double>(), 1) + "; " + why;
}

Row backend_row(const json& backend, const Totals& totals, bool utf8) {
  const auto state = text_at(backend, "state");
  const auto active = backend.at("active").get<double>();
  const double load = load_of(backend);
  return {{{endpoint_text(backend, "address", "port")},
           {text_at(backend, "service")},
           state_cell(state),
           {duration_text(backend.at("for_seconds").get<double>())},
           {bar(totals.load > 0 ? load / totals.load : 0, kBar, utf8)},
           active_cell(backend),
           {percent(active, totals.active)},
           {number(backend.at("weight"))},
           {rate_text(backend.at("new_per_second"))},
           rate_cell(backend, "packets_in"),
           rate_cell(backend, "packets_out"),
           {why_text(backend), Tint::faint}},
          {active, load, backend.at("new_per_second").get<double>(),
           rate_of(backend, "packets_in") + rate_of(backend, "packets_out"),
           state == "up" ? 0.0 : (state == "draining" ? 1.0 : 2.0)}};
}

Listing backends(const json& sample, bool utf8) {
  Listing listing{{"BACKEND", "SERVICE", "STATE", "FOR", "LOAD      ", "ACTIVE", "SHARE", "WEIGHT",
                   "NEW/S", "IN PKT/S", "OUT PKT/S", "WHY"},
                  {"active", "load", "new/s", "packets/s", "state, down first"},
                  {},
                  "There is no backend."};
  if (!sample.contains("backends")) return listing;  // asked for, and on its way
  const auto totals = totals_by_service(sample.at("backends"));
  for (const json& backend : sample.at("backends"))
    listing.rows.push_back(
        backend_row(backend, totals.at(backend.at("service").get<std::string>()), utf8));
  return listing;
}

// ---- virtual routers

std::string peer_text(const json& peer) {
  if (peer.is_null()) return "none heard yet";
  return text_at(peer, "address") + " (" + number(peer.at("priority")) + "), " +
         duration_text(peer.at("seen_seconds_ago").get<double>()) + " ago";
}

Row router_row(const json& router) {
  const auto state = text_at(router, "state");
  std::string addresses;
  for (const json& address : router.at("addresses"))
    addresses += (addresses.empty() ? "" : ", ") + text_at(address, "address");
  const json& lease = router.at("lease_ms");
  const auto for_seconds = router.at("for_seconds").get<double>();
  return {{{text_at(router, "name")},
           {state_text(state), state_tint(state)},
           {duration_text(for_seconds)},
           {number(router.at("priority").at("effective"))},
           {lease.is_null() ? "none" : duration_text(lease.get<double>() / 1e3)},
           {peer_text(router.at("peer"))},
           {addresses},
           {number(router.at("transitions"))},
           {text_at(router, "cause"), Tint::faint}},
          {state == "Fault" ? 2.0 : (state == "Active" ? 1.0 : 0.0), -for_seconds,
           router.at("transitions").get<double>()}};
}

Listing routers(const json& sample) {
  Listing listing{
      {"ROUTER", "STATE", "FOR", "PRIORITY", "LEASE", "PEER", "ADDRESSES", "CHANGES", "CAUSE"},
      {"state", "last change", "changes"},
      {},
      "No virtual router is configured."};
  for (const json& router : sample.at("routers")) listing.rows.push_back(router_row(router));
  return listing;
}

// ---- events and drops

Listing events(const json& sample) {
  Listing listing{{"TIME", "ABOUT", "WHAT, NEWEST FIRST"}, {}, {}, "Nothing has happened yet."};
  if (!sample.contains("events")) return listing;
  for (const json& event : sample.at("events")) {
    const EventText text = event_text(event);
    listing.rows.push_back({{{text_at(event, "time"), Tint::faint},
                             {text.subject, Tint::strong},
                             {text.what, text.tint}},
                            {}});
  }
  std::ranges::reverse(listing.rows);
  return listing;
}

void add_drops(Listing& listing, const json& counts, const json& rates, const std::string& prefix) {
  for (const auto& [name, count] : counts.items()) {
    if (count == 0) continue;
    const json& rate = rates.at(name);
    listing.rows.push_back(
        {{{prefix + printable(name)},
          {per_second_text(rate), number_or_0(rate) > 0 ? Tint::warn : Tint::none},
          {number(count)}},
         {number_or_0(rate), count.get<double>()}});
  }
}

Listing drops(const json& sample) {
  Listing listing{{"WHAT BECAME OF PACKETS", "PER SECOND", "SINCE THE START"},
                  {"per second", "since the start"},
                  {},
                  "No packet has come by yet."};
  const json& status = sample.at("status");
  add_drops(listing, status.at("packets"), status.at("per_second").at("packets"), "");
  add_drops(listing, status.at("adverts").at("dropped"),
            status.at("per_second").at("dropped_adverts"), "advert dropped: ");
  return listing;
}

// ---- choosing

std::string lower(std::string text) {
  for (char& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return text;
}

bool holds(const Row& row, const std::string& lowered) {
  return std::ranges::any_of(row.cells, [&](const Cell& cell) {
    return lower(cell.text).find(lowered) != std::string::npos;
  });
}

// Three digits and a thousand's prefix: "12.3", "1.23k", "45M".
std::string prefixed(double value, const char* unit) {
  constexpr std::array kPrefixes{"", "k", "M", "G", "T"};
  std::size_t prefix = 0;
  for (; value >= 999.5 && prefix + 1 < kPrefixes.size(); prefix++) value /= 1000;
  const double scale = value < 9.995 ? 100 : (value < 99.95 ? 10 : 1);
  const double digits = std::round(value * scale) / scale;
  std::array<char, 32> text{};
  (void)std::snprintf(text.data(), text.size(), "%g%s%s%s", digits, *unit != '\0' ? " " : "",
                      kPrefixes[prefix], unit);
  return text.data();
}

}  // namespace

const char* to_string(Page page) {
  switch (page) {
    case Page::services:
      return "services";
    case Page::backends:
      return "backends";
    case Page::vrrp:
      return "vrrp";
    case Page::events:
      return "events";
    case Page::drops:
      break;
  }
  return "drops";
}

Parts parts_of(Page page) {
  return {.backends = page == Page::backends, .events = page == Page::events};
}

Listing list(Page page, const json& sample, bool utf8) {
  switch (page) {
    case Page::services:
      return services(sample);
    case Page::backends:
      return backends(sample, utf8);
    case Page::vrrp:
      return routers(sample);
    case Page::events:
      return events(sample);
    case Page::drops:
      break;
  }
  return drops(sample);
}

void choose(Listing& listing, const std::string& filter, std::size_t order) {
  if (!filter.empty()) {
    std::erase_if(listing.rows,
                  [lowered = lower(filter)](const Row& row) { return !holds(row, lowered); });
    listing.nothing = "No row holds '" + filter + "'.";
  }
  if (order > 0)
    std::ranges::stable_sort(listing.rows, std::ranges::greater{},
                             [order](const Row& row) { return row.ranks[order - 1]; });
}

std::string bar(double fraction, std::size_t width, bool utf8) {
  constexpr std::array kEighths{"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
  const auto eighths = static_cast<std::size_t>(
      std::lround(std::clamp(fraction, 0.0, 1.0) * static_cast<double>(width) * 8));
  std::string text;
  if (!utf8) return std::string((eighths + 4) / 8, '#');
  for (std::size_t i = 0; i < eighths / 8; i++) text += "█";
  return text + kEighths[eighths % 8];
}

std::string per_second_text(const json& rate) {
  return rate.is_null() ? "-" : prefixed(rate.get<double>(), "");
}

std::string bits_text(const json& bytes_per_second) {
  return bytes_per_second.is_null() ? "-" : prefixed(bytes_per_second.get<double>() * 8, "b/s");
}

}  // namespace tandem::ctl::top
