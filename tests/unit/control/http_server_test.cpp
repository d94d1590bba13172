// SPDX-License-Identifier: Apache-2.0
#include "control/http_server.hpp"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <deque>
#include <future>
#include <thread>

#include "base/descriptor.hpp"

namespace tandem::control {
namespace {

using namespace std::chrono_literals;

const IpAddress kHere = *IpAddress::parse("127.0.0.1");

// Speaks whatever it is told to. No wait of it lasts longer than ten seconds.
class RawHttpClient {
 public:
  explicit RawHttpClient(std::uint16_t port) : socket_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    (void)::connect(socket_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address);
  }
  void send(const std::string& bytes) const {
    (void)::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
  }
  // An answer with so many bytes of body; whatever came, if the connection ends before.
  std::string answer(std::size_t body) {
    for (;;) {
      const auto end = received_.find("\r\n\r\n");
      if (end != std::string::npos && received_.size() >= end + 4 + body) {
        auto answer = received_.substr(0, end + 4 + body);
        received_.erase(0, answer.size());
        return answer;
      }
      if (!receive()) return std::exchange(received_, {});
    }
  }
  // Everything, until the other side closes. nullopt: it does not.
  std::optional<std::string> rest() {
    while (receive()) {
    }
    return closed_ ? std::optional(received_) : std::nullopt;
  }

 private:
  bool receive() {
    std::array<char, 65536> chunk;
    pollfd ready{socket_.get(), POLLIN, 0};
    if (::poll(&ready, 1, 10'000) != 1) return false;
    const ssize_t n = ::recv(socket_.get(), chunk.data(), chunk.size(), 0);
    closed_ = n <= 0;
    if (n > 0) received_.append(chunk.data(), static_cast<std::size_t>(n));
    return n > 0;
  }

  Descriptor socket_;
  bool closed_ = false;
  std::string received_;
};

class HttpServerTest : public testing::Test {
 protected:
  ~HttpServerTest() override { stop(); }

  void start(HttpLimits limits = {}) {
    auto server = HttpServer::listen(io_, kHere, 0, limits);
    ASSERT_TRUE(server) << server.error().message;
    server_ = std::move(*server);
    port_ = server_->port();
    server_->on("/text", "text/plain", [](const HttpServer::Done& done) { done("hello"); });
    server_->on("/broken", "text/plain",
                [](const HttpServer::Done& done) { done(fail("not now")); });
    server_->on("/throws", "text/plain",
                [](const HttpServer::Done&) { throw std::runtime_error("oh"); });
    server_->on("/big", "text/plain",
                [](const HttpServer::Done& done) { done(std::string(32 << 20, 'x')); });
    server_->on("/later", "text/plain", [this](HttpServer::Done done) {
      ++asked_;
      later_ = std::move(done);
    });
    thread_ = std::thread([this] { io_.run(); });
  }
  void stop() {
    if (!thread_.joinable()) return;
    boost::asio::post(io_, [this] {
      server_.reset();
      work_.reset();
    });
    thread_.join();
  }
  // Runs it on the server's thread.
  template <class F>
  auto there(F f) {
    std::promise<decltype(f())> result;
    boost::asio::post(io_, [&] { result.set_value(f()); });
    return result.get_future().get();
  }
  std::string get(const std::string& request, std::size_t body) {
    RawHttpClient client(port_);
    client.send(request + "\r\nHost: a\r\n\r\n");
    return client.answer(body);
  }
  // Until it holds, but not for longer than ten seconds.
  template <class F>
  bool comes_true(F f) {
    for (int i = 0; i < 1000; i++) {
      if (there(f)) return true;
      std::this_thread::sleep_for(10ms);
    }
    return false;
  }

  boost::asio::io_context io_;
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_{
      io_.get_executor()};
  std::unique_ptr<HttpServer> server_;
  std::uint16_t port_ = 0;
  int asked_ = 0;
  HttpServer::Done later_;
  std::thread thread_;
};

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

TEST_F(HttpServerTest, ServesADocumentWithItsTypeAndLength) {
  start();
  const auto answer = get("GET /text?x=1 HTTP/1.1", 5);
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 200 OK\r\n")) << answer;
  EXPECT_TRUE(has(answer, "\r\nContent-Type: text/plain\r\n")) << answer;
  EXPECT_TRUE(has(answer, "\r\nContent-Length: 5\r\n")) << answer;
  EXPECT_FALSE(has(answer, "Access-Control-Allow-Origin")) << answer;
  EXPECT_TRUE(answer.ends_with("\r\n\r\nhello")) << answer;
}

TEST_F(HttpServerTest, LetsPagesOfOneOriginRead) {
  start();
  server_->set_reader("http://192.0.2.3:9105");
  const auto answer = get("GET /text HTTP/1.1", 5);
  EXPECT_TRUE(has(answer, "\r\nAccess-Control-Allow-Origin: http://192.0.2.3:9105\r\n")) << answer;
}

TEST_F(HttpServerTest, AnswersHeadWithoutABody) {
  start();
  RawHttpClient client(port_);
  client.send("HEAD /text HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  const auto answer = client.rest();
  ASSERT_TRUE(answer);
  EXPECT_TRUE(has(*answer, "\r\nContent-Length: 5\r\n")) << *answer;
  EXPECT_TRUE(answer->ends_with("\r\n\r\n")) << *answer;
}

TEST_F(HttpServerTest, AnswersRequestsOfOneConnectionInTurn) {
  start();
  RawHttpClient client(port_);
  for (int i = 0; i < 3; i++) client.send("GET /text HTTP/1.1\r\nHost: a\r\n\r\n");
  for (int i = 0; i < 3; i++) EXPECT_TRUE(client.answer(5).ends_with("hello"));
  client.send("GET /text HTTP/1.0\r\n\r\n");
  EXPECT_TRUE(client.rest()) << "HTTP/1.0 means one request";
}

TEST_F(HttpServerTest, RefusesWhatItDoesNotServe) {
  start();
  EXPECT_TRUE(get("GET /nothing HTTP/1.1", 0).starts_with("HTTP/1.1 404"));
  EXPECT_TRUE(get("GET /text/../../etc/passwd HTTP/1.1", 0).starts_with("HTTP/1.1 404"));
  const auto post = get("POST /text HTTP/1.1", 0);
  EXPECT_TRUE(post.starts_with("HTTP/1.1 405")) << post;
  EXPECT_TRUE(has(post, "\r\nAllow: GET, HEAD\r\n")) << post;
  EXPECT_TRUE(get("GET /broken HTTP/1.1", 7).ends_with("not now"));
  EXPECT_TRUE(get("GET /broken HTTP/1.1", 0).starts_with("HTTP/1.1 503"));
  EXPECT_TRUE(get("GET /throws HTTP/1.1", 0).starts_with("HTTP/1.1 503"));
  EXPECT_TRUE(get("GET /text HTTP/1.1", 5).ends_with("hello"));
  EXPECT_EQ(there([this] { return server_->counters().refused; }), 3U);
}

TEST_F(HttpServerTest, SaysWhatIsWrongWithGarbageAndCloses) {
  start();
  const auto answer_to = [this](const std::string& bytes) {
    RawHttpClient client(port_);
    client.send(bytes);
    return client.rest().value_or("still open");
  };
  EXPECT_TRUE(answer_to("\x16\x03\x01 not HTTP\r\n\r\n").starts_with("HTTP/1.1 400"));
  EXPECT_TRUE(answer_to("GET / HTTP/9.9\r\n\r\n").starts_with("HTTP/1.1 400"));
  EXPECT_TRUE(answer_to("GET / HTTP/1.1\r\nContent-Length: 9\r\n\r\nsome body")
                  .starts_with("HTTP/1.1 400"));
  const std::string start_of = "GET /text HTTP/1.1\r\nX: ";
  EXPECT_TRUE(answer_to(start_of + std::string(kMaxHttpHeader, 'x')).starts_with("HTTP/1.1 431"));
  EXPECT_TRUE(get("GET /text HTTP/1.1", 5).ends_with("hello"));
}

TEST_F(HttpServerTest, MakesADocumentOnceForAllWhoAskMeanwhile) {
  start();
  std::deque<RawHttpClient> clients;
  for (int i = 0; i < 3; i++) {
    clients.emplace_back(port_);
    clients.back().send("GET /later HTTP/1.1\r\nHost: a\r\n\r\n");
  }
  ASSERT_TRUE(comes_true([this] { return server_->counters().requests == 3; }));
  std::this_thread::sleep_for(20ms);  // so long it takes to make, at least
  there([this] { return std::exchange(later_, nullptr)("late"), 0; });
  for (auto& client : clients) EXPECT_TRUE(client.answer(4).ends_with("late"));
  EXPECT_TRUE(get("GET /later HTTP/1.1", 4).ends_with("late")) << "it serves for a while";
  EXPECT_EQ(there([this] { return asked_; }), 1);
}

TEST_F(HttpServerTest, MakesADocumentAnewWhenItHasServedLongEnough) {
  start();
  RawHttpClient client(port_);
  for (const char* text : {"one", "two"}) {
    ASSERT_TRUE(comes_true([&] {
      client.send("GET /later HTTP/1.1\r\nHost: a\r\n\r\n");
      return later_ != nullptr;
    }));
    there([&] { return std::exchange(later_, nullptr)(std::string(text)), 0; });
  }
  EXPECT_EQ(there([this] { return asked_; }), 2);
}

TEST_F(HttpServerTest, DropsWhoNeverFinishesARequest) {
  start({.request = 50ms});
  RawHttpClient silent(port_);
  RawHttpClient slow(port_);
  slow.send("GET /te");
  EXPECT_EQ(silent.rest(), "");
  EXPECT_EQ(slow.rest(), "");
}

TEST_F(HttpServerTest, DropsWhoDoesNotReadItsAnswer) {
  start({.answer = 50ms});
  RawHttpClient client(port_);
  client.send("GET /big HTTP/1.1\r\nHost: a\r\n\r\n");
  ASSERT_TRUE(comes_true([this] { return server_->counters().requests == 1; }));
  std::this_thread::sleep_for(200ms);
  const auto answer = client.rest();
  ASSERT_TRUE(answer);
  EXPECT_LT(answer->size(), std::size_t{32} << 20);
}

TEST_F(HttpServerTest, GivesThePlaceOfTheQuietestToANewClient) {
  start();
  std::deque<RawHttpClient> quiet;
  for (std::size_t i = 0; i < kMaxHttpConnections; i++) quiet.emplace_back(port_);
  ASSERT_TRUE(
      comes_true([this] { return server_->counters().connections == kMaxHttpConnections; }));
  EXPECT_TRUE(get("GET /text HTTP/1.1", 5).ends_with("hello"));
  EXPECT_EQ(quiet.front().rest(), "");
  quiet.back().send("GET /text HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_TRUE(quiet.back().answer(5).ends_with("hello"));
  EXPECT_EQ(there([this] { return server_->counters().evicted; }), 1U);
}

TEST_F(HttpServerTest, MayGoWhileADocumentIsMade) {
  start();
  RawHttpClient client(port_);
  client.send("GET /later HTTP/1.1\r\nHost: a\r\n\r\n");
  ASSERT_TRUE(comes_true([this] { return later_ != nullptr; }));
  stop();
  EXPECT_EQ(client.rest(), "");
  later_("for nobody");
}

TEST(HttpServerListen, SaysWhyItCannot) {
  boost::asio::io_context io;
  const auto first = HttpServer::listen(io, kHere, 0);
  ASSERT_TRUE(first);
  const auto port = (*first)->port();
  const auto second = HttpServer::listen(io, kHere, port);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().message,
            "HTTP on 127.0.0.1:" + std::to_string(port) + ": Address already in use");
  const auto elsewhere = HttpServer::listen(io, *IpAddress::parse("203.0.113.77"), 9105);
  ASSERT_FALSE(elsewhere);
  EXPECT_EQ(elsewhere.error().message,
            "HTTP on 203.0.113.77:9105: Cannot assign requested address");
}

}  // namespace
}  // namespace tandem::control
