#include "hsm/keyguard/countersigner.h"

#include "procedures/reason.h"

namespace smki::hsm {

using procedures::Reason;
using procedures::Refuse;

namespace {
constexpr size_t kMaxNote = 16 * 1024;
}  // namespace

StatusOr<std::unique_ptr<Countersigner>> Countersigner::Make(Parts parts) {
  auto out = std::unique_ptr<Countersigner>(new Countersigner(std::move(parts)));
  const auto note = out->parts_.files.Read(out->parts_.path, kMaxNote);
  if (note.status().code() == StatusCode::kNotFound) return out;
  SMKI_RETURN_IF_ERROR(note.status());
  const auto parsed = ledger::ParseSignedNote(AsText(*note));
  if (!parsed.ok()) return WithContext(parsed.status(), out->parts_.path);
  if (!ledger::IsSignedBy(*parsed, out->parts_.name, out->parts_.identity.public_key())) {
    return DataLoss("{} is not signed by this keyguard; restore it from its newest copy", out->parts_.path);
  }
  out->newest_ = parsed->checkpoint.head;
  return out;
}

Status Countersigner::Compare(const ledger::Head& head) const {
  const bool forked = head.entries == newest_.entries && head.hash != newest_.hash && newest_.entries > 0;
  if (head.entries >= newest_.entries && !forked) return OkStatus();
  return Refuse(Reason::kJOURNAL_ROLLED_BACK,
                fmt::format("this ledger has {} entries and head {}; {} entries with head {} were signed before",
                            head.entries, ToHex(head.hash), newest_.entries, ToHex(newest_.hash)));
}

ledger::Head Countersigner::newest() const {
  const std::lock_guard lock(mutex_);
  return newest_;
}

Status Countersigner::CheckNotBehind(const ledger::Head& head) const {
  const std::lock_guard lock(mutex_);
  return Compare(head);
}

StatusOr<std::string> Countersigner::Countersign(std::string_view note) {
  const std::lock_guard lock(mutex_);
  const auto parsed = ledger::ParseSignedNote(note);
  if (!parsed.ok()) return Refuse(Reason::kBAD_REQUEST, Message(parsed.status()));
  const ledger::Checkpoint& checkpoint = parsed->checkpoint;
  const std::string origin = "smki-ledger/" + parts_.environment.ToString();
  if (checkpoint.origin != origin) {  // I8
    return Refuse(Reason::kENVIRONMENT_MISMATCH,
                  fmt::format("the checkpoint is of {}, expected is {}", checkpoint.origin, origin));
  }
  if (!ledger::IsSignedBy(*parsed, parts_.orchestrator.subject_cn, *parts_.orchestrator.public_key)) {
    return Refuse(Reason::kBAD_REQUEST, "the checkpoint is not signed by the orchestrator of the trust policy");
  }
  const ledger::Head& head = checkpoint.head;
  SMKI_RETURN_IF_ERROR(Compare(head));
  SMKI_ASSIGN_OR_RETURN(const std::string line, ledger::SignatureLine(parsed->body, parts_.name, parts_.identity));
  SMKI_RETURN_IF_ERROR(parts_.files.WriteDurably(parts_.path, AsBytes(parsed->body + "\n" + line)));
  newest_ = head;
  return line;
}

}  // namespace smki::hsm
