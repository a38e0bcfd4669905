#include "hsm/keyguard/service.h"

#include <spdlog/spdlog.h>

#include <atomic>
#include <mutex>
#include <utility>

#include "base/fail_point.h"
#include "hsm/keyguard/translate.h"
#include "procedures/custody_change.h"
#include "procedures/reason.h"
#include "proto/rpc/server.h"
#include "proto/rpc/status.h"
#include "smki/keyguard/v1/keyguard.grpc.pb.h"

namespace smki::hsm {

using procedures::Reason;
using procedures::Refuse;

namespace {

constexpr size_t kMaxPart = 1 << 20;
constexpr size_t kChunk = 256 * 1024;

// Records a refusal that the signer did not make itself, then runs `then`.
void Record(SignerProcess& signer, const Status& refusal, std::function<void()> then) {
  spdlog::warn("refused: {}", Message(refusal));
  signer.Call(MakeFrame(FrameType::kRefusal, RefusalFrame{ReasonOf(refusal), Message(refusal)}),
              [then = std::move(then)](const StatusOr<Bytes>&) { then(); });
}

grpc::ServerUnaryReactor* FinishRefused(SignerProcess& signer, const Status& refusal,
                                        grpc::ServerUnaryReactor* reactor) {
  Record(signer, refusal, [reactor, refusal] { reactor->Finish(rpc::ToGrpc(refusal)); });
  return reactor;
}

// Sends `frame`; the answer is a message of type F, which `fill` puts into the response.
template <typename F, typename Fill>
grpc::ServerUnaryReactor* Ask(SignerProcess& signer, Bytes frame, grpc::ServerUnaryReactor* reactor, Fill fill) {
  signer.Call(std::move(frame), [reactor, fill](StatusOr<Bytes> answer) {
    Status status = answer.status();
    if (status.ok()) {
      auto message = DecodePayload<F>(*answer);
      status = message.status();
      if (status.ok()) fill(*std::move(message));
    } else {
      spdlog::warn("{}", Message(status));
    }
    reactor->Finish(rpc::ToGrpc(status));
  });
  return reactor;
}

Status CheckOrchestrator(const std::string& caller) {
  if (caller == kOrchestrator) return OkStatus();
  return Refuse(Reason::kNOT_PERMITTED,
                fmt::format("'{}' called the Keyguard service, which serves the orchestrator only", caller));
}

// How many octets all unfinished uploads hold together: a thousand of them need no more memory than one.
class UploadBudget {
 public:
  explicit UploadBudget(size_t limit) : limit_(limit) {}
  size_t limit() const { return limit_; }
  bool Take(size_t octets) { return held_.fetch_add(octets) + octets <= limit_; }
  void GiveBack(size_t octets) { held_ -= octets; }

 private:
  const size_t limit_;
  std::atomic<size_t> held_{0};
};

// Collects the stream, then hands it over in one piece, so that two of them never mix.
class PrepareReactor : public grpc::ServerReadReactor<kg::PrepareRequest> {
 public:
  PrepareReactor(SignerProcess& signer, const Countersigner& countersigner, UploadBudget& budget,
                 const Status& permitted, kg::PrepareResponse* response)
      : signer_(signer), countersigner_(countersigner), budget_(budget), response_(response), status_(permitted) {
    StartRead(&part_);
  }

  void OnReadDone(bool ok) override {
    if (!ok) {
      // The caller has said all, or has gone: only to one who is still there can anything be sent.
      StartSendInitialMetadata();
      return;
    }
    if (status_.ok()) status_ = TakePart();
    if (!status_.ok()) Drop();
    StartRead(&part_);  // to the end even after a refusal: its reason reaches the caller only then
  }
  void OnSendInitialMetadataDone(bool ok) override {
    if (!ok && status_.ok()) {
      spdlog::warn("an upload of {} octets was broken off; nothing of it was judged", octets_);
      Finish(grpc::Status::CANCELLED);
    } else {
      HandOver();
    }
  }
  void OnDone() override {
    Drop();
    delete this;
  }

 private:
  void Drop() {
    frames_.clear();
    frames_.shrink_to_fit();
    budget_.GiveBack(std::exchange(octets_, 0));
  }

  Status TakePart() {
    const size_t size = part_.ByteSizeLong();
    octets_ += size;
    if (!budget_.Take(size)) {
      return Refuse(Reason::kBAD_REQUEST,
                    fmt::format("the materials being handed over are larger than {} octets", budget_.limit()));
    }
    if (part_.has_header() != frames_.empty()) return Refuse(Reason::kBAD_REQUEST, "the header comes first, and once");
    if (part_.has_header()) {
      SMKI_ASSIGN_OR_RETURN(const PrepareFrame header, ToFrame(part_.header()));
      SMKI_RETURN_IF_ERROR(countersigner_.CheckNotBehind({header.ledger_sequence + 1, header.ledger_head}));
      frames_.push_back(MakeFrame(FrameType::kPrepareBegin, header));
    } else if (part_.has_population()) {
      const kg::PopulationPart& population = part_.population();
      if (population.octets().size() > kMaxPart)
        return Refuse(Reason::kBAD_REQUEST, "a population part is larger than 1 MiB");
      frames_.push_back(MakeFrame(FrameType::kPopulationPart,
                                  PopulationFrame{population.group(), ToBytes(AsBytes(population.octets()))}));
    } else if (part_.part_case() == kg::PrepareRequest::kCertificate) {
      frames_.push_back(MakeFrame(FrameType::kCertificate, CertificateFrame{ToBytes(AsBytes(part_.certificate()))}));
    } else {
      return Refuse(Reason::kBAD_REQUEST, "a part without content");
    }
    return OkStatus();
  }

  void HandOver() {
    if (status_.ok() && frames_.empty()) status_ = Refuse(Reason::kBAD_REQUEST, "nothing was handed over");
    if (!status_.ok()) {
      Record(signer_, status_, [this] { Finish(rpc::ToGrpc(status_)); });
      return;
    }
    frames_.push_back(MakeFrame(FrameType::kPrepareEnd, EmptyFrame{}));
    signer_.Call(std::move(frames_), [this](StatusOr<Bytes> answer) {
      FailPoint("keyguard.prepare.before-reply");
      Status status = answer.status();
      if (status.ok()) {
        auto ceremony = DecodePayload<CeremonyFrame>(*answer);
        status = ceremony.status();
        if (status.ok()) FromFrame(*std::move(ceremony), *response_->mutable_ceremony());
      } else {
        spdlog::warn("{}", Message(status));
      }
      Finish(rpc::ToGrpc(status));
    });
  }

  SignerProcess& signer_;
  const Countersigner& countersigner_;
  UploadBudget& budget_;
  kg::PrepareResponse* response_;
  kg::PrepareRequest part_;
  std::vector<Bytes> frames_;
  size_t octets_ = 0;
  Status status_;
};

// Streams the journal up to the end of the newest record that the signer has told.
class ExportReactor : public grpc::ServerWriteReactor<kg::JournalChunk> {
 public:
  ExportReactor(SignerProcess& signer, const Status& permitted, std::string path) : path_(std::move(path)) {
    if (!permitted.ok()) {
      Record(signer, permitted, [this, permitted] { Finish(rpc::ToGrpc(permitted)); });
      return;
    }
    signer.Call(MakeFrame(FrameType::kStatus, EmptyFrame{}), [this](const StatusOr<Bytes>& answer) { Begin(answer); });
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
  void Begin(const StatusOr<Bytes>& answer) {
    Status status = answer.status();
    if (status.ok()) {
      const auto told = DecodePayload<StatusFrame>(*answer);
      status = told.status();
      if (status.ok()) end_ = told->journal_octets;
    }
    if (status.ok()) {
      auto file = PosixFiles().OpenAppend(path_);
      status = file.status();
      if (status.ok()) file_ = *std::move(file);
    }
    if (status.ok()) {
      Next();
    } else {
      Finish(rpc::ToGrpc(status));
    }
  }
  void Next() {
    if (at_ == end_) {
      Finish(grpc::Status::OK);
      return;
    }
    const auto octets = file_->ReadAt(at_, std::min<uint64_t>(kChunk, end_ - at_));
    if (!octets.ok()) {
      Finish(rpc::ToGrpc(octets.status()));
      return;
    }
    at_ += octets->size();
    chunk_.set_octets(octets->data(), octets->size());
    StartWrite(&chunk_);
  }

  std::string path_;
  std::unique_ptr<AppendFile> file_;
  uint64_t at_ = 0, end_ = 0;
  kg::JournalChunk chunk_;
};

class KeyguardService : public kg::Keyguard::CallbackService {
 public:
  KeyguardService(SignerProcess& signer, Countersigner& countersigner, std::string journal_path,
                  size_t max_upload_octets)
      : signer_(signer),
        countersigner_(countersigner),
        journal_path_(std::move(journal_path)),
        uploads_(max_upload_octets) {}

  grpc::ServerReadReactor<kg::PrepareRequest>* Prepare(grpc::CallbackServerContext* context,
                                                       kg::PrepareResponse* response) override {
    return new PrepareReactor(signer_, countersigner_, uploads_, CheckOrchestrator(rpc::CallerOf(*context)), response);
  }

  grpc::ServerUnaryReactor* Sign(grpc::CallbackServerContext* context, const kg::SignRequest* request,
                                 kg::SignResponse* response) override {
    return Forward<SignedFrame>(
        context, FrameType::kSign, [&] { return ToFrame(*request); },
        [response](SignedFrame f) {
          FailPoint("keyguard.sign.before-reply");
          FromFrame(std::move(f), *response);
        });
  }
  grpc::ServerUnaryReactor* Prove(grpc::CallbackServerContext* context, const kg::ProveRequest* request,
                                  kg::ProveResponse* response) override {
    return Forward<ProvedFrame>(
        context, FrameType::kProve, [&] { return ToFrame(*request); },
        [response](ProvedFrame f) { FromFrame(std::move(f), *response); });
  }
  grpc::ServerUnaryReactor* Close(grpc::CallbackServerContext* context, const kg::CloseRequest* request,
                                  kg::CloseResponse* response) override {
    return Forward<StatusFrame>(
        context, FrameType::kClose, [&] { return ToFrame(*request); },
        [response](StatusFrame f) {
          FailPoint("keyguard.close.before-reply");
          FromFrame(std::move(f), *response->mutable_status());
        });
  }
  grpc::ServerUnaryReactor* GetStatus(grpc::CallbackServerContext* context, const kg::GetStatusRequest* request,
                                      kg::Status* response) override {
    return Forward<StatusFrame>(
        context, FrameType::kStatus, [&] { return StatusOr<StatusRequestFrame>(ToFrame(*request)); },
        [this, response](StatusFrame f) {
          const ledger::Head signed_head = countersigner_.newest();
          if (signed_head.entries > 0 && (!f.ledger_head || signed_head.entries - 1 > f.ledger_sequence)) {
            f.ledger_sequence = signed_head.entries - 1;
            f.ledger_head = signed_head.hash;
          }
          FromFrame(std::move(f), *response);
        });
  }

  grpc::ServerUnaryReactor* Countersign(grpc::CallbackServerContext* context, const kg::CountersignRequest* request,
                                        kg::CountersignResponse* response) override {
    grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
    const Status permitted = CheckOrchestrator(rpc::CallerOf(*context));
    if (!permitted.ok()) return FinishRefused(signer_, permitted, reactor);
    auto line = countersigner_.Countersign(request->checkpoint());
    if (!line.ok()) return FinishRefused(signer_, line.status(), reactor);
    response->set_signature_line(*std::move(line));
    reactor->Finish(grpc::Status::OK);
    return reactor;
  }

  grpc::ServerWriteReactor<kg::JournalChunk>* ExportJournal(grpc::CallbackServerContext* context,
                                                            const kg::ExportJournalRequest*) override {
    return new ExportReactor(signer_, CheckOrchestrator(rpc::CallerOf(*context)), journal_path_);
  }

 private:
  template <typename F, typename Make, typename Fill>
  grpc::ServerUnaryReactor* Forward(grpc::CallbackServerContext* context, FrameType type, Make make, Fill fill) {
    grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
    const Status permitted = CheckOrchestrator(rpc::CallerOf(*context));
    if (!permitted.ok()) return FinishRefused(signer_, permitted, reactor);
    auto frame = make();
    if (!frame.ok()) return FinishRefused(signer_, frame.status(), reactor);
    return Ask<F>(signer_, MakeFrame(type, *frame), reactor, std::move(fill));
  }

  SignerProcess& signer_;
  Countersigner& countersigner_;
  const std::string journal_path_;
  UploadBudget uploads_;
};

class PersonsService : public kg::KeyguardPersons::CallbackService {
 public:
  PersonsService(SignerProcess& signer, std::set<std::string> persons)
      : signer_(signer), persons_(std::move(persons)) {}

  grpc::ServerUnaryReactor* GetStatus(grpc::CallbackServerContext* context, const kg::GetStatusRequest* request,
                                      kg::Status* response) override {
    return Forward<StatusFrame>(context, MakeFrame(FrameType::kStatus, ToFrame(*request)),
                                [response](StatusFrame f) { FromFrame(std::move(f), *response); });
  }
  grpc::ServerUnaryReactor* GetCeremony(grpc::CallbackServerContext* context, const kg::GetCeremonyRequest*,
                                        kg::Ceremony* response) override {
    return Forward<CeremonyFrame>(context, MakeFrame(FrameType::kGetCeremony, EmptyFrame{}),
                                  [response](CeremonyFrame f) { FromFrame(std::move(f), *response); });
  }
  grpc::ServerUnaryReactor* PresentShare(grpc::CallbackServerContext* context, const kg::PresentShareRequest* request,
                                         kg::PresentShareResponse* response) override {
    return Forward<CeremonyFrame>(
        context, MakeFrame(FrameType::kPresent, ToFrame(*request)),
        [response](CeremonyFrame f) { FromFrame(std::move(f), *response->mutable_ceremony()); });
  }
  grpc::ServerUnaryReactor* Order(grpc::CallbackServerContext* context, const kg::OrderRequest* request,
                                  kg::OrderResponse* response) override {
    return Forward<StatusFrame>(context, MakeFrame(FrameType::kOrder, ToFrame(*request)),
                                [response](StatusFrame f) { FromFrame(std::move(f), *response->mutable_status()); });
  }

  // --- Custody changes ---
  grpc::ServerUnaryReactor* BeginCustodyChange(grpc::CallbackServerContext* context,
                                               const kg::BeginCustodyChangeRequest* request,
                                               kg::BeginCustodyChangeResponse* response) override {
    auto frame = ToFrame(*request);
    if (!frame.ok()) return FinishRefused(signer_, frame.status(), context->DefaultReactor());
    return Forward<CeremonyFrame>(context, MakeFrame(FrameType::kBeginCustody, *frame),
                                  [this, response, change = request->change()](CeremonyFrame f) {
                                    Appoint(change);
                                    FromFrame(std::move(f), *response->mutable_ceremony());
                                  });
  }
  grpc::ServerUnaryReactor* GetCustody(grpc::CallbackServerContext* context, const kg::GetCustodyRequest*,
                                       kg::Custody* response) override {
    return Forward<CustodyFrame>(context, MakeFrame(FrameType::kGetCustody, GetCustodyFrame{rpc::CallerOf(*context)}),
                                 [response](CustodyFrame f) { FromFrame(std::move(f), *response); });
  }

 private:
  // Those whom the change that the signer has just admitted appoints may fetch their share and show it back; the policy
  // at hand does not know them yet.
  void Appoint(const std::string& text) {
    const auto change = procedures::ParseCustodyChange(text);
    if (!change.ok()) return;
    const std::lock_guard<std::mutex> lock(appointed_mutex_);
    for (const procedures::Person& person : change->persons) appointed_.insert(person.id);
  }
  bool IsKnown(const std::string& caller) {
    const std::lock_guard<std::mutex> lock(appointed_mutex_);
    return persons_.contains(caller) || appointed_.contains(caller);
  }

  template <typename F, typename Fill>
  grpc::ServerUnaryReactor* Forward(grpc::CallbackServerContext* context, Bytes frame, Fill fill) {
    grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
    const std::string caller = rpc::CallerOf(*context);
    if (!IsKnown(caller)) {
      return FinishRefused(signer_,
                           Refuse(Reason::kNOT_PERMITTED, fmt::format("'{}' is no person of the trust policy", caller)),
                           reactor);
    }
    return Ask<F>(signer_, std::move(frame), reactor, std::move(fill));
  }

  SignerProcess& signer_;
  const std::set<std::string> persons_;
  std::mutex appointed_mutex_;
  std::set<std::string> appointed_;
};

}  // namespace

std::unique_ptr<grpc::Service> MakeKeyguardService(SignerProcess& signer, Countersigner& countersigner,
                                                   std::string journal_path, size_t max_upload_octets) {
  return std::make_unique<KeyguardService>(signer, countersigner, std::move(journal_path), max_upload_octets);
}

std::unique_ptr<grpc::Service> MakePersonsService(SignerProcess& signer, std::set<std::string> persons) {
  return std::make_unique<PersonsService>(signer, std::move(persons));
}

}  // namespace smki::hsm
