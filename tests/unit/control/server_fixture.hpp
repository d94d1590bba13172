// SPDX-License-Identifier: Apache-2.0
// A control server on a thread of its own, in a directory of its own, and a raw client.
#pragma once

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <cstring>
#include <filesystem>
#include <future>
#include <memory>
#include <string>
#include <thread>

#include "base/descriptor.hpp"
#include "control/server.hpp"

namespace tandem::control {

class TemporaryDirectory {
 public:
  TemporaryDirectory() {
    std::string name = (std::filesystem::temp_directory_path() / "tandem-control-XXXXXX").string();
    path_ = ::mkdtemp(name.data());
  }
  ~TemporaryDirectory() { std::filesystem::remove_all(path_); }
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
  [[nodiscard]] std::string operator/(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

class ServerTest : public testing::Test {
 protected:
  ~ServerTest() override { stop(); }

  // Starts the server with the commands "echo", "refuse" and "later".
  void start() {
    auto server = Server::listen(io_, path_);
    ASSERT_TRUE(server) << server.error().message;
    server_ = std::move(*server);
    server_->on("echo", [](const nlohmann::json& arguments) -> Answer { return arguments; });
    server_->on("refuse", [](const nlohmann::json&) -> Answer { return fail("not now"); });
    server_->on("trip", [](const nlohmann::json& arguments) -> Answer {
      return arguments.at("number").get<int>();
    });
    server_->on_async("later", [this](const nlohmann::json&, Completion done) {
      pending_.set_value(std::move(done));
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

  Counters counters() {
    std::promise<Counters> counters;
    boost::asio::post(io_, [&] { counters.set_value(server_->counters()); });
    return counters.get_future().get();
  }

  TemporaryDirectory directory_;
  std::string path_ = directory_ / "run/tandem/control.sock";
  boost::asio::io_context io_;
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_{
      io_.get_executor()};
  std::unique_ptr<Server> server_;
  std::promise<Completion> pending_;
  std::thread thread_;
};

// Speaks whatever it is told to. No wait of it lasts longer than ten seconds.
class RawClient {
 public:
  explicit RawClient(const std::string& path)
      : socket_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
    connected_ =
        ::connect(socket_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
  }
  [[nodiscard]] bool connected() const { return connected_; }

  void send(const std::string& bytes) const {
    (void)::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
  }
  // The next line; empty: the connection was closed, or nothing came.
  std::string line() {
    for (;;) {
      if (const auto end = received_.find('\n'); end != std::string::npos) {
        std::string line = received_.substr(0, end);
        received_.erase(0, end + 1);
        return line;
      }
      if (!receive()) return "";
    }
  }
  nlohmann::json ask(const std::string& request) {
    send(request + "\n");
    return nlohmann::json::parse(line(), nullptr, false);
  }
  bool closed_by_peer() {
    while (receive()) {
    }
    return closed_;
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
  bool connected_ = false;
  bool closed_ = false;
  std::string received_;
};

}  // namespace tandem::control
