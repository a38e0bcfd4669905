// Everybody who acts: the incident team, the PMA's members, the custodians, the supplier. They look at the incident, do
// what it waits for after a while, sign with their own keys what their tools would sign, and ask again when no answer
// came. Some come late or never, err, do things twice, or cheat, as the seed says.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "pki/certificate.h"
#include "pki/key.h"
#include "procedures/documents.h"
#include "procedures/policy.h"
#include "smki/keyguard/v1/keyguard.pb.h"
#include "smki/recovery/v1/recovery.pb.h"
#include "tests/simulation/estate.h"
#include "tests/simulation/parts/machine.h"

namespace smki::simulation {

// What people really did, for whoever checks (by what they signed, not by what a server says of it).
struct PeopleWitness {
  std::function<void(const std::string& person, ByteSpan document, ByteSpan cms)> signed_document;
  std::function<void(const std::string& person, const std::string& ceremony_request)> presented;
};

class People {
 public:
  People(World world, const EstateImage& image, PeopleWitness witness);
  void Start(Network::Host& orchestrator, Network::Host& keyguard, Network::Host& estate);

  Process& process() { return process_; }
  bool incident_closed() const { return closed_; }
  // The newest page that somebody has read.
  const std::optional<recovery::v1::IncidentView>& page() const { return page_; }
  const std::string& last_refusal() const { return last_refusal_; }
  // Why a step failed last.
  const std::string& last_failure() const { return last_failure_; }

 private:
  struct Person {
    std::string id;
    std::vector<std::string> roles;
    std::optional<pki::PrivateKey> sign, agree;
    std::optional<pki::Certificate> sign_certificate, agree_certificate;
    std::map<std::string, Bytes> shares;  // by key: the envelope
    bool gone = false;                    // never comes again
    std::unique_ptr<Transport> orchestrator, keyguard;
  };
  using View = recovery::v1::IncidentView;

  Person& Get(const std::string& id) { return persons_.at(id); }
  std::vector<std::string> WithRole(const std::string& role) const;
  // Who of the role acts: somebody who comes.
  std::string ActorFor(const std::string& role);
  // Time until somebody does something.
  Nanos Reaction(const std::string& person);
  bool SleepsOnIt();
  // Runs `act` after the person's reaction, unless the same is in hand already.
  void Soon(const std::string& what, const std::string& person, std::function<void()> act);
  void Over(const std::string& what) { in_hand_.erase(what); }

  void Look();
  void OnPage(View view);
  void OpenIncident();
  void Serve(const recovery::v1::StepView& step);
  bool IsAskedFor(const std::string& step) const;  // by a deviation that waits
  void Approve(const recovery::v1::DeviationView& one);
  void Close();
  // Reads the page, then acts on it; the statement is signed as the tool does.
  void Act(const std::string& what, const std::string& person, const std::string& step, const std::string& verb,
           const std::string& choice, const std::string& text);
  static void Answer(const View& page, recovery::v1::ActRequest& request);
  void SendAct(const std::string& what, const std::string& person, const View& page, const std::string& step,
               const std::string& verb, const std::string& choice, const std::string& text);
  std::string ChoiceFor(const recovery::v1::StepView& step);

  void MakeNewCertificates(size_t cell);

  void Vote();
  void VoteOf(const std::string& member);
  void SendVote(const std::string& member, const recovery::v1::DirectionView& direction);
  void Present();
  void PresentOf(const std::string& custodian);
  void SendShare(const std::string& custodian, const keyguard::v1::Ceremony& ceremony);
  void MayHalt();
  void Order(const std::string& member, const std::string& order, const std::string& direction);

  Bytes Sign(Person& person, ByteSpan document, const std::string& hint);
  void Refused(const std::string& who, const std::string& what, const Status& status);
  UtcTime Now() { return process_.Now(); }

  World world_;
  const EstateImage& image_;
  PeopleWitness witness_;
  Process process_;
  std::string policy_text_;
  procedures::TrustPolicy policy_;
  std::map<std::string, Person> persons_;
  std::unique_ptr<Transport> estate_;
  std::vector<Bytes> requests_;  // of the supplier, one for each cell
  bool lodged_ = false;
  std::optional<View> page_;
  std::set<std::string> in_hand_;
  std::set<std::string> voted_, presented_;
  std::vector<std::pair<std::string, Bytes>> approvals_seen_;  // (member, CMS): what a cheat may offer as their own
  std::map<std::string, int> failures_;
  std::string halted_;  // Direction, hexadecimal
  std::set<std::string> resumed_;
  std::string last_refusal_, last_failure_;
  bool slept_ = false;
  bool closed_ = false;
  bool rejected_ = false;
};

}  // namespace smki::simulation
