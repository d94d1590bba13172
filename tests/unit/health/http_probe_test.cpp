// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "health/probe.hpp"
#include "run_probe.hpp"
#include "test_server.hpp"

namespace tandem::health {
namespace {

using testing::run_probe;
using testing::TestServer;
using After = TestServer::After;

const std::string kOk = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

class HttpProbeTest : public ::testing::Test {
 protected:
  ProbeResult probe(std::uint16_t port, bool tls = false, const std::string& host = "127.0.0.1") {
    const auto made =
        make_http_probe(loop_, {.tls = tls, .host = host, .port = port, .target = "/health?x=1"});
    return run_probe(loop_, *made);
  }
  ProbeResult probe_answer(const std::string& answer, After after = After::close) {
    TestServer server(loop_, answer, after);
    return probe(server.port());
  }
  void expect(const ProbeResult& result, bool pass, const std::string& detail) {
    EXPECT_EQ(result.pass, pass) << result.detail;
    EXPECT_EQ(result.detail, detail);
  }
  boost::asio::io_context loop_;
};

TEST_F(HttpProbeTest, AsksForTheTarget) {
  TestServer server(loop_, kOk);
  expect(probe(server.port()), true, "HTTP 200");
  ASSERT_EQ(server.requests().size(), 1U);
  EXPECT_EQ(server.requests()[0],
            "GET /health?x=1 HTTP/1.1\r\nHost: 127.0.0.1:" + std::to_string(server.port()) +
                "\r\nUser-Agent: tandem/" TANDEM_VERSION
                " (health check)\r\nAccept: */*\r\n"
                "Connection: close\r\n\r\n");
}

TEST_F(HttpProbeTest, PassesOn2xxAnd3xxOnly) {
  const std::pair<int, bool> statuses[] = {{200, true},  {204, true},  {301, true},
                                           {399, true},  {400, false}, {404, false},
                                           {500, false}, {503, false}, {600, false}};
  for (const auto& [status, pass] : statuses) {
    const auto text = std::to_string(status);
    expect(probe_answer("HTTP/1.1 " + text + " X\r\nContent-Length: 0\r\n\r\n"), pass,
           "HTTP " + text);
  }
}

// RFC 9110, 15.2: any number of interim responses, even if none is expected.
TEST_F(HttpProbeTest, ReadsOnBehindInterimResponses) {
  const std::string hints = "HTTP/1.1 103 Early Hints\r\nLink: </a>; rel=preload\r\n\r\n",
                    go_on = "HTTP/1.1 100 Continue\r\n\r\n",
                    busy = "HTTP/1.1 102 Processing\r\n\r\n";
  for (const auto& interim : {hints, go_on, busy, hints + go_on + busy}) {
    expect(probe_answer(interim + kOk), true, "HTTP 200");
    expect(probe_answer(interim + "HTTP/1.1 503 X\r\nContent-Length: 0\r\n\r\n"), false,
           "HTTP 503");
  }
  EXPECT_FALSE(probe_answer(hints).pass);
  std::string endless;
  for (int i = 0; i < 1000; i++) endless += go_on;
  expect(probe_answer(endless + kOk), false, "nothing but interim responses");
  expect(probe_answer("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n"), false, "HTTP 101");
}

TEST_F(HttpProbeTest, AsksForTheNameAndExpectsWhatItIsTold) {
  TestServer server(loop_, kOk);
  config::HttpProbe wanted{.host = "127.0.0.1", .port = server.port()};
  wanted.terms.host = "www.example.org";
  EXPECT_TRUE(run_probe(loop_, *make_http_probe(loop_, wanted)).pass);
  ASSERT_EQ(server.requests().size(), 1U);
  EXPECT_NE(server.requests()[0].find("\r\nHost: www.example.org\r\n"), std::string::npos);
  wanted.terms.status = {{201, 299}, {404, 404}};
  expect(run_probe(loop_, *make_http_probe(loop_, wanted)), false, "HTTP 200");
  wanted.terms.status = {{404, 404}, {200, 200}};
  wanted.terms.body = "ok";
  expect(run_probe(loop_, *make_http_probe(loop_, wanted)), true, "HTTP 200");
  wanted.terms.body = "okay";
  expect(run_probe(loop_, *make_http_probe(loop_, wanted)), false,
         "HTTP 200 without the text that is expected");
}

TEST_F(HttpProbeTest, TakesTheOtherFramings) {
  expect(probe_answer("HTTP/1.0 200 OK\r\n\r\nto the end"), true, "HTTP 200");
  expect(probe_answer("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                      "3\r\nabc\r\n0\r\n\r\n"),
         true, "HTTP 200");
}

TEST_F(HttpProbeTest, DoesNotWaitForAConnectionToClose) {
  expect(probe_answer(kOk, After::hang), true, "HTTP 200");
}

TEST_F(HttpProbeTest, ReadsOnlyTheBeginningOfALongBody) {
  // Announces far more than it sends, and then hangs: only a bounded reader gets to a result.
  const std::string head = "HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n";
  expect(probe_answer(head + std::string(70'000, 'x'), After::hang), true, "HTTP 200");
}

TEST_F(HttpProbeTest, FetchesABodyIfItIsWanted) {
  TestServer server(loop_,
                    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                    "3\r\nabc\r\n4\r\ndefg\r\n0\r\n\r\n");
  const auto fetch = make_http_fetch(loop_, {.host = "127.0.0.1", .port = server.port()});
  for (int i = 0; i < 2; i++) EXPECT_EQ(run_probe(loop_, *fetch).body, "abcdefg");
  EXPECT_EQ(probe(server.port()).body, "");
}

TEST_F(HttpProbeTest, FailsOnAResponseCutShort) {
  expect(probe_answer("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort"), false,
         "not a valid HTTP response: partial message");
  expect(probe_answer("HTTP/1.1 200 OK\r\nContent-"), false,
         "not a valid HTTP response: partial message");
  expect(probe_answer(""), false, "connection closed without a response");
}

TEST_F(HttpProbeTest, FailsOnGarbage) {
  expect(probe_answer("SSH-2.0-OpenSSH_9.2\r\n"), false, "not a valid HTTP response: bad version");
  const auto no_end = probe_answer("HTTP/1.1 200 OK\r\nX: " + std::string(100'000, 'x'));
  EXPECT_FALSE(no_end.pass);
  EXPECT_NE(no_end.detail.find("not a valid HTTP response"), std::string::npos) << no_end.detail;
}

TEST_F(HttpProbeTest, FailsWhenNobodyListens) {
  const testing::ClosedPort port(loop_);
  expect(probe(port.number()), false, "connection refused");
}

TEST_F(HttpProbeTest, TellsWhereItWasStopped) {
  TestServer server(loop_, "", After::hang);
  const auto made = make_http_probe(loop_, {.host = "127.0.0.1", .port = server.port()});
  made->start([](const ProbeResult&) { ADD_FAILURE() << "called"; });
  ASSERT_TRUE(testing::run_until(loop_, [&] { return !server.requests().empty(); }));
  EXPECT_EQ(made->stop(), "waiting for the response");
  loop_.poll();
}

TEST_F(HttpProbeTest, ResolvesNamesAndTriesEachAddress) {
  TestServer server(loop_, kOk);  // on 127.0.0.1 only; localhost is often ::1 first
  expect(probe(server.port(), false, "localhost"), true, "HTTP 200");
  EXPECT_NE(server.requests().at(0).find("Host: localhost:"), std::string::npos);
  const auto unknown = probe(80, false, "no-such-name.invalid");
  EXPECT_FALSE(unknown.pass);
  EXPECT_NE(unknown.detail.find("no-such-name.invalid: "), std::string::npos) << unknown.detail;
}

TEST_F(HttpProbeTest, SpeaksTlsWithoutVerifyingTheCertificate) {
  TestServer server(loop_, kOk, After::close, true);
  expect(probe(server.port(), true), true, "HTTP 200");
  EXPECT_EQ(server.requests().size(), 1U);
  server.set_answer("HTTP/1.0 200 OK\r\n\r\nends without TLS's closing alert");
  expect(probe(server.port(), true, "localhost"), true, "HTTP 200");
  server.set_answer("HTTP/1.1 503 Busy\r\n\r\n");
  expect(probe(server.port(), true), false, "HTTP 503");
}

TEST_F(HttpProbeTest, FailsWhenTheOtherSideSpeaksNoTls) {
  TestServer server(loop_, "", After::hang);
  boost::asio::ip::tcp::acceptor plain(loop_, {boost::asio::ip::address_v4::loopback(), 0});
  plain.async_accept([](boost::system::error_code, boost::asio::ip::tcp::socket socket) {
    boost::asio::write(socket, boost::asio::buffer("220 this is not TLS\r\n", 21));
  });
  const auto result = probe(plain.local_endpoint().port(), true);
  EXPECT_FALSE(result.pass);
  EXPECT_EQ(result.detail.rfind("TLS: ", 0), 0U) << result.detail;
}

TEST_F(HttpProbeTest, LeavesNothingBehindWhenDestroyedInFlight) {
  TestServer server(loop_, "", After::hang, true);
  {
    const auto made =
        make_http_probe(loop_, {.tls = true, .host = "127.0.0.1", .port = server.port()});
    made->start([](const ProbeResult&) { ADD_FAILURE() << "called"; });
    loop_.poll();
  }
  loop_.poll();
}

}  // namespace
}  // namespace tandem::health
