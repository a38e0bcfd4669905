// The whole orchestrator core under a virtual clock, with real policy, certificates, extracts and ledger, and a
// keyguard and an estate in the same process that behave as the real ones do towards it.
#pragma once

#include "fleet.h"
#include "orchestrator/orchestrator.h"
#include "repository/extract/extract.h"
#include "tests/unit/procedures/people.h"
#include "tests/unit/procedures/sample.h"

namespace smki::orchestrator::test {

namespace pt = procedures::test;

class House {
 public:
  explicit House(size_t devices = 6);

  // Starts, or starts again from what is on disk. The error is Create's.
  Status Start();
  void Settle(Millis time = Millis(200));  // lets virtual time pass
  // Starts again with a ledger that for so long takes no entry (`new`) of which `sql` is true.
  void FillLedgerFor(Millis time, const std::string& sql);

  // --- people ---
  procedures::Statement StatementFor(const std::string& person, const std::string& verb, const std::string& step,
                                     const std::string& choice = "none", const std::string& text = "seen");
  // To each mandatory factor of the step.
  static std::vector<procedures::GuidanceFactor> Answers(const recovery::v1::IncidentView& view,
                                                         const std::string& step);
  recovery::v1::ActRequest Request(const std::string& person, const procedures::Statement& statement);
  StatusOr<recovery::v1::IncidentView> Send(const std::string& person, const recovery::v1::ActRequest& request);
  Status Act(const std::string& person, const std::string& verb, const std::string& step,
             const std::string& choice = "none", const std::string& text = "seen");
  // Asks for a deviation; its digest is that of the newest (NewestDeviation).
  Status Ask(const std::string& person, const procedures::Deviation& asked);
  recovery::v1::DeviationView NewestDeviation();
  Status Approve(const std::string& person);
  recovery::v1::OpenIncidentRequest Opening(const std::string& person, const std::string& id = "req-1");
  StatusOr<recovery::v1::IncidentView> SendOpening(const std::string& person,
                                                   const recovery::v1::OpenIncidentRequest& request);
  Status Open(const std::string& person = "leo");
  Status Vote(const std::string& person);
  Status Reject(const std::string& person, const std::string& reason);
  // The casting vote of `person` over the votes there are.
  Status Cast(const std::string& person, const std::string& decision);
  Status SubmitVote(const std::string& caller, const Bytes& cms, const std::string& rejection = "",
                    const std::string& casting_vote = "");
  Bytes Sign(const std::string& person, std::string_view document, const std::string& hint);

  // --- the way through method-3 ---
  void ServeParties();          // the certificate authority tells whose EUI-64 it is
  void LodgeNewCertificates();  // the supplier's, in the next delta
  void DriveToDirection();      // from the opened incident up to the started direction step
  void ReachDirection();        // up to the running, drafted direction step
  void ReachCampaign();         // the key open and the canary done
  void Finish();                // everything up to and with closing

  recovery::v1::IncidentView View();
  recovery::v1::StepView Step(const std::string& id);
  std::string Folder() { return site.evidence + "/" + View().incident(); }
  std::vector<ledger::Entry> Entries();
  std::vector<ledger::Entry> Entries(const std::string& kind);
  uint64_t RefusalsOf(const std::string& code);

  ManualClock clock{pt::Now()};
  ManualExecutor executor{clock};
  SeededRandom random{1};
  InlineWorker worker{executor};
  FakeTransport keyguard{executor}, estate{executor};
  Scratch scratch;
  ::smki::test::Disk disk;  // the ledger is not on it
  pt::People people;
  pt::Estate pki;
  Site site;
  std::unique_ptr<Orchestrator> core;

  // The keyguard.
  keyguard::v1::Status keyguard_status;
  int ceremonies = 0;
  std::string guidance = "seen";   // what the lead says to the L10.9 factors
  bool custodians_present = true;  // the quorum presents as soon as it is asked
  std::optional<Status> prepare_error;
  keyguard::v1::PrepareHeader prepared;
  std::map<Digest, Bytes> prepared_certificates;
  // The estate.
  std::vector<estate::v1::Device> devices;
  std::vector<std::string> revoked;
  std::map<uint64_t, std::string> parties = {{kSupplier.value(), "supplier-a"}, {0x90B3D51F30030000, "supplier-b"}};
  std::map<Eui64, Behaviour> behaviour;
  std::map<std::pair<Eui64, uint32_t>, std::string> commands;
  uint64_t delivered = 0;
  std::function<void()> on_deliver;  // before the gateway takes commands

 private:
  void WriteFiles();
  void WriteExtract(bool full, const std::string& date, const std::vector<repository::CertificateRecord>& records);
  repository::CertificateRecord Organisation(uint8_t role, Eui64 eui, pki::KeyUsageBits usage, UtcTime from);
  void ServeKeyguard();
  void ServeEstate();
  StatusOr<std::string> Prepare(const std::vector<std::string>& messages);
  StatusOr<keyguard::v1::SignResponse> SignCommands(const keyguard::v1::SignRequest& request);
  std::string Respond(Eui64 device, uint64_t counter, const Behaviour& how);

  pki::PrivateKey device_authority_;
  std::map<Eui64, pki::PrivateKey> device_keys_;
  uint64_t next_counter_ = 0;
  uint64_t next_sequence_ = 1;
};

inline const Eui64 kOtherSupplier{0x90B3D51F30030000};

}  // namespace smki::orchestrator::test
