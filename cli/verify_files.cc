// Check 4: every file is the one the ledger names, and no file is there that it does not name.
#include <filesystem>
#include <fstream>

#include "cli/evidence.h"
#include "cli/text.h"
#include "pki/digest.h"

namespace smki::cli {
namespace {

constexpr char kLedgerFile[] = "ledger.sqlite";
constexpr char kLedgerDigestFile[] = "ledger.sha256";

// Not artefacts: the ledger cannot name itself, nor the checkpoint that signs it.
const std::set<std::string>& Unnamed() {
  static const std::set<std::string> files = {kLedgerFile, kLedgerDigestFile, "checkpoint.note"};
  return files;
}

StatusOr<Digest> DigestOfFile(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) return NotFound("the file is missing");
  pki::Sha256Stream sha;
  std::vector<char> buffer(1 << 20);
  while (in.read(buffer.data(), static_cast<std::streamsize>(buffer.size())) || in.gcount() > 0) {
    sha.Update(AsBytes({buffer.data(), static_cast<size_t>(in.gcount())}));
  }
  if (in.bad()) return DataLoss("the file cannot be read");
  return sha.Finish();
}

bool IsPlainPath(const std::string& file) {
  return !file.empty() && file.front() != '/' && ("/" + file + "/").find("/../") == std::string::npos;
}

// What the chain does not reach: SQLite's own octets and free space. Whoever alters the ledger on purpose alters this
// too, and is found by the chain; a flipped bit is found here wherever it is.
void CheckLedgerFile(Evidence& evidence) {
  const auto line = evidence.Read(kLedgerDigestFile);
  const auto digest = DigestOfFile(evidence.Path(kLedgerFile));
  if (!evidence.Expect(kLedgerDigestFile, line.status()) || !evidence.Expect(kLedgerFile, digest.status())) return;
  if (AsText(*line) != ToHex(*digest) + "  " + kLedgerFile + "\n") {
    evidence.Find(kLedgerFile, fmt::format("its SHA-256 is {}, {} says otherwise", ToHex(*digest), kLedgerDigestFile));
  }
}

}  // namespace

void CheckFiles(Evidence& evidence) {
  evidence.Begin(4, "files");
  std::map<std::string, const ledger::Entry*> named;
  const auto artefacts = evidence.Of<ledger::v1::Artefact>("artefact");
  // A file that was written again is named again: the newest entry counts.
  std::map<std::string, ledger::v1::Artefact> newest;
  for (const auto& [entry, artefact] : artefacts) {
    if (artefact.file().empty()) continue;
    if (!IsPlainPath(artefact.file())) {
      evidence.Find(Evidence::EntryName(*entry), "it names a file outside the folder: " + Printable(artefact.file()));
      continue;
    }
    named[artefact.file()] = entry;
    newest[artefact.file()] = artefact;
  }
  for (const auto& [file, artefact] : newest) {
    const auto digest = DigestOfFile(evidence.Path(file));
    const std::string where = file + " (" + Evidence::EntryName(*named[file]) + ")";
    if (!evidence.Expect(where, digest.status())) continue;
    if (!Same(*digest, artefact.sha256())) {
      evidence.Find(where, fmt::format("its SHA-256 is {}, the ledger says {}", ToHex(*digest),
                                       ToHex(AsBytes(artefact.sha256()))));
    }
  }
  CheckLedgerFile(evidence);
  evidence.LookedAt(Count(newest.size(), "file"));
  std::error_code error;
  for (std::filesystem::recursive_directory_iterator it(evidence.folder, error), end; !error && it != end;
       it.increment(error)) {
    std::error_code unreadable;
    const bool link = it->is_symlink(unreadable);
    if (!link && it->is_directory(unreadable)) continue;
    const std::string file = it->path().lexically_relative(evidence.folder).string();
    if (link) {
      evidence.Find(file, "a symbolic link is no evidence");
    } else if (newest.count(file) == 0 && Unnamed().count(file) == 0) {
      evidence.Find(file, "no ledger entry names this file");
    }
  }
  if (error) evidence.Find(evidence.folder, "the folder cannot be listed: " + error.message());
}

}  // namespace smki::cli
