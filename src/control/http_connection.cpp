// SPDX-License-Identifier: Apache-2.0
#include "control/http_connection.hpp"

#include <utility>

namespace tandem::control {

namespace http = boost::beast::http;

namespace {

// Without what may follow a '?'.
std::string_view path_of(std::string_view target) {
  return target.substr(0, target.find('?'));
}

bool is_size(const boost::system::error_code& error) {
  return error == http::error::header_limit || error == http::error::buffer_overflow;
}

}  // namespace

void HttpConnection::read() {
  if (server_ == nullptr) return;
  request_.emplace();
  request_->header_limit(kMaxHttpHeader);
  stream_.expires_after(server_->limits_.request);
  http::async_read(stream_, received_, *request_,
                   [self = shared_from_this()](boost::system::error_code error, std::size_t) {
                     if (self->server_ == nullptr) return;
                     if (error) return self->refuse_unreadable(error);
                     self->on_request();
                   });
}

void HttpConnection::on_request() {
  const auto& request = request_->get();
  ++server_->counters_.requests;
  active_ = MonotonicClock::now();
  head_ = request.method() == http::verb::head;
  keep_alive_ = request.keep_alive();
  if (!head_ && request.method() != http::verb::get)
    return refuse(http::status::method_not_allowed, "only GET and HEAD are served");
  const auto target = request.target();
  auto* document = server_->find(path_of({target.data(), target.size()}));
  if (document == nullptr) return refuse(http::status::not_found, "there is no such document");
  busy_ = true;
  server_->ask(*document, [weak = weak_from_this(), document](const auto& body) {
    const auto self = weak.lock();
    if (!self || self->server_ == nullptr) return;
    if (body) return self->answer(http::status::ok, document->type, *body, document->policy);
    self->answer(http::status::service_unavailable, "text/plain; charset=utf-8",
                 std::make_shared<const std::string>(body.error().message + "\n"));
  });
}

// What is no request, or too long; whoever hung up or said nothing gets no answer.
void HttpConnection::refuse_unreadable(boost::system::error_code error) {
  if (error.category() != make_error_code(http::error::bad_method).category() ||
      error == http::error::end_of_stream || error == http::error::partial_message)
    return end();
  ++server_->counters_.requests;
  head_ = keep_alive_ = false;
  if (is_size(error))
    return refuse(http::status::request_header_fields_too_large, "the request is too long");
  refuse(http::status::bad_request, "this is no request that is understood here");
}

void HttpConnection::refuse(http::status status, const std::string& why) {
  ++server_->counters_.refused;
  answer(status, "text/plain; charset=utf-8", std::make_shared<const std::string>(why + "\n"));
}

void HttpConnection::answer(http::status status, const std::string& type, HttpServer::Body body,
                            const std::string& policy) {
  busy_ = true;
  body_ = std::move(body);
  response_ = Response(status, 11);
  response_.set(http::field::server, "tandem/" TANDEM_VERSION);
  response_.set(http::field::content_type, type);
  response_.set(http::field::cache_control, "no-store");
  response_.set("X-Content-Type-Options", "nosniff");
  if (!policy.empty()) response_.set("Content-Security-Policy", policy);
  // The page of the other node may read it, and no other page in a browser that reaches us.
  if (!server_->reader_.empty())
    response_.set(http::field::access_control_allow_origin, server_->reader_);
  if (status == http::status::method_not_allowed) response_.set(http::field::allow, "GET, HEAD");
  response_.keep_alive(keep_alive_);
  response_.content_length(body_->size());
  if (!head_) response_.body() = {body_->data(), body_->size()};
  stream_.expires_after(server_->limits_.answer);
  http::async_write(stream_, response_,
                    [self = shared_from_this()](boost::system::error_code error, std::size_t) {
                      if (self->server_ != nullptr) self->on_written(error);
                    });
}

void HttpConnection::on_written(boost::system::error_code error) {
  busy_ = false;
  body_.reset();
  if (error || !keep_alive_) return end();
  read();
}

void HttpConnection::close() {
  server_ = nullptr;
  stream_.close();
}

void HttpConnection::end() {
  server_->forget(this);
  close();
}

}  // namespace tandem::control
