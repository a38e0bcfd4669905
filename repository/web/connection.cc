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
  if (error == http::error::end_of_stream || error == http::error::partial_message) return std::nullopt;
  if (error == http::error::header_limit || error == http::error::buffer_overflow) return 431;
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
    parser_.emplace();
    parser_->header_limit(static_cast<uint32_t>(limits_.header));
    parser_->body_limit(kMaxRequestBody);
    if (buffer_.size() > 0) return ReadHeader();
    if (service_.stopping) return Linger();
    idle_ = true;
    stream_.expires_after(limits_.idle_time);
    stream_.async_read_some(buffer_.prepare(kPiece), [self = Self()](Error error, size_t size) {
      self->idle_ = false;
      self->buffer_.commit(size);
      if (!error) self->ReadHeader();
    });
  }

  // The time for a whole request starts here and is not started again.
  void ReadHeader() {
    began_ = SystemClock().SinceBoot();
    access_ = Access{
        SystemClock().Now(), peer_, "", "", NewAuditReference(SystemClock().Now(), SystemRandom()), 0, {}, 0, ""};
    stream_.expires_after(limits_.request_time);
    http::async_read_header(stream_, buffer_, *parser_, [self = Self()](Error error, size_t) {
      if (error) return self->CannotRead(error);
      self->access_.method = View(self->parser_->get().method_string());
      self->access_.path = PathOf(View(self->parser_->get().target()));
      self->ReadBody();
    });
  }

  void ReadBody() {
    const auto expect = parser_->get()[http::field::expect];
    if (!expect.empty() && !parser_->is_done()) {
      if (!beast::iequals(expect, "100-continue")) return Refuse(417, "only 100-continue can be expected");
      static constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
      return asio::async_write(stream_, asio::buffer(kContinue.data(), kContinue.size()),
                               [self = Self()](Error error, size_t) {
                                 if (error) return self->CannotRead(error);
                                 self->ReadRest();
                               });
    }
    ReadRest();
  }

  void ReadRest() {
    http::async_read(stream_, buffer_, *parser_, [self = Self()](Error error, size_t) {
      if (error) return self->CannotRead(error);
      self->AnswerRequest();
    });
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
    Write(AnswerCall(call, *store, access_.audit_reference), request.keep_alive() && !service_.stopping);
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
    stream_.expires_after(limits_.answer_time);
    http::async_write(stream_, *response_, [self = Self()](Error error, size_t) { self->Written(error); });
  }

  void Written(Error error) {
    if (error) {
      return NoteDropped(error == beast::error::timeout ? "the answer was not taken in time" : "the client went away");
    }
    Note();
    if (response_->need_eof()) return Linger();
    Next();
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
  beast::flat_buffer buffer_;  // bounded: the rest of a large body goes straight to the parser
  std::optional<http::request_parser<http::string_body>> parser_;
  std::optional<http::response<http::string_body>> response_;
  Access access_;
  std::chrono::nanoseconds began_{0};
  size_t discarded_ = 0;
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
