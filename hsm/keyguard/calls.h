// What the keyguard answers, without the way it came: gRPC's (service.h) or a simulated network's. Who is calling is
// checked here, shapes are turned into frames, meaning is the signer's.
//
// Any thread; nothing here blocks on the signer. `done` runs once, on the caller's thread or the signer's I/O thread.
#pragma once

#include <atomic>
#include <functional>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "base/file.h"
#include "hsm/keyguard/countersigner.h"
#include "hsm/keyguard/translate.h"

namespace smki::hsm {

// The orchestrator's transport identity: the one caller of the Keyguard service.
inline constexpr char kOrchestrator[] = "orchestrator";
// What all Prepare uploads that are under way may hold together.
inline constexpr size_t kMaxUploadOctets = size_t{1} << 30;

// Sends frames, of which only the last has an answer, to the signer (SignerProcess::Call).
using AskSigner = std::function<void(std::vector<Bytes>, std::function<void(StatusOr<Bytes>)>)>;
using Done = std::function<void(Status)>;

// For the orchestrator, smki.keyguard.v1.Keyguard. `caller` is the Common Name of the transport certificate.
class KeyguardCalls {
 public:
  struct Parts {
    AskSigner signer;
    Countersigner& countersigner;
    FileSystem& files;
    std::string journal_path;
    size_t max_upload_octets = kMaxUploadOctets;
  };
  explicit KeyguardCalls(Parts parts) : parts_(std::move(parts)) {}

  void Sign(const std::string& caller, const kg::SignRequest& request, kg::SignResponse& response, Done done);
  void Prove(const std::string& caller, const kg::ProveRequest& request, kg::ProveResponse& response, Done done);
  void Close(const std::string& caller, const kg::CloseRequest& request, kg::CloseResponse& response, Done done);
  void Destroy(const std::string& caller, const kg::DestroyRequest& request, kg::DestroyResponse& response, Done done);
  void GetStatus(const std::string& caller, const kg::GetStatusRequest& request, kg::Status& response, Done done);
  void Countersign(const std::string& caller, const kg::CountersignRequest& request, kg::CountersignResponse& response,
                   Done done);

  // One Prepare under way: collects the stream, then hands it over in one piece, so that two of them never mix.
  class Upload {
   public:
    Upload(KeyguardCalls& calls, const std::string& caller);
    ~Upload() { Drop(); }
    Upload(const Upload&) = delete;
    // To be called to the stream's end even after a refusal: its reason reaches the caller only then.
    void Take(const kg::PrepareRequest& part);
    // When the caller has said all.
    void HandOver(kg::PrepareResponse& response, Done done);
    bool ok() const { return status_.ok(); }
    size_t octets() const { return octets_; }

   private:
    Status TakePart(const kg::PrepareRequest& part);
    void Drop();
    KeyguardCalls& calls_;
    Status status_;
    std::vector<Bytes> frames_;
    size_t octets_ = 0;
  };

  // The journal, up to the end of the newest record that the signer has told.
  struct JournalFile {
    std::unique_ptr<AppendFile> file;
    uint64_t end = 0;
    // The piece at `at`, which moves on; empty at the end.
    StatusOr<kg::JournalChunk> Next(uint64_t& at) const;
  };
  void OpenJournal(const std::string& caller, std::function<void(StatusOr<JournalFile>)> opened);

 private:
  // How many octets all unfinished uploads hold together: a thousand of them need no more memory than one.
  bool Reserve(size_t octets) { return held_.fetch_add(octets) + octets <= parts_.max_upload_octets; }
  void GiveBack(size_t octets) { held_ -= octets; }
  template <typename F, typename Request, typename Fill>
  void Forward(const std::string& caller, FrameType type, const Request& request, Fill fill, Done done);

  Parts parts_;
  std::atomic<size_t> held_{0};
};

// For persons of the trust policy, smki.keyguard.v1.KeyguardPersons. `persons`: their ids, who alone may call.
class PersonsCalls {
 public:
  PersonsCalls(AskSigner signer, std::set<std::string> persons)
      : signer_(std::move(signer)), persons_(std::move(persons)) {}

  void GetStatus(const std::string& caller, const kg::GetStatusRequest& request, kg::Status& response, Done done);
  void GetCeremony(const std::string& caller, const kg::GetCeremonyRequest& request, kg::Ceremony& response, Done done);
  void PresentShare(const std::string& caller, const kg::PresentShareRequest& request,
                    kg::PresentShareResponse& response, Done done);
  void Order(const std::string& caller, const kg::OrderRequest& request, kg::OrderResponse& response, Done done);
  // --- Custody changes ---
  void BeginCustodyChange(const std::string& caller, const kg::BeginCustodyChangeRequest& request,
                          kg::BeginCustodyChangeResponse& response, Done done);
  void GetCustody(const std::string& caller, const kg::GetCustodyRequest& request, kg::Custody& response, Done done);

 private:
  // Those whom the change that the signer has just admitted appoints may fetch their share and show it back; the policy
  // at hand does not know them yet.
  void Appoint(const std::string& change);
  bool IsKnown(const std::string& caller);
  template <typename F, typename Fill>
  void Forward(const std::string& caller, Bytes frame, Fill fill, Done done);

  AskSigner signer_;
  const std::set<std::string> persons_;
  std::mutex appointed_mutex_;
  std::set<std::string> appointed_;
};

}  // namespace smki::hsm
