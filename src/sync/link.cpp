// SPDX-License-Identifier: Apache-2.0
#include "sync/link.hpp"

#include <pthread.h>

#include <algorithm>
#include <boost/asio.hpp>
#include <mutex>
#include <thread>

#include "base/endpoint_text.hpp"
#include "base/random.hpp"
#include "sync/connection.hpp"
#include "sync/session.hpp"
#include "sync/tls.hpp"

namespace tandem::sync {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using ErrorCode = boost::system::error_code;

constexpr Duration kPass = std::chrono::milliseconds(1);
constexpr Duration kIdlePass = std::chrono::milliseconds(100);
constexpr Duration kConnect = std::chrono::seconds(2);
constexpr Duration kTells = std::chrono::seconds(1);  // by then a peer has told of its sockets
constexpr Duration kRetry = std::chrono::milliseconds(500);

tcp::endpoint to_asio(const config::ListenAddress& end) {
  return {asio::ip::make_address(end.address.to_string()), end.port};
}

std::string text_of(const config::ListenAddress& end) {
  return endpoint_text(end.address, end.port);
}

}  // namespace

struct Link::Inside {
  Inside(LinkOptions options_in, const forward::Forwarder& forwarder,
         forward::Replication& shared_in, std::function<void()> wake_in, Log log_in)
      : options(std::move(options_in)),
        wake(std::move(wake_in)),
        log(std::move(log_in)),
        tls(options.key),
        shared(shared_in),
        sender(forwarder, shared_in),
        receiver(forwarder, shared_in) {
    if (options.roles != nullptr) roles.emplace(*options.roles, options.wake_for_roles);
  }

  Result<void> begin() {
    if (!connects())
      for (std::size_t i = 0; i < options.listen.size(); i++)
        if (auto listening = listen(i); !listening) return listening;
    now_view.at = now_view.since = MonotonicClock::now();
    now_view.why = "no connection yet";
    thread = std::thread([this] {
      pthread_setname_np(pthread_self(), "sync");
      tick();
      if (connects()) connect(0);
      loop.run();
    });
    return {};
  }
  void end() {
    asio::post(loop, [this] {
      acceptors.clear();
      timer.cancel();
      retry.cancel();
      if (trying) trying->close();
      if (connection) connection->close();
      loop.stop();
    });
    if (thread.joinable()) thread.join();
  }

  [[nodiscard]] bool connects() const { return options.listen.front() < options.peer.front(); }

  // ---- Getting a connection

  Result<void> listen(std::size_t link) {
    const config::ListenAddress& end = options.listen[link];
    ErrorCode error;
    const tcp::endpoint endpoint = to_asio(end);
    tcp::acceptor acceptor(loop);
    acceptor.open(endpoint.protocol(), error);
    if (!error) acceptor.set_option(asio::socket_base::reuse_address(true), error);
    if (!error) acceptor.bind(endpoint, error);
    if (!error) acceptor.listen(4, error);
    if (error)
      return fail("sync.listen: cannot listen on " + text_of(end) + ": " + error.message());
    acceptors.push_back(std::move(acceptor));
    accept(acceptors.size() - 1);
    return {};
  }

  void accept(std::size_t link) {
    acceptors[link].async_accept([this, link](ErrorCode error, tcp::socket socket) {
      if (error == asio::error::operation_aborted || acceptors.empty()) return;
      if (!error) accepted(std::move(socket), link);
      accept(link);
    });
  }

  void accepted(tcp::socket socket, std::size_t link) {
    ErrorCode error;
    const auto from = socket.remote_endpoint(error);
    const bool is_peer =
        !error && std::ranges::any_of(options.peer, [&](const config::ListenAddress& end) {
          return to_asio(end).address() == from.address();
        });
    if (!is_peer)
      return refused("a connection from " + from.address().to_string() +
                     " was refused: it is not sync.peer");
    auto fresh = std::make_shared<Connection>(std::move(socket), tls, link);
    fresh->shake_hands(asio::ssl::stream_base::server,
                       [this, fresh](const std::string& why) { shaken(fresh, why); });
  }

  void connect(std::size_t link) {
    if (connection) return;
    auto socket = std::make_shared<tcp::socket>(loop);
    const tcp::endpoint to = to_asio(options.peer[link]);
    ErrorCode error;
    socket->open(to.protocol(), error);
    if (!error) socket->bind({to_asio(options.listen[link]).address(), 0}, error);
    if (error)
      return try_again(link,
                       "from " + options.listen[link].address.to_string() + ": " + error.message());
    retry.expires_after(kConnect);
    retry.async_wait([socket](ErrorCode cancelled) {
      ErrorCode ignored;
      if (!cancelled) socket->close(ignored);
    });
    socket->async_connect(to, [this, socket, link](ErrorCode failed) {
      retry.cancel();
      if (failed == asio::error::operation_aborted && loop.stopped()) return;
      if (failed && failed != asio::error::connection_refused) ended_there = false;
      if (failed) return try_again(link, text_of(options.peer[link]) + ": " + failed.message());
      trying = std::make_shared<Connection>(std::move(*socket), tls, link);
      trying->shake_hands(asio::ssl::stream_base::client,
                          [this, fresh = trying](const std::string& why) { shaken(fresh, why); });
    });
  }

  void try_again(std::size_t link, const std::string& why) {
    set_why(why);
    retry.expires_after(kRetry);
    retry.async_wait([this, link](ErrorCode error) {
      if (!error) connect((link + 1) % options.peer.size());
    });
  }

  void shaken(const std::shared_ptr<Connection>& fresh, const std::string& why) {
    if (trying == fresh) trying.reset();
    if (!why.empty()) {
      refused(why);
      if (connects()) try_again(fresh->link(), why);
      return;
    }
    if (connection) finish("the peer has connected again");
    begin_session(fresh);
  }

  // ---- A session

  void begin_session(const std::shared_ptr<Connection>& fresh) {
    const auto now = MonotonicClock::now();
    connection = fresh;
    session_at = now;
    session.emplace(
        Hello{.boot = boot, .capacity4 = capacity4, .capacity6 = capacity6, .node = options.node},
        sender, receiver, now, roles ? &*roles : nullptr);
    session->exchange(wishes);
    {
      const std::lock_guard lock(mutex);
      session->set_sockets(sockets);
    }
    connection->on_input = [this] { read_input(); };
    connection->run([this](const std::string& why) { lost(why); });
    sessions++;
    schedule();
  }

  void read_input() {
    if (!session) return;
    auto& input = connection->input();
    const auto taken = session->receive(input, MonotonicClock::now());
    if (!taken) return lost(taken.error().message);
    input.erase(input.begin(), input.begin() + static_cast<std::ptrdiff_t>(*taken));
    wake_for_news();
  }

  void lost(const std::string& why) {
    const std::size_t link = connection ? connection->link() : 0;
    finish(why);
    if (connects()) try_again(link, why);
  }

  void finish(const std::string& why) {
    if (session && session->peer())
      log("sync: the session with " + session->peer()->node + " has ended: " + why);
    session.reset();
    ended_there = connection && connection->ended_there();
    if (connection) connection->close();
    connection.reset();
    told_peer = false;
    set_why(why);
  }

  void refused(const std::string& why) {
    refusals++;
    if (std::exchange(last_refusal, why) != why) log("sync: " + why);
    if (!connection) set_why(why);
  }

  // ---- Time

  void schedule() {
    timer.expires_after(session ? kPass : kIdlePass);
    timer.async_wait([this](ErrorCode error) {
      if (!error) tick();
    });
  }

  void tick() {
    const auto now = MonotonicClock::now();
    if (session) {
      pass_sockets_on();
      read_input();
      if (session)
        if (const auto passed = session->pass(now); !passed) lost(passed.error().message);
    } else {
      sender.watch(now);
    }
    if (session) {
      connection->write(session->output());
      connection->read();
      if (!told_peer && session->peer()) {
        told_peer = true;
        last_refusal.clear();
        log("sync: in session with " + session->peer()->node + " over " +
            text_of(options.peer[connection->link()]));
      }
    }
    wake_for_news();
    hand_over_wishes();
    publish(now);
    schedule();
  }

  void wake_for_news() {
    const auto acknowledged = shared.acknowledged.load(std::memory_order_relaxed);
    if (std::exchange(woken_for, acknowledged) != acknowledged || !shared.changes.empty()) wake();
  }

  void hand_over_wishes() {
    if (!on_wishes) return;
    if (auto came = wishes.take(); !came.empty()) on_wishes(std::move(came));
  }

  void pass_sockets_on() {
    const std::lock_guard lock(mutex);
    if (std::exchange(sockets_changed, false)) session->set_sockets(sockets);
  }

  void set_why(const std::string& why) {
    const std::lock_guard lock(mutex);
    now_view.why = why;
  }

  void publish(MonotonicTime now) {
    if (now < published + kIdlePass) return;
    published = now;
    const bool connected = session && session->peer();
    std::vector<ServiceSync> services;
    for (std::uint16_t number = 1; number < TD_MAX_SERVICES; number++)
      if (sender.is_published(number))
        services.push_back({number, connected ? sender.proof(number) : Sender::Proof::checking,
                            connected && receiver.proved(number)});
    const std::lock_guard lock(mutex);
    now_view.at = now;
    if (connected != now_view.connected) now_view.since = now;
    now_view.connected = connected;
    now_view.peer = connected ? session->peer()->node : "";
    now_view.peer_room4 = connected ? session->peer()->capacity4 : 0;
    now_view.peer_room6 = connected ? session->peer()->capacity6 : 0;
    now_view.link = connection ? connection->link() : 0;
    now_view.lag = session ? session->lag() : Duration{};
    now_view.sessions = sessions;
    now_view.refused = refusals;
    now_view.flows_sent = sender.counters().flows;
    now_view.flows_received = receiver.counters().flows;
    now_view.clients_sent = sender.counters().clients;
    now_view.clients_received = receiver.counters().clients;
    now_view.repairs = sender.counters().repairs;
    now_view.differed = sender.counters().differed + receiver.counters().differed;
    now_view.unknown_here = receiver.counters().no_service + receiver.counters().no_backend;
    now_view.services = std::move(services);
    now_view.wishes_equal = connected ? wishes.equal() : std::nullopt;
    now_view.peer_lives = connected || ended_there;
    now_view.peer_sockets_known =
        connected && (session->peer_sockets_at() != MonotonicTime{} || now > session_at + kTells);
    if (!session || session->peer_sockets_at() == MonotonicTime{}) return;
    now_view.peer_sockets = session->peer_sockets();
    now_view.peer_sockets_at = session->peer_sockets_at();
  }

  LinkOptions options;
  std::function<void()> wake;
  Log log;
  Tls tls;
  forward::Replication& shared;
  Sender sender;
  Receiver receiver;
  std::optional<RoleExchange> roles;
  WishExchange wishes;
  OnWishes on_wishes;
  std::uint64_t boot = random_word();
  std::uint32_t capacity4 = 0, capacity6 = 0;
  asio::io_context loop{1};
  asio::steady_timer timer{loop}, retry{loop};
  std::vector<tcp::acceptor> acceptors;
  std::shared_ptr<Connection> trying, connection;
  std::optional<Session> session;
  MonotonicTime session_at{};
  bool told_peer = false;
  bool ended_there = false;  // how the last session ended: see Connection
  std::string last_refusal;
  std::uint64_t sessions = 0, refusals = 0;
  std::uint64_t woken_for = 0;  // Replication::acknowledged
  MonotonicTime published{};
  mutable std::mutex mutex;  // of what is below, between the link's thread and others
  LocalSockets sockets;
  bool sockets_changed = false;
  LinkView now_view;
  std::thread thread;
};

Link::Link(std::unique_ptr<Inside> inside) : inside_(std::move(inside)) {}

Link::~Link() {
  inside_->end();
}

Result<std::unique_ptr<Link>> Link::start(LinkOptions options, const forward::Forwarder& forwarder,
                                          forward::Replication& shared, std::function<void()> wake,
                                          Log log) {
  auto inside = std::make_unique<Inside>(std::move(options), forwarder, shared, std::move(wake),
                                         std::move(log));
  inside->capacity4 = forwarder.flows4().capacity();
  inside->capacity6 = forwarder.flows6().capacity();
  if (auto begun = inside->begin(); !begun) return std::unexpected(begun.error());
  return std::unique_ptr<Link>(new Link(std::move(inside)));
}

void Link::share(std::vector<BackendWish> wishes) {
  asio::post(inside_->loop, [this, wishes = std::move(wishes)] { inside_->wishes.add(wishes); });
}

void Link::follow(OnWishes on_wishes) {
  asio::post(inside_->loop, [this, on_wishes = std::move(on_wishes)]() mutable {
    inside_->on_wishes = std::move(on_wishes);
  });
}

void Link::tell(const LocalSockets& sockets) {
  const std::lock_guard lock(inside_->mutex);
  inside_->sockets = sockets;
  inside_->sockets_changed = true;
}

LinkView Link::view() const {
  const std::lock_guard lock(inside_->mutex);
  return inside_->now_view;
}

void Link::set_routers(std::vector<RoleExchange::Router> routers) {
  if (inside_->roles) inside_->roles->set_routers(std::move(routers));
}

}  // namespace tandem::sync
