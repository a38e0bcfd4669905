#include "ledger/checkpoint.h"

#include <algorithm>
#include <charconv>

#include "base/wire.h"
#include "pki/digest.h"

namespace smki::ledger {
namespace {

constexpr size_t kMaxNote = 16 << 10;
constexpr size_t kMaxSignatures = 16;
constexpr size_t kMaxName = 200;
constexpr std::string_view kOriginPrefix = "smki-ledger/";
constexpr std::string_view kDash = "\xE2\x80\x94 ";  // em dash, space

// Printable ASCII without what the note's own grammar uses.
bool IsName(std::string_view text) {
  return !text.empty() && text.size() <= kMaxName &&
         std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < 0x7F && c != '+'; });
}

bool IsOrigin(std::string_view text) {
  if (!IsName(text) || text.substr(0, kOriginPrefix.size()) != kOriginPrefix) return false;
  text.remove_prefix(kOriginPrefix.size());
  const size_t slash = text.find('/');
  return slash != std::string_view::npos && slash > 0 && slash + 1 < text.size() &&
         text.find('/', slash + 1) == std::string_view::npos;
}

uint32_t KeyId(const std::string& name, const pki::PublicKey& key) {
  pki::Sha256Stream hash;
  hash.Update(AsBytes(name));
  const uint8_t separator_and_algorithm[] = {0x0A, 0x02};
  hash.Update(separator_and_algorithm);
  hash.Update(key.spki());
  const Digest digest = hash.Finish();
  return WireReader(digest).U32();
}

// Takes the line up to the next newline off the front of `text`.
std::optional<std::string_view> TakeLine(std::string_view& text) {
  const size_t end = text.find('\n');
  if (end == std::string_view::npos) return std::nullopt;
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(end + 1);
  return line;
}

StatusOr<NoteSignature> ParseSignatureLine(std::string_view line) {
  const auto bad = [&] { return InvalidArgument("signed note: not a signature line: \"{}\"", line); };
  if (line.substr(0, kDash.size()) != kDash) return bad();
  line.remove_prefix(kDash.size());
  const size_t space = line.find(' ');
  if (space == std::string_view::npos || !IsName(line.substr(0, space))) return bad();
  const auto blob = FromBase64(line.substr(space + 1));
  if (!blob || blob->size() <= 4 || ToBase64(*blob) != line.substr(space + 1)) return bad();
  NoteSignature out;
  out.name = line.substr(0, space);
  out.key_id = WireReader(*blob).U32();
  out.signature.assign(blob->begin() + 4, blob->end());
  return out;
}

}  // namespace

std::string RenderCheckpoint(const Checkpoint& checkpoint) {
  return fmt::format("{}\n{}\n{}\n", checkpoint.origin, checkpoint.head.entries, ToBase64(checkpoint.head.hash));
}

StatusOr<std::string> SignatureLine(const std::string& body, const std::string& name, pki::Signer& signer) {
  if (!IsName(name)) return InvalidArgument("\"{}\" cannot be the name of a checkpoint's signer", name);
  SMKI_ASSIGN_OR_RETURN(const pki::RawSignature raw, signer.SignDigest(pki::Sha256(body)));
  WireWriter blob;
  blob.U32(KeyId(name, signer.public_key()));
  blob.Fixed(pki::SignatureToDer(raw));
  return fmt::format("{}{} {}\n", kDash, name, ToBase64(blob.bytes()));
}

StatusOr<SignedNote> ParseSignedNote(std::string_view note) {
  if (note.size() > kMaxNote) return InvalidArgument("signed note: more than {} octets", kMaxNote);
  std::string_view rest = note;
  const auto origin = TakeLine(rest);
  const auto entries = TakeLine(rest);
  const auto hash = TakeLine(rest);
  if (!origin || !entries || !hash)
    return InvalidArgument("signed note: expected an origin, a count and a hash, each on its line");
  SignedNote out;
  if (!IsOrigin(*origin)) {
    return InvalidArgument("signed note: line 1: expected smki-ledger/ENVIRONMENT/ESTATE, found \"{}\"", *origin);
  }
  out.checkpoint.origin = *origin;
  const char* const end = entries->data() + entries->size();
  const auto number = std::from_chars(entries->data(), end, out.checkpoint.head.entries);
  if (number.ec != std::errc() || number.ptr != end || std::to_string(out.checkpoint.head.entries) != *entries) {
    return InvalidArgument("signed note: line 2: expected the number of entries, found \"{}\"", *entries);
  }
  const auto head = FromBase64(*hash);
  if (!head || head->size() != sizeof(Digest) || ToBase64(*head) != *hash) {
    return InvalidArgument("signed note: line 3: expected a SHA-256 digest in Base64, found \"{}\"", *hash);
  }
  std::copy(head->begin(), head->end(), out.checkpoint.head.hash.begin());
  out.body = note.substr(0, note.size() - rest.size());

  const auto empty = TakeLine(rest);
  if (!empty || !empty->empty()) return InvalidArgument("signed note: line 4 must be empty");
  while (!rest.empty()) {
    const auto line = TakeLine(rest);
    if (!line) return InvalidArgument("signed note: the last line does not end");
    if (out.signatures.size() == kMaxSignatures)
      return InvalidArgument("signed note: more than {} signatures", kMaxSignatures);
    SMKI_ASSIGN_OR_RETURN(NoteSignature signature, ParseSignatureLine(*line));
    out.signatures.push_back(std::move(signature));
  }
  if (out.signatures.empty()) return InvalidArgument("signed note: carries no signature");
  return out;
}

bool IsSignedBy(const SignedNote& note, const std::string& name, const pki::PublicKey& key) {
  const uint32_t key_id = KeyId(name, key);
  return std::any_of(note.signatures.begin(), note.signatures.end(), [&](const NoteSignature& signature) {
    if (signature.name != name || signature.key_id != key_id) return false;
    const auto raw = pki::SignatureFromDer(signature.signature);
    return raw.ok() && key.Verify(AsBytes(note.body), *raw);
  });
}

}  // namespace smki::ledger
