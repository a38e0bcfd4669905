// I5 at the token itself: when it is open, and what its key signs.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>

#include "smki/keyguard/v1/keyguard.pb.h"
#include "tests/simulation/check/facts.h"
#include "tests/simulation/check/journal_check.h"
#include "tests/simulation/check/quotes.h"

namespace smki::simulation {

class KeyCheck {
 public:
  KeyCheck(Facts& facts, JournalCheck& journal, Quotes& quotes) : facts_(facts), journal_(journal), quotes_(quotes) {}

  // The keyguard answers with a ceremony: its request, and who has shown their share.
  void Asked(UtcTime now, const keyguard::v1::Ceremony& ceremony);
  void Login(UtcTime now, const std::string& key, bool logged_in);
  // The token's sessions died by themselves: the signer finds it out when it next uses the key.
  void Severed(const std::string& key);
  // A ceremony was asked for by somebody with the orchestrator's identity: custodians who come open the key for what
  // the PMA has directed, and nobody will close it before its time.
  void AskedByIntruder() { by_intruder_ = true; }
  bool severed() const { return !severed_.empty(); }
  void Sign(UtcTime now, const std::string& key, const Digest& digest);
  void SignerDied();
  // Digests that no burn ever explained; and, if the incident is closed, a token that is not.
  void AtEnd(bool incident_closed);

  bool LoggedIn() const;
  bool OpenFor(const Digest& direction) const;
  uint64_t logins() const { return logins_; }
  // Openings and closings so far. An answer that was under way while there was one may tell of before or after.
  uint64_t changes() const { return changes_; }
  void Answering(uint64_t changes_when_asked) { steady_ = changes_when_asked == changes_; }
  bool steady() const { return steady_; }
  const CeremonyRequest* FindRequest(const Digest& request) const;

 private:
  struct Asking {
    CeremonyRequest request;
    bool alive = true, used = false;
  };
  struct Session {
    UtcTime since, since_true;
    std::optional<Digest> direction;  // none: for a custody change
  };

  void CheckRequest(const CeremonyRequest& request, const keyguard::v1::Ceremony& ceremony);
  void CheckJournalHead(const std::string& where, uint64_t records, const Digest& head);
  bool Complete(const CeremonyRequest& request) const;
  void CheckTime(const std::string& what, UtcTime now, const Use& use, const Session& session);
  friend class KeyguardCheck;

  Facts& facts_;
  JournalCheck& journal_;
  Quotes& quotes_;
  std::map<Digest, Asking> requests_;
  std::map<std::string, Session> sessions_;  // by key: logged in
  uint64_t logins_ = 0, changes_ = 0;
  bool steady_ = true, by_intruder_ = false;
  std::set<std::string> severed_;
  std::map<Digest, std::string> unexplained_;
};

}  // namespace smki::simulation
