// SPDX-License-Identifier: Apache-2.0
#include "sync/connection.hpp"

#include <boost/asio/write.hpp>
#include <utility>

namespace tandem::sync {
namespace {

namespace asio = boost::asio;
using ErrorCode = boost::system::error_code;

constexpr Duration kHandshake = std::chrono::seconds(2);
constexpr std::size_t kMostInput = 1 << 20;  // not read yet by the session

}  // namespace

Connection::Connection(Socket socket, Tls& tls, std::size_t link)
    : stream_(std::move(socket), tls.context()), deadline_(stream_.get_executor()), link_(link) {}

void Connection::shake_hands(asio::ssl::stream_base::handshake_type side,
                             std::function<void(const std::string&)> done) {
  auto self = shared_from_this();
  ErrorCode ignored;
  stream_.lowest_layer().set_option(asio::ip::tcp::no_delay(true), ignored);
  deadline_.expires_after(kHandshake);
  deadline_.async_wait([self](ErrorCode error) {
    if (!error) self->close();
  });
  stream_.async_handshake(side, [self, done](ErrorCode error) {
    self->deadline_.cancel();
    if (!error && Tls::is_proved(self->stream_.native_handle())) return done("");
    self->close();
    done(error ? "the handshake failed (" + error.message() +
                     "): is sync.key_file the same on both nodes?"
               : "the peer has another key");
  });
}

void Connection::run(std::function<void(const std::string&)> on_end) {
  on_end_ = std::move(on_end);
  read();
}

void Connection::read() {
  if (reading_ || closed_ || input_.size() >= kMostInput) return;
  reading_ = true;
  stream_.async_read_some(asio::buffer(chunk_),
                          [self = shared_from_this()](ErrorCode error, std::size_t length) {
                            self->reading_ = false;
                            if (error) return self->end(error);
                            const auto* begin = self->chunk_.data();
                            self->input_.insert(self->input_.end(), begin, begin + length);
                            // A copy, since close() takes it away.
                            if (const auto tell = self->on_input) tell();
                            self->read();
                          });
}

void Connection::write(std::vector<std::uint8_t>& output) {
  if (writing_ || closed_ || output.empty()) return;
  writing_ = true;
  going_.swap(output);
  output.clear();
  asio::async_write(stream_, asio::buffer(going_),
                    [self = shared_from_this()](ErrorCode error, std::size_t) {
                      self->writing_ = false;
                      if (error) self->end(error);
                    });
}

void Connection::close() {
  if (std::exchange(closed_, true)) return;
  deadline_.cancel();
  on_input = nullptr;
  on_end_ = nullptr;
  ErrorCode ignored;
  stream_.lowest_layer().close(ignored);
}

void Connection::end(const ErrorCode& error) {
  const auto on_end = std::move(on_end_);
  ended_there_ = error == asio::error::eof || error == asio::error::connection_reset ||
                 error == asio::error::broken_pipe || error == asio::ssl::error::stream_truncated;
  close();
  if (on_end) on_end(error.message());
}

}  // namespace tandem::sync
