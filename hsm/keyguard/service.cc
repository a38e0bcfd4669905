#include "hsm/keyguard/service.h"

#include <spdlog/spdlog.h>

#include <utility>

#include "proto/rpc/server.h"
#include "proto/rpc/status.h"
#include "smki/keyguard/v1/keyguard.grpc.pb.h"

namespace smki::hsm {
namespace {

AskSigner AskOf(SignerProcess& signer) {
  return [&signer](std::vector<Bytes> frames, std::function<void(StatusOr<Bytes>)> reply) {
    signer.Call(std::move(frames), std::move(reply));
  };
}

// Runs one unary call of `calls`.
template <typename Calls, typename Request, typename Response>
grpc::ServerUnaryReactor* Run(Calls& calls, grpc::CallbackServerContext* context,
                              void (Calls::*method)(const std::string&, const Request&, Response&, Done),
                              const Request* request, Response* response) {
  grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
  (calls.*method)(rpc::CallerOf(*context), *request, *response,
                  [reactor](const Status& status) { reactor->Finish(rpc::ToGrpc(status)); });
  return reactor;
}

class PrepareReactor : public grpc::ServerReadReactor<kg::PrepareRequest> {
 public:
  PrepareReactor(KeyguardCalls& calls, const std::string& caller, kg::PrepareResponse* response)
      : upload_(calls, caller), response_(response) {
    StartRead(&part_);
  }

  void OnReadDone(bool ok) override {
    if (!ok) {
      // The caller has said all, or has gone: only to one who is still there can anything be sent.
      StartSendInitialMetadata();
      return;
    }
    upload_.Take(part_);
    StartRead(&part_);
  }
  void OnSendInitialMetadataDone(bool ok) override {
    if (!ok && upload_.ok()) {
      spdlog::warn("an upload of {} octets was broken off; nothing of it was judged", upload_.octets());
      Finish(grpc::Status::CANCELLED);
    } else {
      upload_.HandOver(*response_, [this](const Status& status) { Finish(rpc::ToGrpc(status)); });
    }
  }
  void OnDone() override { delete this; }

 private:
  KeyguardCalls::Upload upload_;
  kg::PrepareResponse* response_;
  kg::PrepareRequest part_;
};

class ExportReactor : public grpc::ServerWriteReactor<kg::JournalChunk> {
 public:
  ExportReactor(KeyguardCalls& calls, const std::string& caller) {
    calls.OpenJournal(caller, [this](StatusOr<KeyguardCalls::JournalFile> journal) {
      if (!journal.ok()) {
        Finish(rpc::ToGrpc(journal.status()));
        return;
      }
      journal_ = *std::move(journal);
      Next();
    });
  }
  void OnWriteDone(bool ok) override {
    if (ok) {
      Next();
    } else {
      Finish(grpc::Status::CANCELLED);
    }
  }
  void OnDone() override { delete this; }

 private:
  void Next() {
    if (at_ == journal_.end) {
      Finish(grpc::Status::OK);
      return;
    }
    auto chunk = journal_.Next(at_);
    if (!chunk.ok()) {
      Finish(rpc::ToGrpc(chunk.status()));
      return;
    }
    chunk_ = *std::move(chunk);
    StartWrite(&chunk_);
  }

  KeyguardCalls::JournalFile journal_;
  uint64_t at_ = 0;
  kg::JournalChunk chunk_;
};

class KeyguardService : public kg::Keyguard::CallbackService {
 public:
  explicit KeyguardService(KeyguardCalls::Parts parts) : calls_(std::move(parts)) {}

  grpc::ServerReadReactor<kg::PrepareRequest>* Prepare(grpc::CallbackServerContext* context,
                                                       kg::PrepareResponse* response) override {
    return new PrepareReactor(calls_, rpc::CallerOf(*context), response);
  }
  grpc::ServerUnaryReactor* Sign(grpc::CallbackServerContext* context, const kg::SignRequest* request,
                                 kg::SignResponse* response) override {
    return Run(calls_, context, &KeyguardCalls::Sign, request, response);
  }
  grpc::ServerUnaryReactor* Prove(grpc::CallbackServerContext* context, const kg::ProveRequest* request,
                                  kg::ProveResponse* response) override {
    return Run(calls_, context, &KeyguardCalls::Prove, request, response);
  }
  grpc::ServerUnaryReactor* Close(grpc::CallbackServerContext* context, const kg::CloseRequest* request,
                                  kg::CloseResponse* response) override {
    return Run(calls_, context, &KeyguardCalls::Close, request, response);
  }
  grpc::ServerUnaryReactor* Destroy(grpc::CallbackServerContext* context, const kg::DestroyRequest* request,
                                    kg::DestroyResponse* response) override {
    return Run(calls_, context, &KeyguardCalls::Destroy, request, response);
  }
  grpc::ServerUnaryReactor* GetStatus(grpc::CallbackServerContext* context, const kg::GetStatusRequest* request,
                                      kg::Status* response) override {
    return Run(calls_, context, &KeyguardCalls::GetStatus, request, response);
  }
  grpc::ServerUnaryReactor* Countersign(grpc::CallbackServerContext* context, const kg::CountersignRequest* request,
                                        kg::CountersignResponse* response) override {
    return Run(calls_, context, &KeyguardCalls::Countersign, request, response);
  }
  grpc::ServerWriteReactor<kg::JournalChunk>* ExportJournal(grpc::CallbackServerContext* context,
                                                            const kg::ExportJournalRequest*) override {
    return new ExportReactor(calls_, rpc::CallerOf(*context));
  }

 private:
  KeyguardCalls calls_;
};

class PersonsService : public kg::KeyguardPersons::CallbackService {
 public:
  PersonsService(AskSigner signer, std::set<std::string> persons) : calls_(std::move(signer), std::move(persons)) {}

  grpc::ServerUnaryReactor* GetStatus(grpc::CallbackServerContext* context, const kg::GetStatusRequest* request,
                                      kg::Status* response) override {
    return Run(calls_, context, &PersonsCalls::GetStatus, request, response);
  }
  grpc::ServerUnaryReactor* GetCeremony(grpc::CallbackServerContext* context, const kg::GetCeremonyRequest* request,
                                        kg::Ceremony* response) override {
    return Run(calls_, context, &PersonsCalls::GetCeremony, request, response);
  }
  grpc::ServerUnaryReactor* PresentShare(grpc::CallbackServerContext* context, const kg::PresentShareRequest* request,
                                         kg::PresentShareResponse* response) override {
    return Run(calls_, context, &PersonsCalls::PresentShare, request, response);
  }
  grpc::ServerUnaryReactor* Order(grpc::CallbackServerContext* context, const kg::OrderRequest* request,
                                  kg::OrderResponse* response) override {
    return Run(calls_, context, &PersonsCalls::Order, request, response);
  }
  grpc::ServerUnaryReactor* BeginCustodyChange(grpc::CallbackServerContext* context,
                                               const kg::BeginCustodyChangeRequest* request,
                                               kg::BeginCustodyChangeResponse* response) override {
    return Run(calls_, context, &PersonsCalls::BeginCustodyChange, request, response);
  }
  grpc::ServerUnaryReactor* GetCustody(grpc::CallbackServerContext* context, const kg::GetCustodyRequest* request,
                                       kg::Custody* response) override {
    return Run(calls_, context, &PersonsCalls::GetCustody, request, response);
  }

 private:
  PersonsCalls calls_;
};

}  // namespace

std::unique_ptr<grpc::Service> MakeKeyguardService(SignerProcess& signer, Countersigner& countersigner,
                                                   std::string journal_path, size_t max_upload_octets) {
  return std::make_unique<KeyguardService>(
      KeyguardCalls::Parts{AskOf(signer), countersigner, PosixFiles(), std::move(journal_path), max_upload_octets});
}

std::unique_ptr<grpc::Service> MakePersonsService(SignerProcess& signer, std::set<std::string> persons) {
  return std::make_unique<PersonsService>(AskOf(signer), std::move(persons));
}

}  // namespace smki::hsm
