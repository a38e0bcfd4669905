#include "orchestrator/evidence/exporter.h"

#include <spdlog/spdlog.h>

#include "base/fail_point.h"
#include "ledger/record_log.h"
#include "orchestrator/actions/campaigns.h"
#include "orchestrator/evidence/story.h"
#include "orchestrator/incident/event_codec.h"
#include "pki/digest.h"
#include "proto/rpc/channel.h"

namespace smki::orchestrator {
namespace {

constexpr Millis kCallDeadline{30000};
constexpr Millis kLongestDelay{16'000};
constexpr size_t kChunk = 1 << 20;
constexpr size_t kMaxNote = 16 * 1024;
constexpr char kOrchestratorName[] = "orchestrator";
constexpr char kPolicyFile[] = "policy/trust-policy.yaml";
constexpr char kRevocationFile[] = "policy/persons.crl";
constexpr char kStoreFile[] = "repository/repository.store";
constexpr char kJournalFile[] = "keyguard/journal.log";
constexpr char kLedgerFile[] = "ledger.sqlite";
constexpr char kLedgerDigestFile[] = "ledger.sha256";
constexpr char kNoteFile[] = "checkpoint.note";
constexpr char kReportFile[] = "report.md";
constexpr char kReportJsonFile[] = "report.json";
constexpr const char* kWrittenHere[] = {kLedgerFile, kLedgerDigestFile, kNoteFile, kReportFile, kReportJsonFile};
constexpr const char* kFolders[] = {"direction",
                                    "direction/votes",
                                    "direction/approvals",
                                    "direction/rejections",
                                    "direction/casting",
                                    "direction/populations",
                                    "direction/certificates",
                                    "ceremony",
                                    "campaign",
                                    "proof",
                                    "keyguard",
                                    "policy",
                                    "repository"};

struct Measured {
  Digest sha256{};
  uint64_t size = 0;
};

// Reads in pieces: a Repository may be many gigabytes.
template <typename Visit>
StatusOr<Measured> VisitFile(FileSystem& files, const std::string& path, Visit visit) {
  if (!files.Exists(path)) return NotFound("{} is missing", path);
  SMKI_ASSIGN_OR_RETURN(const std::unique_ptr<AppendFile> file, files.OpenAppend(path));
  pki::Sha256Stream hash;
  for (uint64_t at = 0; at < file->size(); at += kChunk) {
    SMKI_ASSIGN_OR_RETURN(const Bytes piece, file->ReadAt(at, std::min<uint64_t>(kChunk, file->size() - at)));
    hash.Update(piece);
    SMKI_RETURN_IF_ERROR(visit(piece));
  }
  return Measured{hash.Finish(), file->size()};
}

// Of a fleet.proven step: there from the beginning, named when the incident is closed.
std::string ProofLogOf(const procedures::Step& step) {
  return step.action == "fleet.proven" ? "proof/" + step.id + ".log" : std::string("proof/none");
}

}  // namespace

Status Exporter::WriteReport(Core& core, Incident& incident) {
  SMKI_ASSIGN_OR_RETURN(const Story story, TellStory(core.book, incident, core.policy(), core.trust.policy_digest()));
  SMKI_RETURN_IF_ERROR(
      core.outside.files.WriteDurably(incident.folder + "/" + kReportFile, AsBytes(StoryMarkdown(story))));
  return core.outside.files.WriteDurably(incident.folder + "/" + kReportJsonFile, AsBytes(StoryJson(story)));
}

Status Exporter::WritePolicy(Core& core, Incident& incident) {
  core.trust.VerifierAt(core.Now());
  SMKI_RETURN_IF_ERROR(
      core.book.AddArtefact(incident, "trust-policy", kPolicyFile, AsBytes(core.trust.policy_text()), ""));
  return core.book.AddArtefact(incident, "revocation-list", kRevocationFile, core.trust.revocation_list(), "");
}

bool Exporter::IsComplete(Core& core, const Incident& incident) {
  FileSystem& files = core.outside.files;
  return incident.exported && files.Exists(incident.folder + "/" + kNoteFile) &&
         files.Exists(incident.folder + "/" + kLedgerFile) && files.Exists(incident.folder + "/" + kLedgerDigestFile);
}

void Exporter::Start() {
  if (const Status written = WriteFiles(); !written.ok()) return Again(written);
  FetchJournal();
}

void Exporter::Again(const Status& why) {
  spdlog::warn("{}: the evidence folder is not complete yet: {}", incident_.state.id, Message(why));
  stream_.reset();
  journal_.reset();
  core_.outside.executor.PostAfter(delay_, Guard([this] { Start(); }));
  delay_ = std::min(delay_ * 2, kLongestDelay);
}

Status Exporter::WriteFiles() {
  SMKI_RETURN_IF_ERROR(core_.campaigns.Conclude(core_, incident_));
  core_.campaigns.Forget(incident_.state.id);
  SMKI_RETURN_IF_ERROR(RemoveStrays());
  SMKI_RETURN_IF_ERROR(WritePolicy(core_, incident_));
  if (core_.outside.files.Exists(CampaignLogOf(incident_)))
    SMKI_RETURN_IF_ERROR(NameFile("campaign-log", kCampaignLogFile));
  for (const procedures::Step& step : incident_.runbook.steps) {
    if (core_.outside.files.Exists(incident_.folder + "/" + ProofLogOf(step)))
      SMKI_RETURN_IF_ERROR(NameFile("proof:" + step.id, ProofLogOf(step)));
  }
  if (core_.outside.files.Exists(core_.repository.path()))
    SMKI_RETURN_IF_ERROR(CopyIn("repository", core_.repository.path(), kStoreFile));
  return OkStatus();
}

// A file that a crash left before the ledger named it was never part of the incident.
Status Exporter::RemoveStrays() {
  FileSystem& files = core_.outside.files;
  for (const char* folder : kFolders) {
    const auto names = files.List(incident_.folder + "/" + folder);
    if (!names.ok()) continue;  // there is no such folder
    for (const std::string& name : *names) {
      const std::string file = std::string(folder) + "/" + name;
      const bool known =
          file == kCampaignLogFile ||
          std::any_of(incident_.runbook.steps.begin(), incident_.runbook.steps.end(),
                      [&](const procedures::Step& step) { return file == ProofLogOf(step); }) ||
          std::any_of(incident_.artefacts.begin(), incident_.artefacts.end(),
                      [&](const Artefact& a) { return a.file == file; }) ||
          std::any_of(std::begin(kFolders), std::end(kFolders), [&](const char* f) { return file == f; });
      if (known) continue;
      // Nobody writes to a log any more: it needs no hint.
      if (!file.ends_with(ledger::CommittedPathOf("")))
        spdlog::warn("{}: removing {}, which the ledger does not name", incident_.state.id, file);
      SMKI_RETURN_IF_ERROR(files.Remove(incident_.folder + "/" + file));
    }
  }
  for (const char* name : kWrittenHere) {
    const std::string leftover = incident_.folder + "/" + name + ".new";
    if (files.Exists(leftover)) SMKI_RETURN_IF_ERROR(files.Remove(leftover));
  }
  return OkStatus();
}

Status Exporter::CopyIn(const std::string& name, const std::string& from, const std::string& file) {
  FileSystem& files = core_.outside.files;
  const std::string path = incident_.folder + "/" + file;
  SMKI_RETURN_IF_ERROR(files.CreateDirectories(DirectoryOf(path)));
  const std::string temporary = path + ".new";
  if (files.Exists(temporary)) SMKI_RETURN_IF_ERROR(files.Remove(temporary));
  SMKI_ASSIGN_OR_RETURN(const std::unique_ptr<AppendFile> copy, files.OpenAppend(temporary));
  SMKI_RETURN_IF_ERROR(VisitFile(files, from, [&](const Bytes& piece) { return copy->Append(piece); }).status());
  copy->Sync();
  SMKI_RETURN_IF_ERROR(files.Rename(temporary, path));
  SMKI_RETURN_IF_ERROR(files.SyncDirectory(DirectoryOf(path)));
  return NameFile(name, file);
}

// Says in the ledger what the file is now, unless the newest entry says so already.
Status Exporter::NameFile(const std::string& name, const std::string& file) {
  SMKI_ASSIGN_OR_RETURN(const Measured found, VisitFile(core_.outside.files, incident_.folder + "/" + file,
                                                        [](const Bytes&) { return OkStatus(); }));
  const Artefact* known = incident_.Find(name);
  if (known != nullptr && known->sha256 == found.sha256) return OkStatus();
  std::vector<ledger::NewEntry> entries;
  entries.push_back(IncidentBook::ArtefactEntry(incident_, name, file, found.sha256, found.size, ""));
  return core_.book.Append(std::move(entries)).status();
}

// --- the keyguard's part ---

void Exporter::FetchJournal() {
  FileSystem& files = core_.outside.files;
  const std::string path = incident_.folder + "/" + kJournalFile;
  const std::string temporary = path + ".new";
  Status ready = files.CreateDirectories(DirectoryOf(path));
  if (ready.ok() && files.Exists(temporary)) ready = files.Remove(temporary);
  if (!ready.ok()) return Again(ready);
  auto journal = files.OpenAppend(temporary);
  if (!journal.ok()) return Again(journal.status());
  journal_ = std::move(*journal);
  journal_status_ = OkStatus();
  stream_ = core_.outside.keyguard.Open(
      "/smki.keyguard.v1.Keyguard/ExportJournal", keyguard::v1::ExportJournalRequest().SerializeAsString(),
      Guard([this](std::string octets) {
        keyguard::v1::JournalChunk chunk;
        if (!chunk.ParseFromString(octets))
          journal_status_ = Internal("a piece of the keyguard's journal cannot be read");
        if (journal_status_.ok()) journal_status_ = journal_->Append(AsBytes(chunk.octets()));
      }),
      Guard([this](Status status) {
        if (status.ok()) status = journal_status_;
        if (status.ok()) status = KeepJournal();
        if (!status.ok()) return Again(status);
        Sign();
      }));
}

Status Exporter::KeepJournal() {
  const std::string path = incident_.folder + "/" + kJournalFile;
  journal_->Sync();
  journal_.reset();
  SMKI_RETURN_IF_ERROR(core_.outside.files.Rename(path + ".new", path));
  SMKI_RETURN_IF_ERROR(core_.outside.files.SyncDirectory(DirectoryOf(path)));
  return NameFile("keyguard-journal", kJournalFile);
}

// The last of what the checkpoint covers: a report that was changed afterwards is found like any other file (I3).
Status Exporter::NameReport() {
  // The report tells of every entry, so naming it makes it old: once is enough until something else happens.
  if (reported_ == core_.book.ledger().head().entries) return OkStatus();
  SMKI_RETURN_IF_ERROR(WriteReport(core_, incident_));
  SMKI_RETURN_IF_ERROR(NameFile("report", kReportFile));
  SMKI_RETURN_IF_ERROR(NameFile("report-json", kReportJsonFile));
  reported_ = core_.book.ledger().head().entries;
  return OkStatus();
}

void Exporter::Sign() {
  if (const Status reported = NameReport(); !reported.ok()) return Again(reported);
  const std::string body =
      ledger::RenderCheckpoint({"smki-ledger/" + core_.policy().environment.ToString(), core_.book.ledger().head()});
  const auto line = ledger::SignatureLine(body, kOrchestratorName, core_.trust.identity());
  if (!line.ok()) return Again(line.status());
  const std::string note = body + "\n" + *line;
  keyguard::v1::CountersignRequest request;
  request.set_checkpoint(note);
  rpc::Call<keyguard::v1::CountersignResponse>(
      core_.outside.keyguard, "/smki.keyguard.v1.Keyguard/Countersign", request, kCallDeadline,
      Guard([this, note](StatusOr<keyguard::v1::CountersignResponse> response) {
        if (!response.ok()) return Again(response.status());
        const Status sealed = Seal(note + response->signature_line());
        if (!sealed.ok()) return Again(sealed);
        FailPoint("orchestrator.evidence.written");
        done_();
      }));
}

Status Exporter::Seal(const std::string& note) {
  SMKI_ASSIGN_OR_RETURN(const ledger::SignedNote parsed, ledger::ParseSignedNote(note));
  const bool countersigned =
      std::any_of(parsed.signatures.begin(), parsed.signatures.end(), [&](const ledger::NoteSignature& signature) {
        return ledger::IsSignedBy(parsed, signature.name,
                                  *core_.trust.VerifierAt(core_.Now()).KeyguardCertificate().public_key);
      });
  if (!countersigned || note.size() > kMaxNote) return DataLoss("the keyguard's countersignature does not verify");
  // Something was written meanwhile (a refusal, another incident): that would lie after the checkpoint. Sign the newer
  // head.
  if (parsed.checkpoint.head.entries != core_.book.ledger().head().entries)
    return Unavailable("the ledger grew while its head was being signed");
  ledger::v1::CheckpointRecord record;
  record.set_note(note);
  std::vector<ledger::NewEntry> entries;
  entries.push_back(MakeEntry(incident_.state.id, "", "checkpoint", record));
  SMKI_RETURN_IF_ERROR(core_.book.Append(std::move(entries)).status());
  FileSystem& files = core_.outside.files;
  SMKI_RETURN_IF_ERROR(files.WriteDurably(incident_.folder + "/" + kNoteFile, AsBytes(note)));
  const std::string path = incident_.folder + "/" + kLedgerFile;
  const std::string digest_path = incident_.folder + "/" + kLedgerDigestFile;
  for (const std::string& old : {digest_path, path}) {
    if (files.Exists(old)) SMKI_RETURN_IF_ERROR(files.Remove(old));
  }
  SMKI_RETURN_IF_ERROR(core_.book.ledger().CopyTo(files, path));
  // SQLite's own octets and free space are under no entry's hash: so that a rotten disk shows there too.
  SMKI_ASSIGN_OR_RETURN(const Measured copy, VisitFile(files, path, [](const Bytes&) { return OkStatus(); }));
  return files.WriteDurably(digest_path, AsBytes(ToHex(copy.sha256) + "  " + kLedgerFile + "\n"));
}

}  // namespace smki::orchestrator
