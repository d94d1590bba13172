// SPDX-License-Identifier: Apache-2.0
#include "health/probe.hpp"

#include <cctype>
#include <utility>

namespace tandem::health {

std::unique_ptr<Probe> make_probe(boost::asio::io_context& loop, const config::Check& check,
                                  SharedLocalPorts ports) {
  if (check.http) return make_http_probe(loop, *check.http, std::move(ports));
  if (check.tcp) return make_tcp_probe(loop, *check.tcp, std::move(ports));
  return make_command_probe(loop, check.command.value_or(config::CommandProbe{}));
}

std::string describe(const boost::system::error_code& error) {
  std::string text = error.message();
  const bool one_capital = text.size() > 1 && std::islower(static_cast<unsigned char>(text[1]));
  if (one_capital) text[0] = static_cast<char>(std::tolower(static_cast<unsigned char>(text[0])));
  return text;
}

}  // namespace tandem::health
