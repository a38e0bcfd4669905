// What the ten checks share while they run. Private to cli/verify*.cc.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "cli/verify.h"
#include "gbcs/credentials.h"
#include "ledger/journal_records.h"
#include "ledger/ledger.h"
#include "pki/certificate.h"
#include "procedures/direction.h"
#include "procedures/evidence/votes.h"
#include "procedures/policy.h"
#include "procedures/population.h"
#include "smki/ledger/v1/ledger.pb.h"

namespace smki::cli {

inline constexpr size_t kMaxEvidenceDocument = 16 << 20;
inline constexpr size_t kMaxEvidencePopulation = size_t{1} << 30;

// One signature the journal says was made.
struct JournalCommand {
  uint64_t counter = 0;
  uint64_t record = 0;  // of the burn
  bool is_signed = false;
  Digest command{};  // SHA-256 of the whole signed message; zeros until verified
};
struct JournalBurnRecord {
  uint64_t number = 0;
  ledger::JournalBurn burn;
};
using DeviceAttempt = std::pair<Eui64, uint32_t>;

struct Evidence {
  std::string folder;
  VerifyReport report;

  std::optional<procedures::TrustPolicy> policy;
  std::optional<procedures::PolicyVerifier> verifier;
  std::optional<pki::RevocationList> revocations;
  std::vector<ledger::Entry> entries;      // the chain, in order; empty if it is broken at the genesis
  std::map<Digest, uint64_t> sequence_of;  // hash -> sequence

  // The incident ended without a Direction, so that nothing may have been signed for it.
  bool without_direction = false;
  std::optional<procedures::Direction> direction;
  std::string direction_text;
  Digest direction_digest{};
  std::map<std::string, procedures::Population> populations;
  std::map<Digest, pki::Certificate> certificates;
  std::optional<ledger::JournalDirection> admitted;
  std::map<DeviceAttempt, JournalCommand> commands;  // of this Direction
  std::map<uint64_t, JournalBurnRecord> burns;       // by record number, of this Direction
  std::map<Eui64, uint64_t> proven;                  // what the signer took for proven, by which record
  std::map<std::string, std::string> notification;   // the incident's facts, as the ledger has them
  std::map<std::string, std::string> outputs;        // of its steps

  // Of a contingency Direction: what its commands disclosed (check 8). Empty: no command was signed.
  Bytes symmetric_key;
  std::string Path(const std::string& relative) const { return folder + "/" + relative; }
  StatusOr<Bytes> Read(const std::string& relative, size_t limit = kMaxEvidenceDocument) const;
  // Names in a sub-folder, empty if it is absent.
  std::vector<std::string> List(const std::string& relative) const;

  // Begins a check; the findings that follow are its.
  void Begin(int number, const std::string& name);
  void LookedAt(const std::string& what) { report.checks.back().looked_at = what; }
  void Find(const std::string& where, const std::string& what);
  // A finding if `status` is an error. True if it was OK.
  bool Expect(const std::string& where, const Status& status);

  // Was `document` signed by `person` of the policy: detached, with a certificate valid and not revoked when it was
  // signed? OK or the reason why not.
  Status CheckSignedBy(const std::string& person, ByteSpan document, ByteSpan cms) const;
  // The entry that a quoted head (count or sequence, and hash) names. Null: no such entry in the chain.
  const ledger::Entry* Quoted(uint64_t sequence, const Digest& hash) const;
  // Of the evidenced incident's entries, those of one kind with their payload parsed.
  template <typename Payload>
  std::vector<std::pair<const ledger::Entry*, Payload>> Of(const std::string& kind) {
    std::vector<std::pair<const ledger::Entry*, Payload>> out;
    for (const ledger::Entry& entry : entries) {
      if (entry.kind != kind || (!entry.incident.empty() && entry.incident != report.incident)) continue;
      Payload payload;
      if (!payload.ParseFromArray(entry.payload.data(), static_cast<int>(entry.payload.size()))) {
        Find(EntryName(entry), "its payload is no " + std::string(payload.GetTypeName()));
        continue;
      }
      out.emplace_back(&entry, std::move(payload));
    }
    return out;
  }
  static std::string EntryName(const ledger::Entry& entry) { return fmt::format("entry {}", entry.sequence); }
};

inline bool Same(const Digest& digest, const std::string& octets) {
  return AsText(digest) == octets;
}

// The ten, in order. Each begins itself.
void CheckPolicy(Evidence& evidence, const std::optional<Digest>& anchor);  // verify_ledger.cc
void CheckChain(Evidence& evidence);
void CheckCheckpoint(Evidence& evidence);
void CheckFiles(Evidence& evidence);       // verify_files.cc
void CheckStatements(Evidence& evidence);  // verify_documents.cc
void CheckProcedure(Evidence& evidence);
void CheckDirectionAdmitted(Evidence& evidence);  // verify_direction.cc
void CheckJournal(Evidence& evidence);            // verify_journal.cc
void CheckReconciliation(Evidence& evidence);     // verify_campaign.cc
void CheckDevices(Evidence& evidence);
// Part of it: the proof logs of Devices that no directed key reached. What was looked at; empty if there are none
// (verify_proof.cc).
std::string CheckProofs(Evidence& evidence);

// The votes on the Direction in the folder, each judged as of the admission: what expired or was revoked later takes
// nothing back. Needs policy, verifier and revocations (verify_votes.cc).
procedures::Votes VotesAt(Evidence& evidence, UtcTime admitted);
// Every casting vote that the ledger speaks of is in the folder as the Chair signed it.
void CheckCastingVotes(Evidence& evidence);

// Whom commands come from and responses go to. An error if neither the Direction nor its key's certificate says.
StatusOr<Eui64> OriginatorOf(const Evidence& evidence);
// The command that the Direction directs for one Device, without its signature: encoded here, not read
// (verify_journal.cc).
StatusOr<gbcs::CommandPayload> DirectedPayload(const Evidence& evidence, const procedures::DirectedGroup& group);

}  // namespace smki::cli
