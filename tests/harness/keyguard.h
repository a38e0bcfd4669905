// A real smki-keyguard on an Estate, and both of its listeners in the hands of a test.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/yaml.h"
#include "proto/rpc/channel.h"
#include "sim/scenario/process.h"
#include "smki/keyguard/v1/keyguard.grpc.pb.h"
#include "tests/harness/estate.h"

namespace smki::test {

namespace kg = smki::keyguard::v1;

// The path of one of our programs.
std::string Program(const std::string& name);

class Keyguard {
 public:
  // Starts the program and waits until it serves. `environment`: more variables, e.g. SMKI_FAIL_POINT.
  static std::unique_ptr<Keyguard> Start(Estate& estate, const std::vector<std::string>& environment = {});
  ~Keyguard();

  // `as`: transport identity in estate/tls.
  StatusOr<kg::Ceremony> Prepare(const Bundle& bundle, const std::string& as = "orchestrator");
  // What Prepare sends, message by message.
  static std::vector<kg::PrepareRequest> Parts(const Bundle& bundle);
  // Sends these messages instead.
  StatusOr<kg::Ceremony> Prepare(const std::vector<kg::PrepareRequest>& parts, const std::string& as = "orchestrator");
  // Presents `person`'s own share to `ceremony` as smkictl does.
  StatusOr<kg::PresentShareRequest> MakePresentation(const std::string& person, const kg::Ceremony& ceremony);
  StatusOr<kg::Ceremony> Present(const std::string& person, const kg::PresentShareRequest& presentation);
  StatusOr<kg::Ceremony> Present(const std::string& person, const kg::Ceremony& ceremony);
  // Prepare, then three custodians.
  Status Open(const Bundle& bundle);

  static kg::SignRequest MakeSignRequest(const Bundle& bundle, const std::string& group,
                                         const std::vector<std::pair<Eui64, uint32_t>>& items);
  StatusOr<kg::SignResponse> Sign(const kg::SignRequest& request, const std::string& as = "orchestrator");
  StatusOr<kg::SignResponse> Sign(const Bundle& bundle, const std::string& group,
                                  const std::vector<std::pair<Eui64, uint32_t>>& items,
                                  const std::string& as = "orchestrator");
  StatusOr<kg::ProveResponse> Prove(const Bundle& bundle, const kg::Proof& proof);
  StatusOr<kg::Status> Order(const std::string& order, const Bundle& bundle, const std::string& person);
  StatusOr<kg::Status> Order(const std::string& order, const Bundle& bundle, const std::string& person,
                             const procedures::Environment& environment);
  // Custody changes, as `person`.
  StatusOr<kg::Ceremony> BeginCustody(const std::string& person, const kg::BeginCustodyChangeRequest& request);
  StatusOr<kg::Custody> GetCustody(const std::string& person);
  Status Close(const Bundle& bundle);
  StatusOr<kg::Status> GetStatus();
  // Every command that ever came out of Sign.
  const std::vector<kg::SignedCommand>& released() const { return released_; }
  // How many refusals with this code the journal has recorded.
  uint64_t Refusals(const std::string& code);
  StatusOr<Bytes> Journal();

  pid_t pid() const { return process_->pid(); }
  void Kill();      // SIGKILL, and waits
  bool WaitDead();  // until it ends by itself

  // --- For those who speak to it in other ways ---
  const std::string& listen() const { return listen_; }
  const std::string& persons_listen() const { return persons_listen_; }
  // `as`: "orchestrator" and other names in estate/tls, or "persons/anna.pma" for that person's transport certificate.
  std::shared_ptr<grpc::Channel> Channel(const std::string& address, const std::string& as);
  std::unique_ptr<kg::Keyguard::Stub> OrchestratorStub(const std::string& as);
  std::unique_ptr<kg::KeyguardPersons::Stub> PersonsStub(const std::string& as);

 private:
  Keyguard(Estate& estate) : estate_(estate) {}

  Estate& estate_;
  std::string listen_, persons_listen_;
  std::unique_ptr<sim::Process> process_;
  std::map<std::string, std::shared_ptr<grpc::Channel>> channels_;  // by address and identity
  std::vector<kg::SignedCommand> released_;
};

}  // namespace smki::test
