// All incidents, as a fold over the ledger. Nothing is known here that is not in an entry, and no change counts before
// its entries are durable: Decide, append, Apply (I2). On opening the ledger is replayed.
//
// Core's thread only.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/file.h"
#include "ledger/ledger.h"
#include "procedures/machine.h"
#include "smki/ledger/v1/ledger.pb.h"

namespace smki::orchestrator {

struct Artefact {
  std::string name;
  Digest sha256{};
  uint64_t size = 0;
  std::string file;  // path in the incident's evidence folder
  std::string person;
  uint64_t sequence = 0;
};

// What the ledger says of one incident.
struct Incident {
  Incident(procedures::Runbook pinned, const procedures::TrustPolicy& policy)
      : runbook(std::move(pinned)), machine(runbook, policy) {}
  Incident(const Incident&) = delete;
  Incident& operator=(const Incident&) = delete;

  procedures::Runbook runbook;  // the pinned one (I9): the book alone changes it, by a deviation
  const procedures::Machine machine;
  procedures::IncidentState state;
  std::string folder;  // its evidence folder
  std::vector<Artefact> artefacts;
  std::map<std::string, std::string> deviations;  // signed requests, by their SHA-256 in hexadecimal

  struct ActionMark {
    uint64_t attempt = 0;
    uint64_t intent = 0;  // sequence of the action.intent entry
    bool ended = false;
  };
  std::map<std::string, ActionMark> actions;  // by step: the newest attempt
  struct SummaryMark {
    uint64_t sequence = 0;
    ledger::v1::CampaignSummary summary;
  };
  std::map<std::string, SummaryMark> summaries;         // by wave: the newest
  uint64_t summarised_records = 0;                      // of the campaign log, by the newest summary of any wave
  uint64_t last_batch = 0;                              // highest batch with a campaign.intent
  std::map<std::string, uint64_t> refusals;             // by reason code
  std::set<std::string> ceremonies, ceremonies_opened;  // ids requested; ids in which the key was opened
  bool exported = false;                                // the final checkpoint is written

  // The newest artefact of this name, or null.
  const Artefact* Find(const std::string& name) const;
};

class IncidentBook {
 public:
  struct Origin {
    const procedures::TrustPolicy& policy;  // must outlive the book
    Digest policy_digest{};
    std::string evidence;  // folder of the incidents' evidence folders
  };
  // A new ledger gets its genesis from the policy. A ledger of another environment, estate or policy refuses with
  // ENVIRONMENT_MISMATCH or POLICY_DIGEST_MISMATCH (I8, I10).
  static StatusOr<std::unique_ptr<IncidentBook>> Open(const std::string& ledger_path, Origin origin, FileSystem& files,
                                                      Clock& clock);

  // Durable, then folded, then told to observers. All or none.
  StatusOr<std::vector<ledger::Entry>> Append(std::vector<ledger::NewEntry> entries);
  // Opens an incident under this runbook, whose exact text becomes its first artefact; `with` goes before the
  // events in the same transaction.
  StatusOr<Incident*> OpenIncident(const procedures::OpenRequest& request, std::string_view runbook_text,
                                   std::vector<ledger::NewEntry> with);
  // Decides, makes it durable together with `before` (in front of the events) and `after`, applies.
  Status Change(Incident& incident, const procedures::Request& request, std::vector<ledger::NewEntry> before = {},
                std::vector<ledger::NewEntry> after = {});
  // A file of the evidence folder: written durably first, then named in the ledger with its digest. Nothing happens if
  // the newest entry for this file already names this content; of several, the newest entry counts.
  Status AddArtefact(Incident& incident, const std::string& name, const std::string& file, ByteSpan octets,
                     const std::string& person);
  // The same for a file that already lies there.
  static ledger::NewEntry ArtefactEntry(const Incident& incident, const std::string& name, const std::string& file,
                                        const Digest& sha256, uint64_t size, const std::string& person);
  // The text of a runbook that somebody asks to pin: written durably; the entry that names it is for the caller to
  // append.
  StatusOr<ledger::NewEntry> KeepProposedRunbook(const Incident& incident, ByteSpan text, const Digest& digest,
                                                 const std::string& person);
  // As it lies in the evidence folder. kDataLoss if it is not the one with this SHA-256 (hexadecimal).
  StatusOr<procedures::Runbook> ReadProposedRunbook(const Incident& incident, const std::string& sha256) const;
  // The octets of an artefact; kDataLoss if they are no longer those the ledger names.
  StatusOr<Bytes> ReadArtefact(const Incident& incident, const Artefact& artefact) const;

  // Empty id: the newest. Null if there is none.
  Incident* Find(const std::string& id);
  const std::vector<std::unique_ptr<Incident>>& incidents() const { return incidents_; }
  // The newest entry's sequence and hash: what drafts, requests and signatures quote (I3).
  struct Newest {
    uint64_t sequence = 0;
    Digest hash{};
  };
  Newest newest() const;
  // The newest the ledger knows of the keyguard's journal; 0 records: nothing yet.
  struct JournalSeen {
    uint64_t records = 0;
    Digest head{};
  };
  const JournalSeen& journal_seen() const { return journal_seen_; }
  ledger::Ledger& ledger() { return *ledger_; }
  const ledger::Ledger& ledger() const { return *ledger_; }
  // Called for each entry after it was folded.
  void Observe(std::function<void(const ledger::Entry&)> observer) { observers_.push_back(std::move(observer)); }

 private:
  IncidentBook(Origin origin, FileSystem& files, Clock& clock)
      : origin_(std::move(origin)), files_(files), clock_(clock) {}
  Status CheckGenesis();
  Status Fold(const ledger::Entry& entry);
  Status FoldOpened(const ledger::Entry& entry);
  Status FoldRepinned(Incident& incident, const procedures::Event& event);
  Status FoldOther(Incident& incident, const ledger::Entry& entry);

  Origin origin_;
  FileSystem& files_;
  Clock& clock_;
  std::unique_ptr<ledger::Ledger> ledger_;
  std::vector<std::unique_ptr<Incident>> incidents_;
  JournalSeen journal_seen_;
  std::vector<std::function<void(const ledger::Entry&)>> observers_;
};

}  // namespace smki::orchestrator
