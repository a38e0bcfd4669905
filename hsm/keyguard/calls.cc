#include "hsm/keyguard/calls.h"

#include <spdlog/spdlog.h>

#include <utility>

#include "base/fail_point.h"
#include "procedures/custody_change.h"
#include "procedures/reason.h"

namespace smki::hsm {

using procedures::Reason;
using procedures::Refuse;

namespace {

constexpr size_t kMaxPart = 1 << 20;
constexpr size_t kChunk = 256 * 1024;

void AskOne(const AskSigner& signer, Bytes frame, std::function<void(StatusOr<Bytes>)> reply) {
  std::vector<Bytes> frames;
  frames.push_back(std::move(frame));
  signer(std::move(frames), std::move(reply));
}

// Records a refusal that the signer did not make itself, then says it.
void SayRefused(const AskSigner& signer, const Status& refusal, Done done) {
  spdlog::warn("refused: {}", Message(refusal));
  AskOne(signer, MakeFrame(FrameType::kRefusal, RefusalFrame{ReasonOf(refusal), Message(refusal)}),
         [refusal, done = std::move(done)](const StatusOr<Bytes>&) { done(refusal); });
}

// Sends `frame`; the answer is a message of type F, which `fill` puts into the response.
template <typename F, typename Fill>
void Ask(const AskSigner& signer, Bytes frame, Fill fill, Done done) {
  AskOne(signer, std::move(frame), [fill, done = std::move(done)](StatusOr<Bytes> answer) {
    Status status = answer.status();
    if (status.ok()) {
      auto message = DecodePayload<F>(*answer);
      status = message.status();
      if (status.ok()) fill(*std::move(message));
    } else {
      spdlog::warn("{}", Message(status));
    }
    done(status);
  });
}

Status CheckOrchestrator(const std::string& caller) {
  if (caller == kOrchestrator) return OkStatus();
  return Refuse(Reason::kNOT_PERMITTED,
                fmt::format("'{}' called the Keyguard service, which serves the orchestrator only", caller));
}

}  // namespace

// --- for the orchestrator ---

template <typename F, typename Request, typename Fill>
void KeyguardCalls::Forward(const std::string& caller, FrameType type, const Request& request, Fill fill, Done done) {
  const Status permitted = CheckOrchestrator(caller);
  if (!permitted.ok()) return SayRefused(parts_.signer, permitted, std::move(done));
  const auto frame = ToFrame(request);
  if (!frame.ok()) return SayRefused(parts_.signer, frame.status(), std::move(done));
  Ask<F>(parts_.signer, MakeFrame(type, *frame), std::move(fill), std::move(done));
}

void KeyguardCalls::Sign(const std::string& caller, const kg::SignRequest& request, kg::SignResponse& response,
                         Done done) {
  Forward<SignedFrame>(
      caller, FrameType::kSign, request,
      [&response](SignedFrame f) {
        FailPoint("keyguard.sign.before-reply");
        FromFrame(std::move(f), response);
      },
      std::move(done));
}

void KeyguardCalls::Prove(const std::string& caller, const kg::ProveRequest& request, kg::ProveResponse& response,
                          Done done) {
  Forward<ProvedFrame>(
      caller, FrameType::kProve, request, [&response](ProvedFrame f) { FromFrame(std::move(f), response); },
      std::move(done));
}

void KeyguardCalls::Close(const std::string& caller, const kg::CloseRequest& request, kg::CloseResponse& response,
                          Done done) {
  Forward<StatusFrame>(
      caller, FrameType::kClose, request,
      [&response](StatusFrame f) {
        FailPoint("keyguard.close.before-reply");
        FromFrame(std::move(f), *response.mutable_status());
      },
      std::move(done));
}

void KeyguardCalls::Destroy(const std::string& caller, const kg::DestroyRequest& request, kg::DestroyResponse& response,
                            Done done) {
  Forward<StatusFrame>(
      caller, FrameType::kDestroy, request,
      [&response](StatusFrame f) { FromFrame(std::move(f), *response.mutable_status()); }, std::move(done));
}

void KeyguardCalls::GetStatus(const std::string& caller, const kg::GetStatusRequest& request, kg::Status& response,
                              Done done) {
  Forward<StatusFrame>(
      caller, FrameType::kStatus, request,
      [this, &response](StatusFrame f) {
        const ledger::Head signed_head = parts_.countersigner.newest();
        if (signed_head.entries > 0 && (!f.ledger_head || signed_head.entries - 1 > f.ledger_sequence)) {
          f.ledger_sequence = signed_head.entries - 1;
          f.ledger_head = signed_head.hash;
        }
        FromFrame(std::move(f), response);
      },
      std::move(done));
}

void KeyguardCalls::Countersign(const std::string& caller, const kg::CountersignRequest& request,
                                kg::CountersignResponse& response, Done done) {
  const Status permitted = CheckOrchestrator(caller);
  if (!permitted.ok()) return SayRefused(parts_.signer, permitted, std::move(done));
  auto line = parts_.countersigner.Countersign(request.checkpoint());
  if (!line.ok()) return SayRefused(parts_.signer, line.status(), std::move(done));
  response.set_signature_line(*std::move(line));
  done(OkStatus());
}

// --- uploads ---

KeyguardCalls::Upload::Upload(KeyguardCalls& calls, const std::string& caller)
    : calls_(calls), status_(CheckOrchestrator(caller)) {}

void KeyguardCalls::Upload::Drop() {
  frames_.clear();
  frames_.shrink_to_fit();
  calls_.GiveBack(std::exchange(octets_, 0));
}

void KeyguardCalls::Upload::Take(const kg::PrepareRequest& part) {
  if (status_.ok()) status_ = TakePart(part);
  if (!status_.ok()) Drop();
}

Status KeyguardCalls::Upload::TakePart(const kg::PrepareRequest& part) {
  const size_t size = part.ByteSizeLong();
  octets_ += size;
  if (!calls_.Reserve(size)) {
    return Refuse(Reason::kBAD_REQUEST, fmt::format("the materials being handed over are larger than {} octets",
                                                    calls_.parts_.max_upload_octets));
  }
  if (part.has_header() != frames_.empty()) return Refuse(Reason::kBAD_REQUEST, "the header comes first, and once");
  if (part.has_header()) {
    SMKI_ASSIGN_OR_RETURN(const PrepareFrame header, ToFrame(part.header()));
    SMKI_RETURN_IF_ERROR(calls_.parts_.countersigner.CheckNotBehind({header.ledger_sequence + 1, header.ledger_head}));
    frames_.push_back(MakeFrame(FrameType::kPrepareBegin, header));
  } else if (part.has_population()) {
    const kg::PopulationPart& population = part.population();
    if (population.octets().size() > kMaxPart)
      return Refuse(Reason::kBAD_REQUEST, "a population part is larger than 1 MiB");
    frames_.push_back(MakeFrame(FrameType::kPopulationPart,
                                PopulationFrame{population.group(), ToBytes(AsBytes(population.octets()))}));
  } else if (part.part_case() == kg::PrepareRequest::kCertificate) {
    frames_.push_back(MakeFrame(FrameType::kCertificate, CertificateFrame{ToBytes(AsBytes(part.certificate()))}));
  } else {
    return Refuse(Reason::kBAD_REQUEST, "a part without content");
  }
  return OkStatus();
}

void KeyguardCalls::Upload::HandOver(kg::PrepareResponse& response, Done done) {
  if (status_.ok() && frames_.empty()) status_ = Refuse(Reason::kBAD_REQUEST, "nothing was handed over");
  if (!status_.ok()) return SayRefused(calls_.parts_.signer, status_, std::move(done));
  frames_.push_back(MakeFrame(FrameType::kPrepareEnd, EmptyFrame{}));
  calls_.parts_.signer(std::move(frames_), [&response, done = std::move(done)](StatusOr<Bytes> answer) {
    FailPoint("keyguard.prepare.before-reply");
    Status status = answer.status();
    if (status.ok()) {
      auto ceremony = DecodePayload<CeremonyFrame>(*answer);
      status = ceremony.status();
      if (status.ok()) FromFrame(*std::move(ceremony), *response.mutable_ceremony());
    } else {
      spdlog::warn("{}", Message(status));
    }
    done(status);
  });
}

// --- the journal ---

void KeyguardCalls::OpenJournal(const std::string& caller, std::function<void(StatusOr<JournalFile>)> opened) {
  const Status permitted = CheckOrchestrator(caller);
  if (!permitted.ok()) return SayRefused(parts_.signer, permitted, opened);
  AskOne(parts_.signer, MakeFrame(FrameType::kStatus, EmptyFrame{}),
         [this, opened = std::move(opened)](const StatusOr<Bytes>& answer) {
           opened([&]() -> StatusOr<JournalFile> {
             SMKI_RETURN_IF_ERROR(answer.status());
             SMKI_ASSIGN_OR_RETURN(const StatusFrame told, DecodePayload<StatusFrame>(*answer));
             SMKI_ASSIGN_OR_RETURN(auto file, parts_.files.OpenAppend(parts_.journal_path));
             return JournalFile{std::move(file), told.journal_octets};
           }());
         });
}

StatusOr<kg::JournalChunk> KeyguardCalls::JournalFile::Next(uint64_t& at) const {
  kg::JournalChunk chunk;
  SMKI_ASSIGN_OR_RETURN(const Bytes octets, file->ReadAt(at, std::min<uint64_t>(kChunk, end - at)));
  at += octets.size();
  chunk.set_octets(octets.data(), octets.size());
  return chunk;
}

// --- for persons ---

template <typename F, typename Fill>
void PersonsCalls::Forward(const std::string& caller, Bytes frame, Fill fill, Done done) {
  if (!IsKnown(caller)) {
    return SayRefused(signer_,
                      Refuse(Reason::kNOT_PERMITTED, fmt::format("'{}' is no person of the trust policy", caller)),
                      std::move(done));
  }
  Ask<F>(signer_, std::move(frame), std::move(fill), std::move(done));
}

void PersonsCalls::GetStatus(const std::string& caller, const kg::GetStatusRequest& request, kg::Status& response,
                             Done done) {
  const auto frame = ToFrame(request);
  if (!frame.ok()) return SayRefused(signer_, frame.status(), std::move(done));
  Forward<StatusFrame>(
      caller, MakeFrame(FrameType::kStatus, *frame), [&response](StatusFrame f) { FromFrame(std::move(f), response); },
      std::move(done));
}

void PersonsCalls::GetCeremony(const std::string& caller, const kg::GetCeremonyRequest&, kg::Ceremony& response,
                               Done done) {
  Forward<CeremonyFrame>(
      caller, MakeFrame(FrameType::kGetCeremony, EmptyFrame{}),
      [&response](CeremonyFrame f) { FromFrame(std::move(f), response); }, std::move(done));
}

void PersonsCalls::PresentShare(const std::string& caller, const kg::PresentShareRequest& request,
                                kg::PresentShareResponse& response, Done done) {
  Forward<CeremonyFrame>(
      caller, MakeFrame(FrameType::kPresent, ToFrame(request)),
      [&response](CeremonyFrame f) { FromFrame(std::move(f), *response.mutable_ceremony()); }, std::move(done));
}

void PersonsCalls::Order(const std::string& caller, const kg::OrderRequest& request, kg::OrderResponse& response,
                         Done done) {
  Forward<StatusFrame>(
      caller, MakeFrame(FrameType::kOrder, ToFrame(request)),
      [&response](StatusFrame f) { FromFrame(std::move(f), *response.mutable_status()); }, std::move(done));
}

void PersonsCalls::BeginCustodyChange(const std::string& caller, const kg::BeginCustodyChangeRequest& request,
                                      kg::BeginCustodyChangeResponse& response, Done done) {
  const auto frame = ToFrame(request);
  if (!frame.ok()) return SayRefused(signer_, frame.status(), std::move(done));
  Forward<CeremonyFrame>(
      caller, MakeFrame(FrameType::kBeginCustody, *frame),
      [this, &response, change = request.change()](CeremonyFrame f) {
        Appoint(change);
        FromFrame(std::move(f), *response.mutable_ceremony());
      },
      std::move(done));
}

void PersonsCalls::GetCustody(const std::string& caller, const kg::GetCustodyRequest&, kg::Custody& response,
                              Done done) {
  Forward<CustodyFrame>(
      caller, MakeFrame(FrameType::kGetCustody, GetCustodyFrame{caller}),
      [&response](CustodyFrame f) { FromFrame(std::move(f), response); }, std::move(done));
}

void PersonsCalls::Appoint(const std::string& text) {
  const auto change = procedures::ParseCustodyChange(text);
  if (!change.ok()) return;
  const std::lock_guard<std::mutex> lock(appointed_mutex_);
  for (const procedures::Person& person : change->persons) appointed_.insert(person.id);
}

bool PersonsCalls::IsKnown(const std::string& caller) {
  const std::lock_guard<std::mutex> lock(appointed_mutex_);
  return persons_.contains(caller) || appointed_.contains(caller);
}

}  // namespace smki::hsm
