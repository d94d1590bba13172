// SPDX-License-Identifier: Apache-2.0
#include "observe/explain_document.hpp"

#include "flow/reason_names.hpp"

namespace tandem::observe {

using nlohmann::json;

namespace {

const char* verdict_name(Verdict verdict) {
  switch (verdict) {
    case Verdict::forward:
      return "forward";
    case Verdict::pass:
      return "pass";
    case Verdict::drop:
      break;
  }
  return "drop";
}

const char* picked_by_name(PickedBy by) {
  switch (by) {
    case PickedBy::flow:
      return "flow";
    case PickedBy::hash:
      return "hash";
    case PickedBy::affinity:
      return "affinity";
    case PickedBy::scheduler:
      break;
  }
  return "scheduler";
}

json steps_document(const std::vector<ExplainStep>& steps) {
  json rows = json::array();
  for (const ExplainStep& step : steps)
    rows.push_back({{"what", step.what}, {"result", step.result}, {"good", step.good}});
  return rows;
}

json lease_document(const LeaseView& lease) {
  return {{"live", lease.live}, {"remaining_ms", lease.live ? to_ms(lease.remaining) : 0.0}};
}

json pick_document(const PickView& pick) {
  return {{"backend", pick.backend.to_string()},
          {"backend_port", pick.port},
          {"by", picked_by_name(pick.by)}};
}

json egress_document(const EgressView& egress) {
  return {{"device", egress.device},
          {"source_mac", egress.source_mac.to_string()},
          {"destination_mac", egress.destination_mac.to_string()},
          {"vlan", egress.vlan},
          {"mtu", egress.mtu}};
}

json text_or_null(const std::string& text) {
  return text.empty() ? json() : json(text);
}

}  // namespace

json explain_document(const ExplainView& view) {
  return {{"steps", steps_document(view.steps)},
          {"verdict", verdict_name(view.verdict)},
          {"reason", flow::reason_name(view.reason)},
          {"virtual_router", text_or_null(view.virtual_router)},
          {"lease", view.lease ? lease_document(*view.lease) : json()},
          {"service", text_or_null(view.service)},
          {"flow", view.flow ? flow_document(*view.flow) : json()},
          {"pick", view.pick ? pick_document(*view.pick) : json()},
          {"rewrite", view.rewrite},
          {"egress", view.egress ? egress_document(*view.egress) : json()}};
}

}  // namespace tandem::observe
