// SPDX-License-Identifier: Apache-2.0
// The requests about services: both ways over the wire, and what is wrong with bad ones.
#include <gtest/gtest.h>

#include "control/requests.hpp"

namespace tandem::control {
namespace {

using nlohmann::json;

IpAddress ip(const char* text) {
  return IpAddress::parse(text).value();
}

template <class Request>
std::string error_of(const char* text) {
  const auto request = Request::from_json(json::parse(text));
  return request ? "" : request.error().message;
}

TEST(ServicesRequests, SurviveTheWire) {
  FlowsRequest flows;
  flows.service = "web";
  flows.backend = Endpoint{ip("2001:db8::21"), 80};
  flows.client = ip("192.0.2.7");
  flows.state = TD_FLOW_ESTABLISHED;
  flows.limit = 5;
  flows.count_only = true;
  const auto back = FlowsRequest::from_json(flows.to_json());
  ASSERT_TRUE(back);
  EXPECT_EQ(back->service, "web");
  EXPECT_EQ(back->backend, flows.backend);
  EXPECT_EQ(back->client, flows.client);
  EXPECT_EQ(back->state, TD_FLOW_ESTABLISHED);
  EXPECT_EQ(back->limit, 5U);
  EXPECT_TRUE(back->count_only);

  const auto weight = WeightRequest::from_json(
      WeightRequest{"web", {ip("198.51.100.1"), std::nullopt}, 7}.to_json());
  ASSERT_TRUE(weight);
  EXPECT_EQ(weight->weight, 7);
  EXPECT_FALSE(weight->backend.port);

  const ExplainRequest explain{ip("2001:db8::1"), 40000, ip("2001:db8::2"), 53,
                               config::Protocol::udp};
  const auto explained = ExplainRequest::from_json(explain.to_json());
  ASSERT_TRUE(explained);
  EXPECT_EQ(explained->source_port, 40000);
  EXPECT_EQ(explained->protocol, config::Protocol::udp);

  const auto capture = CaptureRequest::from_json(CaptureRequest{"/tmp/x", "tcp", 3, 9}.to_json());
  ASSERT_TRUE(capture);
  EXPECT_EQ(capture->count, 3U);
  EXPECT_FALSE(BackendsRequest::from_json(BackendsRequest{}.to_json())->service);
}

TEST(ServicesRequests, SayWhichArgumentIsWrong) {
  EXPECT_EQ(error_of<FlowsRequest>(R"({"state": "open"})"),
            "argument \"state\": expected \"syn_sent\" or \"established\" or \"fin_client\" or "
            "\"fin_server\" or \"closed\" or \"reset\" or \"active\" or \"joined\"");
  EXPECT_EQ(error_of<FlowsRequest>(R"({"limit": 0})"),
            "argument \"limit\": expected a whole number, 1 to 100000");
  EXPECT_EQ(error_of<FlowsRequest>(R"({"client": "192.0.2"})"),
            "argument \"client\": expected an IP address");
  EXPECT_EQ(error_of<FlowsRequest>(R"({"sort": 1})"), "unknown argument \"sort\"");
  EXPECT_EQ(error_of<DrainRequest>("{}"), "argument \"service\" is missing: expected a string");
  EXPECT_EQ(error_of<DrainRequest>(R"({"service": "w", "backend": "192.0.2.1:99999"})"),
            "argument \"backend\": expected ADDRESS, ADDRESS:PORT or [IPV6-ADDRESS]:PORT");
  EXPECT_EQ(error_of<WeightRequest>(R"({"service": "w", "backend": "192.0.2.1", "weight": 65536})"),
            "argument \"weight\": expected a whole number, 0 to 65535");
  EXPECT_EQ(error_of<ExplainRequest>(
                R"({"source": "192.0.2.1", "destination": "2001:db8::1", "port": 80})"),
            "\"source\" and \"destination\" are of two families: expected both IPv4 or IPv6");
  EXPECT_EQ(error_of<CaptureRequest>(R"({"file": "x.pcapng"})"),
            "argument \"file\": expected an absolute path");
  EXPECT_EQ(error_of<CaptureRequest>(R"({"file": "/x", "seconds": 3601})"),
            "argument \"seconds\": expected a whole number, 1 to 3600");
}

TEST(Endpoint, IsReadAsPeopleWriteIt) {
  for (const char* text : {"192.0.2.1", "192.0.2.1:80", "2001:db8::1", "[2001:db8::1]:80"})
    EXPECT_EQ(Endpoint::parse(text).value().to_string(), text);
  EXPECT_EQ(Endpoint::parse("[2001:db8::1]").value().to_string(), "2001:db8::1");
  for (const char* text :
       {"", "web", "192.0.2.1:", "192.0.2.1:0", "[192.0.2.1]", "2001:db8::1]:80"})
    EXPECT_FALSE(Endpoint::parse(text)) << text;
}

}  // namespace
}  // namespace tandem::control
