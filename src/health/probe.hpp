// SPDX-License-Identifier: Apache-2.0
// One attempt to find out whether something works: by HTTP(S), TCP or a command.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/system/error_code.hpp>
#include <functional>
#include <memory>
#include <string>

#include "config/config.hpp"
#include "health/local_ports.hpp"

namespace tandem::health {

struct ProbeResult {
  bool pass = false;
  std::string detail;  // for the operator: "HTTP 503", "connection refused", "exit status 2: ..."
  std::string body{};  // of a document that was fetched
};

class Probe {
 public:
  using Done = std::function<void(ProbeResult)>;

  Probe() = default;
  Probe(const Probe&) = delete;
  Probe& operator=(const Probe&) = delete;
  virtual ~Probe() = default;  // as stop()

  // Begins a run; not while one is under way. `done` is called once, from the loop and never from
  // within start(), unless stop() comes first.
  virtual void start(Done done) = 0;

  // Ends the run: its `done` is not called any more. Returns what it was at, as in "timed out
  // while connecting".
  virtual std::string stop() = 0;
};

// The kind of probe that the check asks for, not yet started. ports: for connections to addresses;
// commands and names go without.
[[nodiscard]] std::unique_ptr<Probe> make_probe(boost::asio::io_context& loop,
                                                const config::Check& check,
                                                SharedLocalPorts ports = nullptr);

[[nodiscard]] std::unique_ptr<Probe> make_http_probe(boost::asio::io_context& loop,
                                                     const config::HttpProbe& probe,
                                                     SharedLocalPorts ports = nullptr);
// The same, but for its body's sake: as much of it as is read, 64 KiB, is in the result.
[[nodiscard]] std::unique_ptr<Probe> make_http_fetch(boost::asio::io_context& loop,
                                                     const config::HttpProbe& probe);
[[nodiscard]] std::unique_ptr<Probe> make_tcp_probe(boost::asio::io_context& loop,
                                                    const config::TcpProbe& probe,
                                                    SharedLocalPorts ports = nullptr);
[[nodiscard]] std::unique_ptr<Probe> make_command_probe(boost::asio::io_context& loop,
                                                        const config::CommandProbe& probe);

// The system's words, as the rest of a sentence: "connection refused".
[[nodiscard]] std::string describe(const boost::system::error_code& error);

}  // namespace tandem::health
