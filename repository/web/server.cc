#include "repository/web/server.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <charconv>
#include <thread>
#include <vector>

#include "repository/web/connection.h"

namespace smki::repository::web {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using Error = boost::system::error_code;

constexpr unsigned kMaxThreads = 64;
constexpr Millis kAcceptPause{100};  // after the system had no descriptor or memory for a connection

StatusOr<tcp::endpoint> ParseListen(const std::string& text) {
  const auto wrong = [&] {
    return InvalidArgument("\"{}\" is no address to listen on, expected for example 127.0.0.1:8083 or [::1]:8083",
                           text);
  };
  const size_t colon = text.rfind(':');
  if (colon == std::string::npos) return wrong();
  std::string host = text.substr(0, colon);
  const bool bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (bracketed) host = host.substr(1, host.size() - 2);
  uint16_t port = 0;
  const char* const end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data() + colon + 1, end, port);
  if (parsed.ec != std::errc() || parsed.ptr != end) return wrong();
  Error error;
  const auto address = asio::ip::make_address(host, error);
  if (error || address.is_v6() != bracketed) return wrong();
  return tcp::endpoint(address, port);
}

std::string AddressText(const tcp::endpoint& endpoint) {
  const std::string host = endpoint.address().to_string();
  return endpoint.address().is_v6() ? fmt::format("[{}]:{}", host, endpoint.port())
                                    : fmt::format("{}:{}", host, endpoint.port());
}

// Without waiting: what fits into an empty socket buffer is sent, and what the client sent first is taken from it, lest
// the connection be reset before the client has read why.
void RefuseConnection(tcp::socket socket) {
  static constexpr std::string_view kBusy =
      "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
  Error ignored;
  char unread[4096];
  socket.non_blocking(true, ignored);
  socket.read_some(asio::buffer(unread), ignored);
  socket.write_some(asio::buffer(kBusy.data(), kBusy.size()), ignored);
  socket.shutdown(tcp::socket::shutdown_both, ignored);
}

class AsioServer : public Server {
 public:
  explicit AsioServer(ServerOptions options)
      : service_(std::move(options)),
        context_(static_cast<int>(service_.options.threads)),
        work_(asio::make_work_guard(context_)),
        acceptor_(asio::make_strand(context_)),
        pause_(acceptor_.get_executor()) {}

  ~AsioServer() override { Stop(); }

  Status Listen(const tcp::endpoint& endpoint) {
    Error error;
    acceptor_.open(endpoint.protocol(), error);
    if (!error) acceptor_.set_option(tcp::acceptor::reuse_address(true), error);
    if (!error) acceptor_.bind(endpoint, error);
    if (!error) acceptor_.listen(asio::socket_base::max_listen_connections, error);
    if (error) return Unavailable("cannot listen on {}: {}", AddressText(endpoint), error.message());
    address_ = AddressText(acceptor_.local_endpoint());
    asio::post(acceptor_.get_executor(), [this] { Accept(); });
    for (unsigned i = 0; i < service_.options.threads; ++i) threads_.emplace_back([this] { context_.run(); });
    return OkStatus();
  }

  std::string address() const override { return address_; }

  void Stop() override {
    if (threads_.empty()) return;
    asio::post(acceptor_.get_executor(), [this] {
      Error ignored;
      acceptor_.close(ignored);
      pause_.cancel();
    });
    {
      std::unique_lock lock(service_.mutex);
      service_.stopping = true;
      ForEach(lock, &Connection::Finish);
      const auto none = [this] { return service_.connections.empty(); };
      if (!service_.ended.wait_for(lock, service_.options.limits.stop_time, none)) {
        ForEach(lock, &Connection::Drop);
        service_.ended.wait(lock, none);
      }
    }
    work_.reset();
    for (std::thread& thread : threads_) thread.join();
    threads_.clear();
  }

 private:
  // A connection that ends takes the lock: the last reference to it may not be dropped under it.
  void ForEach(std::unique_lock<std::mutex>& lock, void (Connection::*act)()) {
    std::vector<std::shared_ptr<Connection>> all;
    for (const auto& [raw, weak] : service_.connections) {
      if (auto connection = weak.lock()) all.push_back(std::move(connection));
    }
    lock.unlock();
    for (const auto& connection : all) (connection.get()->*act)();
    all.clear();
    lock.lock();
  }

  void Accept() {
    acceptor_.async_accept(asio::make_strand(context_), [this](Error error, tcp::socket socket) {
      if (!acceptor_.is_open()) return;
      if (error) {
        pause_.expires_after(kAcceptPause);
        return pause_.async_wait([this](Error) {
          if (acceptor_.is_open()) Accept();
        });
      }
      Error ignored;
      socket.set_option(tcp::no_delay(true), ignored);
      if (!Connection::Begin(socket, service_)) RefuseConnection(std::move(socket));
      Accept();
    });
  }

  Service service_;
  asio::io_context context_;
  asio::executor_work_guard<asio::io_context::executor_type> work_;
  tcp::acceptor acceptor_;  // on a strand
  asio::steady_timer pause_;
  std::string address_;
  std::vector<std::thread> threads_;
};

}  // namespace

StatusOr<std::unique_ptr<Server>> Server::Start(ServerOptions options) {
  if (options.threads < 1 || options.threads > kMaxThreads) {
    return InvalidArgument("{} threads, expected 1 to {}", options.threads, kMaxThreads);
  }
  SMKI_ASSIGN_OR_RETURN(const tcp::endpoint endpoint, ParseListen(options.listen));
  auto server = std::make_unique<AsioServer>(std::move(options));
  SMKI_RETURN_IF_ERROR(server->Listen(endpoint));
  return server;
}

}  // namespace smki::repository::web
