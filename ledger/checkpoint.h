// Checkpoints: signed notes over a ledger head (the C2SP signed-note form, with ECDSA P-256/SHA-256 signatures).
//
//   smki-ledger/ENVIRONMENT/ESTATE
//   ENTRIES
//   BASE64(head hash)
//                                             (empty line)
//   — NAME BASE64(u32 key id | DER signature)  (one or more; orchestrator first, keyguard countersigns)
//
// key id = first 4 octets of SHA-256(NAME | 0x0A | 0x02 | SubjectPublicKeyInfo). The signature is over the text up to
// and including the newline before the empty line.
#pragma once

#include <string>
#include <vector>

#include "ledger/ledger.h"
#include "pki/key.h"

namespace smki::ledger {

struct Checkpoint {
  std::string origin;  // "smki-ledger/drill/estate-7"
  Head head;
};
struct NoteSignature {
  std::string name;
  uint32_t key_id = 0;
  Bytes signature;  // DER
};
struct SignedNote {
  Checkpoint checkpoint;
  std::string body;  // what is signed
  std::vector<NoteSignature> signatures;
};

std::string RenderCheckpoint(const Checkpoint& checkpoint);
StatusOr<std::string> SignatureLine(const std::string& body, const std::string& name, pki::Signer& signer);
StatusOr<SignedNote> ParseSignedNote(std::string_view note);  // at most 16 KiB, 16 signatures
// True if one of the signatures is by `key` under `name`.
bool IsSignedBy(const SignedNote& note, const std::string& name, const pki::PublicKey& key);

}  // namespace smki::ledger
