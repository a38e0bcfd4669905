#include "orchestrator/incident/book.h"

#include <algorithm>

#include "base/fail_point.h"
#include "orchestrator/incident/event_codec.h"
#include "pki/digest.h"
#include "procedures/documents.h"
#include "procedures/reason.h"

namespace smki::orchestrator {
namespace {

using procedures::Reason;

constexpr size_t kMaxRunbook = 1 << 20;
constexpr size_t kMaxArtefact = size_t{1} << 30;
constexpr size_t kPage = 1000;
constexpr char kSoftware[] = "smki-orchestrator 0.1.0";
constexpr char kRunbookFile[] = "runbook.yaml";
constexpr char kOpenedKind[] = "incident.incident-opened";
constexpr char kRepinnedKind[] = "incident.runbook-repinned";
constexpr size_t kDigitsInName = 16;

// Of a runbook that somebody asks to pin.
std::string RunbookFileOf(const Digest& sha256) {
  return fmt::format("runbook-{}.yaml", ToHex(sha256).substr(0, kDigitsInName));
}

Digest DigestOf(const std::string& octets) {
  Digest out{};
  if (octets.size() == out.size()) std::copy(octets.begin(), octets.end(), out.begin());
  return out;
}

}  // namespace

const Artefact* Incident::Find(const std::string& name) const {
  const auto it = std::find_if(artefacts.rbegin(), artefacts.rend(), [&](const Artefact& a) { return a.name == name; });
  return it == artefacts.rend() ? nullptr : &*it;
}

StatusOr<std::unique_ptr<IncidentBook>> IncidentBook::Open(const std::string& ledger_path, Origin origin,
                                                           FileSystem& files, Clock& clock) {
  std::unique_ptr<IncidentBook> book(new IncidentBook(std::move(origin), files, clock));
  SMKI_RETURN_IF_ERROR(files.CreateDirectories(DirectoryOf(ledger_path)));
  SMKI_RETURN_IF_ERROR(files.CreateDirectories(book->origin_.evidence));
  SMKI_ASSIGN_OR_RETURN(book->ledger_, ledger::Ledger::Open(ledger_path, clock));
  SMKI_RETURN_IF_ERROR(book->CheckGenesis());
  for (uint64_t from = 1; from < book->ledger_->head().entries;) {
    SMKI_ASSIGN_OR_RETURN(const std::vector<ledger::Entry> page, book->ledger_->Read(from, kPage));
    if (page.empty()) return DataLoss("{}: entry {} cannot be read", ledger_path, from);
    for (const ledger::Entry& entry : page)
      SMKI_RETURN_IF_ERROR(WithContext(book->Fold(entry), fmt::format("{}: entry {}", ledger_path, entry.sequence)));
    from = page.back().sequence + 1;
  }
  return book;
}

Status IncidentBook::CheckGenesis() {
  ledger::v1::Genesis expected;
  expected.set_environment(origin_.policy.environment.kind);
  expected.set_estate(origin_.policy.environment.estate);
  expected.set_policy_digest(ToString(origin_.policy_digest));
  expected.set_policy_version(origin_.policy.version);
  expected.set_software(kSoftware);
  if (ledger_->head().entries == 0) return ledger_->Append(MakeEntry("", "", "genesis", expected)).status();
  SMKI_ASSIGN_OR_RETURN(const std::vector<ledger::Entry> first, ledger_->Read(0, 1));
  if (first.size() != 1 || first[0].kind != "genesis") return DataLoss("the ledger does not begin with a genesis");
  SMKI_ASSIGN_OR_RETURN(const auto found, PayloadOf<ledger::v1::Genesis>(first[0]));
  if (found.environment() != expected.environment() || found.estate() != expected.estate()) {
    return procedures::Refuse(Reason::kENVIRONMENT_MISMATCH,
                              fmt::format("the ledger is of {}/{}, the trust policy of {}", found.environment(),
                                          found.estate(), origin_.policy.environment.ToString()));
  }
  if (DigestOf(found.policy_digest()) != origin_.policy_digest) {
    return procedures::Refuse(
        Reason::kPOLICY_DIGEST_MISMATCH,
        fmt::format("the ledger began under policy {} (version {}), the policy file is {} (version {})",
                    ToHex(AsBytes(found.policy_digest())), found.policy_version(), ToHex(origin_.policy_digest),
                    origin_.policy.version));
  }
  return OkStatus();
}

// --- writing ---

StatusOr<std::vector<ledger::Entry>> IncidentBook::Append(std::vector<ledger::NewEntry> entries) {
  SMKI_ASSIGN_OR_RETURN(std::vector<ledger::Entry> written, ledger_->Append(std::move(entries)));
  FailPoint("orchestrator.incident.appended");
  for (const ledger::Entry& entry : written) {
    // What was decided upon this state must follow it. If not, memory and ledger differ: end, and replay (I10).
    const Status folded = Fold(entry);
    if (!folded.ok()) CheckFailed(Message(folded).c_str(), __FILE__, __LINE__);
  }
  for (const ledger::Entry& entry : written) {
    for (const auto& observer : observers_) observer(entry);
  }
  return written;
}

Status IncidentBook::Change(Incident& incident, const procedures::Request& request,
                            std::vector<ledger::NewEntry> before, std::vector<ledger::NewEntry> after) {
  SMKI_ASSIGN_OR_RETURN(const std::vector<procedures::Event> events,
                        incident.machine.Decide(incident.state, request, clock_.Now()));
  std::vector<ledger::NewEntry> entries = std::move(before);
  for (const procedures::Event& event : events) entries.push_back(ToEntry(incident.state.id, event));
  std::move(after.begin(), after.end(), std::back_inserter(entries));
  if (entries.empty()) return OkStatus();
  return Append(std::move(entries)).status();
}

StatusOr<Incident*> IncidentBook::OpenIncident(const procedures::OpenRequest& request, std::string_view runbook_text,
                                               std::vector<ledger::NewEntry> with) {
  SMKI_ASSIGN_OR_RETURN(procedures::Runbook runbook, procedures::LoadRunbook(runbook_text, kRunbookFile));
  const Incident draft(std::move(runbook), origin_.policy);
  SMKI_ASSIGN_OR_RETURN(const std::vector<procedures::Event> events,
                        draft.machine.Decide(draft.state, {request, std::nullopt}, clock_.Now()));
  const std::string folder = origin_.evidence + "/" + request.incident;
  SMKI_RETURN_IF_ERROR(files_.CreateDirectories(folder));
  SMKI_RETURN_IF_ERROR(files_.WriteDurably(folder + "/" + kRunbookFile, AsBytes(runbook_text)));
  std::vector<ledger::NewEntry> entries = std::move(with);
  for (const procedures::Event& event : events) entries.push_back(ToEntry(request.incident, event));
  ledger::v1::Artefact artefact;
  artefact.set_name("runbook");
  artefact.set_sha256(ToString(draft.runbook.digest));
  artefact.set_size(runbook_text.size());
  artefact.set_file(kRunbookFile);
  entries.push_back(MakeEntry(request.incident, "", "artefact", artefact));
  SMKI_RETURN_IF_ERROR(Append(std::move(entries)).status());
  return Find(request.incident);
}

ledger::NewEntry IncidentBook::ArtefactEntry(const Incident& incident, const std::string& name, const std::string& file,
                                             const Digest& sha256, uint64_t size, const std::string& person) {
  ledger::v1::Artefact artefact;
  artefact.set_name(name);
  artefact.set_sha256(ToString(sha256));
  artefact.set_size(size);
  artefact.set_file(file);
  artefact.set_person(person);
  return MakeEntry(incident.state.id, person, "artefact", artefact);
}

Status IncidentBook::AddArtefact(Incident& incident, const std::string& name, const std::string& file, ByteSpan octets,
                                 const std::string& person) {
  const Digest sha256 = pki::Sha256(octets);
  bool same = false;
  for (const Artefact& artefact : incident.artefacts) {
    if (artefact.file == file) same = artefact.sha256 == sha256;  // the newest entry counts
  }
  if (same) return OkStatus();
  const std::string path = incident.folder + "/" + file;
  SMKI_RETURN_IF_ERROR(files_.CreateDirectories(DirectoryOf(path)));
  SMKI_RETURN_IF_ERROR(files_.WriteDurably(path, octets));
  std::vector<ledger::NewEntry> entries;
  entries.push_back(ArtefactEntry(incident, name, file, sha256, octets.size(), person));
  return Append(std::move(entries)).status();
}

StatusOr<ledger::NewEntry> IncidentBook::KeepProposedRunbook(const Incident& incident, ByteSpan text,
                                                             const Digest& digest, const std::string& person) {
  const std::string file = RunbookFileOf(digest);
  SMKI_RETURN_IF_ERROR(files_.WriteDurably(incident.folder + "/" + file, text));
  return ArtefactEntry(incident, "runbook.proposed", file, digest, text.size(), person);
}

StatusOr<procedures::Runbook> IncidentBook::ReadProposedRunbook(const Incident& incident,
                                                                const std::string& sha256) const {
  const std::string path = incident.folder + "/" + RunbookFileOf(DigestFromHex(sha256).value_or(Digest{}));
  SMKI_ASSIGN_OR_RETURN(const Bytes text, files_.Read(path, kMaxRunbook));
  SMKI_ASSIGN_OR_RETURN(procedures::Runbook runbook, procedures::LoadRunbook(AsText(text), path));
  if (ToHex(runbook.digest) == sha256) return runbook;
  return DataLoss("{}: is not the runbook with SHA-256 {}; restore it from a copy of the evidence", path, sha256);
}

StatusOr<Bytes> IncidentBook::ReadArtefact(const Incident& incident, const Artefact& artefact) const {
  SMKI_ASSIGN_OR_RETURN(Bytes octets, files_.Read(incident.folder + "/" + artefact.file, kMaxArtefact));
  if (pki::Sha256(octets) != artefact.sha256) {
    return DataLoss("{}/{}: is not the file that ledger entry {} names; restore it from a copy of the evidence",
                    incident.folder, artefact.file, artefact.sequence);
  }
  return octets;
}

// --- reading ---

Incident* IncidentBook::Find(const std::string& id) {
  if (id.empty()) return incidents_.empty() ? nullptr : incidents_.back().get();
  const auto it = std::find_if(incidents_.begin(), incidents_.end(),
                               [&](const auto& incident) { return incident->state.id == id; });
  return it == incidents_.end() ? nullptr : it->get();
}

IncidentBook::Newest IncidentBook::newest() const {
  const ledger::Head head = ledger_->head();
  return {head.entries - 1, head.hash};
}

Status IncidentBook::Fold(const ledger::Entry& entry) {
  if (entry.kind == kOpenedKind) return FoldOpened(entry);
  if (entry.incident.empty()) return OkStatus();
  Incident* incident = Find(entry.incident);
  // What was refused, or signed, before an incident began has no place in it.
  if (incident == nullptr) return OkStatus();
  if (entry.kind.rfind(kEventPrefix, 0) != 0) return FoldOther(*incident, entry);
  SMKI_ASSIGN_OR_RETURN(const procedures::Event event, EventOf(entry));
  if (entry.kind == kRepinnedKind) return FoldRepinned(*incident, event);
  return incident->machine.Apply(incident->state, event);
}

Status IncidentBook::FoldRepinned(Incident& incident, const procedures::Event& event) {
  const auto digest = event.fields.find("digest");
  SMKI_ASSIGN_OR_RETURN(procedures::Runbook other,
                        ReadProposedRunbook(incident, digest == event.fields.end() ? std::string() : digest->second));
  std::swap(incident.runbook, other);  // the machine judges by the new one (I9)
  const Status applied = incident.machine.Apply(incident.state, event);
  if (!applied.ok()) std::swap(incident.runbook, other);
  return applied;
}

Status IncidentBook::FoldOpened(const ledger::Entry& entry) {
  if (Find(entry.incident) != nullptr) return DataLoss("incident {} is opened a second time", entry.incident);
  const std::string folder = origin_.evidence + "/" + entry.incident;
  SMKI_ASSIGN_OR_RETURN(const Bytes text, files_.Read(folder + "/" + kRunbookFile, kMaxRunbook));
  SMKI_ASSIGN_OR_RETURN(procedures::Runbook runbook,
                        procedures::LoadRunbook(AsText(text), folder + "/" + kRunbookFile));
  auto incident = std::make_unique<Incident>(std::move(runbook), origin_.policy);
  incident->folder = folder;
  SMKI_ASSIGN_OR_RETURN(const procedures::Event event, EventOf(entry));
  SMKI_RETURN_IF_ERROR(incident->machine.Apply(incident->state, event));
  if (incident->state.runbook_digest != incident->runbook.digest) {  // I9
    return DataLoss("{}/{}: is not the runbook that incident {} was opened with ({})", folder, kRunbookFile,
                    entry.incident, ToHex(incident->state.runbook_digest));
  }
  incidents_.push_back(std::move(incident));
  return OkStatus();
}

Status IncidentBook::FoldOther(Incident& incident, const ledger::Entry& entry) {
  if (entry.kind == "artefact") {
    SMKI_ASSIGN_OR_RETURN(const auto payload, PayloadOf<ledger::v1::Artefact>(entry));
    incident.artefacts.push_back(
        {payload.name(), DigestOf(payload.sha256()), payload.size(), payload.file(), payload.person(), entry.sequence});
  } else if (entry.kind == "action.intent" || entry.kind == "action.outcome") {
    SMKI_ASSIGN_OR_RETURN(const auto payload, PayloadOf<ledger::v1::ActionRecord>(entry));
    Incident::ActionMark& mark = incident.actions[payload.step()];
    mark.ended = entry.kind == "action.outcome";
    if (!mark.ended) mark = {payload.attempt(), entry.sequence, false};
  } else if (entry.kind == "campaign.intent") {
    SMKI_ASSIGN_OR_RETURN(const auto payload, PayloadOf<ledger::v1::CampaignIntent>(entry));
    incident.last_batch = std::max(incident.last_batch, payload.batch());
  } else if (entry.kind == "campaign.summary") {
    SMKI_ASSIGN_OR_RETURN(auto payload, PayloadOf<ledger::v1::CampaignSummary>(entry));
    incident.summarised_records = payload.log_records();
    const std::string wave = payload.wave();  // not in the subscript: there it would be read after the move
    incident.summaries[wave] = {entry.sequence, std::move(payload)};
  } else if (entry.kind == "refusal") {
    SMKI_ASSIGN_OR_RETURN(const auto payload, PayloadOf<ledger::v1::RefusalRecord>(entry));
    incident.refusals[payload.reason()] += std::max<uint64_t>(payload.count(), 1);
  } else if (entry.kind == "keyguard") {
    SMKI_ASSIGN_OR_RETURN(const auto payload, PayloadOf<ledger::v1::KeyguardRecord>(entry));
    if (payload.journal_records() >= journal_seen_.records)
      journal_seen_ = {payload.journal_records(), DigestOf(payload.journal_head())};
    if (payload.what() == "ceremony-requested") incident.ceremonies.insert(payload.detail());
    if (payload.what() == "opened") incident.ceremonies_opened.insert(payload.detail());
  } else if (entry.kind == "statement") {
    SMKI_ASSIGN_OR_RETURN(const auto payload, PayloadOf<ledger::v1::SignedStatement>(entry));
    const auto statement = procedures::ParseStatement(payload.document());
    if (statement.ok() && statement->deviation)
      incident.deviations[ToHex(pki::Sha256(AsBytes(payload.document())))] = payload.document();
  } else if (entry.kind == "checkpoint") {
    incident.exported = true;
  }
  return OkStatus();
}

}  // namespace smki::orchestrator
