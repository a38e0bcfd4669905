#include "proto/rpc/channel.h"

#include <grpcpp/create_channel.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/security/tls_credentials_options.h>
#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/client_callback.h>
#include <sys/stat.h>

#include <atomic>
#include <mutex>

#include "base/file.h"

namespace smki::rpc {
namespace {

constexpr size_t kMaxPem = 64 * 1024;

grpc::ByteBuffer ToBuffer(const std::string& octets) {
  const grpc::Slice slice(octets);
  return grpc::ByteBuffer(&slice, 1);
}

std::string FromBuffer(const grpc::ByteBuffer& buffer) {
  std::vector<grpc::Slice> slices;
  if (!buffer.Dump(&slices).ok()) return {};
  std::string out;
  out.reserve(buffer.Length());
  for (const grpc::Slice& slice : slices) out.append(reinterpret_cast<const char*>(slice.begin()), slice.size());
  return out;
}

// A client stream: writes the messages one after the other, then reads the one answer. Deletes itself.
class Uploader : public grpc::ClientBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer> {
 public:
  Uploader(Executor& executor, std::vector<std::string> messages, Transport::Reply reply)
      : executor_(executor), messages_(std::move(messages)), reply_(std::move(reply)) {}

  void Start(grpc::GenericStub& stub, const std::string& method, Millis deadline) {
    context_.set_deadline(std::chrono::system_clock::now() + deadline);
    context_.set_wait_for_ready(true);
    stub.PrepareBidiStreamingCall(&context_, method, grpc::StubOptions(), this);
    StartRead(&incoming_);
    WriteNext();
    StartCall();
  }
  void OnWriteDone(bool ok) override {
    if (ok) WriteNext();
  }
  void OnReadDone(bool ok) override { have_answer_ = have_answer_ || ok; }
  void OnDone(const grpc::Status& status) override {
    StatusOr<std::string> result =
        status.ok() ? StatusOr<std::string>(std::string()) : StatusOr<std::string>(FromGrpc(status, context_.peer()));
    if (status.ok()) {
      result = have_answer_ ? StatusOr<std::string>(FromBuffer(incoming_))
                            : StatusOr<std::string>(Internal("the call ended without an answer"));
    }
    executor_.Post([reply = std::move(reply_), result = std::move(result)]() mutable { reply(std::move(result)); });
    delete this;
  }

 private:
  void WriteNext() {
    if (next_ == messages_.size()) {
      StartWritesDone();
      return;
    }
    outgoing_ = ToBuffer(messages_[next_++]);
    StartWrite(&outgoing_);
  }

  Executor& executor_;
  std::vector<std::string> messages_;
  Transport::Reply reply_;
  size_t next_ = 0;
  grpc::ClientContext context_;
  grpc::ByteBuffer outgoing_, incoming_;
  bool have_answer_ = false;
};

// Keeps a stream alive until gRPC is done with it; callbacks stop as soon as the Watch handle is gone.
class StreamReader : public grpc::ClientBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>,
                     public std::enable_shared_from_this<StreamReader> {
 public:
  StreamReader(Executor& executor, Transport::OnMessage on_message, Transport::OnEnd on_end)
      : executor_(executor), on_message_(std::move(on_message)), on_end_(std::move(on_end)) {}

  void Start(grpc::GenericStub& stub, const std::string& method, const std::string& request) {
    self_ = shared_from_this();
    request_ = ToBuffer(request);
    stub.PrepareBidiStreamingCall(&context_, method, grpc::StubOptions(), this);
    StartWriteLast(&request_, grpc::WriteOptions());
    StartRead(&incoming_);
    StartCall();
  }
  void Detach() {
    detached_ = true;
    context_.TryCancel();
  }

  void OnReadDone(bool ok) override {
    if (!ok) return;
    executor_.Post([self = shared_from_this(), message = FromBuffer(incoming_)]() mutable {
      if (!self->detached_) self->on_message_(std::move(message));
    });
    incoming_.Clear();
    StartRead(&incoming_);
  }
  void OnDone(const grpc::Status& status) override {
    executor_.Post([self = std::move(self_), result = FromGrpc(status, context_.peer())] {
      if (!self->detached_) self->on_end_(result);
    });
  }

 private:
  Executor& executor_;
  Transport::OnMessage on_message_;
  Transport::OnEnd on_end_;
  grpc::ClientContext context_;
  grpc::ByteBuffer request_, incoming_;
  std::atomic<bool> detached_{false};
  std::shared_ptr<StreamReader> self_;
};

class StreamHandle : public Transport::Watch {
 public:
  explicit StreamHandle(std::shared_ptr<StreamReader> reader) : reader_(std::move(reader)) {}
  ~StreamHandle() override { reader_->Detach(); }

 private:
  std::shared_ptr<StreamReader> reader_;
};

class GrpcTransport : public Transport {
 public:
  GrpcTransport(std::shared_ptr<grpc::Channel> channel, Executor& executor)
      : channel_(std::move(channel)), stub_(channel_), executor_(executor) {}

  void Call(const std::string& method, std::string request, Millis deadline, Reply reply) override {
    struct Pending {
      grpc::ClientContext context;
      grpc::ByteBuffer request, response;
    };
    auto pending = std::make_shared<Pending>();
    pending->context.set_deadline(std::chrono::system_clock::now() + deadline);
    pending->context.set_wait_for_ready(true);
    pending->request = ToBuffer(request);
    stub_.UnaryCall(&pending->context, method, grpc::StubOptions(), &pending->request, &pending->response,
                    [pending, reply = std::move(reply), &executor = executor_](const grpc::Status& status) {
                      executor.Post([reply, result = status.ok() ? StatusOr<std::string>(FromBuffer(pending->response))
                                                                 : StatusOr<std::string>(FromGrpc(
                                                                       status, pending->context.peer()))]() mutable {
                        reply(std::move(result));
                      });
                    });
  }

  void Upload(const std::string& method, std::vector<std::string> messages, Millis deadline, Reply reply) override {
    auto* uploader = new Uploader(executor_, std::move(messages), std::move(reply));
    uploader->Start(stub_, method, deadline);
  }

  std::unique_ptr<Watch> Open(const std::string& method, std::string request, OnMessage on_message,
                              OnEnd on_end) override {
    auto reader = std::make_shared<StreamReader>(executor_, std::move(on_message), std::move(on_end));
    reader->Start(stub_, method, request);
    return std::make_unique<StreamHandle>(reader);
  }

 private:
  std::shared_ptr<grpc::Channel> channel_;
  grpc::GenericStub stub_;
  Executor& executor_;
};

// Lets a connection be only if the server's certificate, whose path gRPC has verified, names the one server meant.
class ServerNamed : public grpc::experimental::ExternalCertificateVerifier {
 public:
  explicit ServerNamed(std::string name) : name_(std::move(name)) {}

  bool Verify(grpc::experimental::TlsCustomVerificationCheckRequest* request, std::function<void(grpc::Status)>,
              grpc::Status* status) override {
    const std::string found(request->common_name().data(), request->common_name().size());
    if (found != name_) {
      *status = grpc::Status(
          grpc::StatusCode::UNAUTHENTICATED,
          fmt::format("the server at this address is '{}', not '{}'; nothing was sent to it", found, name_));
    }
    return true;
  }
  void Cancel(grpc::experimental::TlsCustomVerificationCheckRequest*) override {}

 private:
  const std::string name_;
};

std::shared_ptr<grpc::ChannelCredentials> ForLocalhost(const TlsMaterial& tls) {
  grpc::SslCredentialsOptions options;
  options.pem_root_certs = tls.authority;
  options.pem_cert_chain = tls.certificate;
  options.pem_private_key = tls.key;
  return grpc::SslCredentials(options);
}

std::shared_ptr<grpc::ChannelCredentials> ForServer(const TlsMaterial& tls, const std::string& server) {
  namespace tls_api = grpc::experimental;
  const tls_api::IdentityKeyCertPair identity{tls.key, tls.certificate};
  tls_api::TlsChannelCredentialsOptions options;
  options.set_certificate_provider(std::make_shared<tls_api::StaticDataCertificateProvider>(
      tls.authority, std::vector<tls_api::IdentityKeyCertPair>{identity}));
  options.watch_root_certs();
  options.watch_identity_key_cert_pairs();
  options.set_verify_server_certs(true);
  options.set_check_call_host(false);  // the name is checked instead
  options.set_certificate_verifier(tls_api::ExternalCertificateVerifier::Create<ServerNamed>(server));
  return tls_api::TlsCredentials(options);
}

}  // namespace

StatusOr<TlsMaterial> ReadTls(const TlsFiles& files) {
  struct stat info {};
  if (::stat(files.key.c_str(), &info) == 0 && (info.st_mode & 077) != 0) {
    return FailedPrecondition("{}: others may read this private key; run: chmod 600 {}", files.key, files.key);
  }
  TlsMaterial out;
  SMKI_ASSIGN_OR_RETURN(const Bytes authority, PosixFiles().Read(files.authority, kMaxPem));
  SMKI_ASSIGN_OR_RETURN(const Bytes certificate, PosixFiles().Read(files.certificate, kMaxPem));
  SMKI_ASSIGN_OR_RETURN(Bytes key, PosixFiles().Read(files.key, kMaxPem));
  out.authority = ToString(authority);
  out.certificate = ToString(certificate);
  out.key = ToString(key);
  Zeroise(key);
  return out;
}

std::shared_ptr<grpc::Channel> MakeChannel(const std::string& address, const TlsMaterial& tls,
                                           const std::string& server) {
  grpc::ChannelArguments arguments;
  arguments.SetSslTargetNameOverride("localhost");
  arguments.SetMaxReceiveMessageSize(kMaxMessageOctets);
  arguments.SetMaxSendMessageSize(kMaxMessageOctets);
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 50);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 1000);
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, 5000);
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  return grpc::CreateCustomChannel(address, server.empty() ? ForLocalhost(tls) : ForServer(tls, server), arguments);
}

std::unique_ptr<Transport> MakeTransport(std::shared_ptr<grpc::Channel> channel, Executor& executor) {
  return std::make_unique<GrpcTransport>(std::move(channel), executor);
}

}  // namespace smki::rpc
