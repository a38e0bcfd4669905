#include "repository/web/connection.h"

#include <boost/asio/dispatch.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <optional>

#include "base/clock.h"
#include "repository/web/answer.h"
#include "repository/web/schema.h"

namespace smki::repository::web {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using Error = beast::error_code;

constexpr size_t kPiece = 4096;
constexpr size_t kMaxDiscarded = 1 << 20;  // after the last answer

std::string_view View(beast::string_view text) {
  return {text.data(), text.size()};
}

// What is wrong with a request that could not be read, as an HTTP status; nothing if the connection is at fault.
std::optional<unsigned> StatusFor(Error error) {
  if (error == http::error::header_limit) return 431;
  if (error == http::error::body_limit) return 413;
  if (error.category() == http::make_error_code(http::error::bad_method).category()) return 400;
  return std::nullopt;
}

std::string PeerOf(const asio::ip::tcp::socket& socket) {
  Error ignored;
  const auto peer = socket.remote_endpoint(ignored);
  return ignored ? "" : fmt::format("{}:{}", peer.address().to_string(), peer.port());
}

class HttpConnection : public Connection {
 public:
  HttpConnection(asio::ip::tcp::socket socket, Service& service)
      : service_(service),
        limits_(service.options.limits),
        peer_(PeerOf(socket)),
        stream_(std::move(socket)),
        buffer_(limits_.header + kPiece) {}

  ~HttpConnection() override {
    const std::lock_guard lock(service_.mutex);
    service_.connections.erase(this);
    service_.ended.notify_all();
  }

  void Start() {
    asio::dispatch(stream_.get_executor(), [self = Self()] { self->Next(); });
  }

  void Finish() override {
    asio::post(stream_.get_executor(), [self = Self()] {
      Error ignored;
      // A request that has arrived is under way, even if nobody has looked at it yet.
      if (self->idle_ && self->stream_.socket().available(ignored) == 0) self->stream_.close();
    });
  }
  void Drop() override {
    asio::post(stream_.get_executor(), [self = Self()] { self->stream_.close(); });
  }

 private:
  std::shared_ptr<HttpConnection> Self() { return std::static_pointer_cast<HttpConnection>(shared_from_this()); }

  // Waits for the first octet of the next request, unless it is there already.
  void Next() {
    if (service_.stopping) return Linger();
    parser_.emplace();
    parser_->header_limit(static_cast<uint32_t>(limits_.header));
    parser_->body_limit(kMaxRequestBody);
    parser_->eager(false);  // stop behind the header, to look at it
    received_ = 0;
    if (buffer_.size() > 0) return Begin();
    idle_ = true;
    stream_.expires_after(limits_.idle_time);
    stream_.async_read_some(buffer_.prepare(kPiece), [self = Self()](Error error, size_t size) {
      self->idle_ = false;
      self->buffer_.commit(size);
      if (!error) self->Begin();
    });
  }

  // The time for a whole request starts here and is not started again.
  void Begin() {
    began_ = SystemClock().SinceBoot();
    access_ = Access();
    access_.time = SystemClock().Now();
    access_.peer = peer_;
    access_.audit_reference = NewAuditReference(access_.time, SystemRandom());
    stream_.expires_after(limits_.request_time);
    Parse();
  }

  // Beast bounds what it holds unparsed and the body, but not the sum of header fields, chunk headers and trailers, of
  // which a client may send any number in pieces: every octet is counted here.
  void Parse() {
    Error error;
    while (!error && buffer_.size() > 0) {
      const bool had_header = parser_->is_header_done();
      const size_t used = parser_->put(buffer_.data(), error);
      buffer_.consume(used);
      received_ += used;
      if (error && error != http::error::need_more) return CannotRead(error);
      if (!parser_->is_header_done()) continue;
      if (!had_header && received_ <= limits_.header) {
        access_.method = View(parser_->get().method_string());
        access_.path = PathOf(View(parser_->get().target()));
        parser_->eager(true);
        if (!parser_->is_done() && Expects()) return;
      } else if (!had_header) {
        return Refuse(431, "the header is too large");
      }
      if (parser_->is_done()) return AnswerRequest();
      if (used == 0) break;
    }
    const bool body = parser_->is_header_done();
    if (!body && received_ + buffer_.size() > limits_.header) return Refuse(431, "the header is too large");
    if (buffer_.size() > limits_.header || received_ > limits_.header + 2 * kMaxRequestBody) {
      return Refuse(413, "the request is too large");
    }
    ReadMore();
  }

  void ReadMore() {
    stream_.async_read_some(buffer_.prepare(kPiece), [self = Self()](Error error, size_t size) {
      self->buffer_.commit(size);
      if (error) return self->CannotRead(error);
      self->Parse();
    });
  }

  // True if the client waits for a word before it sends its body, and is given it.
  bool Expects() {
    const auto expect = parser_->get()[http::field::expect];
    if (expect.empty()) return false;
    if (!beast::iequals(expect, "100-continue")) {
      Refuse(417, "only 100-continue can be expected");
      return true;
    }
    static constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
    asio::async_write(stream_, asio::buffer(kContinue.data(), kContinue.size()), [self = Self()](Error error, size_t) {
      if (error) return self->CannotRead(error);
      self->Parse();
    });
    return true;
  }

  void CannotRead(Error error) {
    if (const auto status = StatusFor(error)) return Refuse(*status, "the request cannot be read");
    NoteDropped(error == beast::error::timeout ? "the request was not complete in time" : "the client went away");
  }

  void AnswerRequest() {
    const auto& request = parser_->get();
    const Call call{View(request.method_string()), View(request.target()), View(request[http::field::content_type]),
                    request.body()};
    const std::shared_ptr<const Store> store = service_.options.store();
    Answer answer = AnswerCall(call, *store, access_.audit_reference);
    Write(std::move(answer), request.keep_alive() && !service_.stopping);
  }

  // What is left of such a request cannot be told from the next one.
  void Refuse(unsigned status, std::string_view why) { Write(Refusal(status, why, access_.audit_reference), false); }

  void Write(Answer answer, bool keep_alive) {
    if (!answer.fault.empty() && service_.options.log) {
      service_.options.log(fmt::format("request {} failed: {}", access_.audit_reference, answer.fault));
    }
    access_.status = answer.status;
    access_.octets = answer.body.size();
    const auto& request = parser_->get();
    response_.emplace(static_cast<http::status>(answer.status), request.version() == 10 ? 10 : 11);
    if (!answer.reason.empty()) response_->reason(answer.reason);
    response_->set(http::field::content_type, answer.content_type);
    if (!answer.allow.empty()) response_->set(http::field::allow, answer.allow);
    response_->keep_alive(keep_alive);
    response_->content_length(answer.body.size());
    if (request.method() != http::verb::head) response_->body() = std::move(answer.body);
    Abortive(true);
    stream_.expires_after(limits_.answer_time);
    http::async_write(stream_, *response_, [self = Self()](Error error, size_t) { self->Written(error); });
  }

  void Written(Error error) {
    if (error) {
      return NoteDropped(error == beast::error::timeout ? "the answer was not taken in time" : "the client went away");
    }
    Abortive(false);
    Note();
    if (response_->need_eof()) return Linger();
    Next();
  }

  // While an answer is on its way, the end of the connection throws away what the kernel still holds of it: it would go
  // on offering megabytes to a client that takes none.
  void Abortive(bool on) {
    Error ignored;
    stream_.socket().set_option(asio::socket_base::linger(on, 0), ignored);
  }

  // Closing while octets are unread would reset the connection, and the last answer might be lost on its way.
  void Linger() {
    Error ignored;
    stream_.socket().shutdown(asio::ip::tcp::socket::shutdown_send, ignored);
    stream_.expires_after(limits_.linger_time);
    buffer_.clear();
    Discard();
  }
  void Discard() {
    buffer_.consume(buffer_.size());
    stream_.async_read_some(buffer_.prepare(kPiece), [self = Self()](Error error, size_t size) {
      self->discarded_ += size;
      if (!error && self->discarded_ < kMaxDiscarded) self->Discard();
    });
  }

  void NoteDropped(std::string why) {
    access_.dropped = std::move(why);
    Note();
  }
  void Note() {
    access_.took = std::chrono::duration_cast<std::chrono::microseconds>(SystemClock().SinceBoot() - began_);
    service_.Note(access_);
  }

  Service& service_;
  const ServerLimits& limits_;
  const std::string peer_;
  beast::tcp_stream stream_;
  beast::flat_buffer buffer_;  // octets not yet parsed
  std::optional<http::request_parser<http::string_body>> parser_;
  std::optional<http::response<http::string_body>> response_;
  Access access_;
  std::chrono::nanoseconds began_{0};
  size_t received_ = 0;   // of the request
  size_t discarded_ = 0;  // after the last answer
  bool idle_ = false;
};

}  // namespace

void Service::Note(const Access& access) {
  if (options.access_log == nullptr || options.access_log->Write(access)) return;
  if (!log_lost.exchange(true) && options.log) options.log("the access log takes no more lines; the service goes on");
}

bool Connection::Begin(asio::ip::tcp::socket& socket, Service& service) {
  std::shared_ptr<HttpConnection> connection;
  {
    const std::lock_guard lock(service.mutex);
    if (service.stopping || service.connections.size() >= service.options.limits.connections) return false;
    connection = std::make_shared<HttpConnection>(std::move(socket), service);
    service.connections.emplace(connection.get(), connection);
  }
  connection->Start();
  return true;
}

}  // namespace smki::repository::web
