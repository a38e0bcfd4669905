// Certificate revocation lists, RFC 5280 section 5: version 2, complete, direct.
#include <algorithm>

#include "pki/certificate.h"
#include "pki/der_parts.h"

namespace smki::pki {
namespace {

constexpr size_t kMaxList = 16 * 1024 * 1024;
constexpr int kMaxReason = 10;  // aACompromise

// RFC 5280 5.3.1: 7 is not used; 8 removeFromCRL only in delta lists, which do not occur here.
bool IsReason(uint64_t reason) {
  return reason <= kMaxReason && reason != 7 && reason != 8;
}

DerWriter EntryOf(const Revoked& entry) {
  DerWriter out;
  out.Value(der::kInteger, entry.serial);
  WriteTime(out, entry.time);
  if (entry.reason != 0) {  // RFC 5280 5.3.1: unspecified is told by absence
    DerWriter reason;
    reason.Value(der::kEnumerated, Bytes{static_cast<uint8_t>(entry.reason)});
    DerWriter extension;
    WriteExtension(extension, oid::kCrlReason, false, reason);
    out.Wrap(der::kSequence, extension);
  }
  return out;
}

StatusOr<Revoked> ReadEntry(const DerValue& value) {
  DerReader in(value);
  Revoked out;
  out.reason = 0;
  SMKI_ASSIGN_OR_RETURN(out.serial, ReadSerial(in, "userCertificate"));
  SMKI_ASSIGN_OR_RETURN(out.time, ReadTime(in, "revocationDate"));
  SMKI_ASSIGN_OR_RETURN(const auto sequence, in.Optional(der::kSequence));
  SMKI_RETURN_IF_ERROR(in.Finish("entry of the revocation list"));
  if (!sequence) return out;
  SMKI_ASSIGN_OR_RETURN(const std::vector<Extension> extensions, ReadExtensions(*sequence));
  for (const Extension& extension : extensions) {
    if (SameOctets(extension.oid, oid::kCrlReason)) {
      DerReader inner(extension.value);
      SMKI_ASSIGN_OR_RETURN(const uint64_t reason, inner.Unsigned("reasonCode", der::kEnumerated));
      SMKI_RETURN_IF_ERROR(inner.Finish("reasonCode"));
      if (!IsReason(reason))
        return InvalidArgument("DER at octet {}: reasonCode {} does not exist", extension.value.offset, reason);
      out.reason = static_cast<int>(reason);
    } else if (extension.critical) {
      return InvalidArgument("DER at octet {}: critical entry extension {} is not known here", extension.value.offset,
                             OidText(extension.oid));
    }
  }
  return out;
}

Status ReadListExtensions(const DerValue& wrapper, RevocationList& out) {
  DerReader outer(wrapper);
  SMKI_ASSIGN_OR_RETURN(const DerValue sequence, outer.Expect(der::kSequence, "crlExtensions"));
  SMKI_RETURN_IF_ERROR(outer.Finish("crlExtensions"));
  SMKI_ASSIGN_OR_RETURN(const std::vector<Extension> extensions, ReadExtensions(sequence));
  bool numbered = false;
  for (const Extension& extension : extensions) {
    if (SameOctets(extension.oid, oid::kCrlNumber)) {
      DerReader in(extension.value);
      SMKI_ASSIGN_OR_RETURN(out.number, in.Unsigned("cRLNumber"));
      SMKI_RETURN_IF_ERROR(in.Finish("cRLNumber"));
      numbered = true;
    } else if (extension.critical) {
      // A delta or a partial list would be taken for the whole truth.
      return InvalidArgument("DER at octet {}: critical extension {} is not known here", extension.value.offset,
                             OidText(extension.oid));
    }
  }
  if (!numbered) return InvalidArgument("DER at octet {}: the revocation list has no cRLNumber", wrapper.offset);
  return OkStatus();
}

}  // namespace

bool RevocationList::Contains(ByteSpan serial) const {
  return std::any_of(revoked.begin(), revoked.end(), [&](const Revoked& r) { return SameOctets(r.serial, serial); });
}

bool RevocationList::IsSignedBy(const PublicKey& issuer_key) const {
  return tbs_offset + tbs_size <= der.size() &&
         issuer_key.Verify(ByteSpan(der).subspan(tbs_offset, tbs_size), signature);
}

StatusOr<RevocationList> IssueRevocationList(const IssuerIdentity& issuer, uint64_t number, UtcTime this_update,
                                             UtcTime next_update, std::vector<Revoked> revoked) {
  if (next_update <= this_update) {
    return InvalidArgument("the revocation list would end at {}, not after it begins at {}", FormatTime(next_update),
                           FormatTime(this_update));
  }
  std::sort(revoked.begin(), revoked.end(), [](const Revoked& a, const Revoked& b) {
    return std::lexicographical_compare(a.serial.begin(), a.serial.end(), b.serial.begin(), b.serial.end());
  });
  DerWriter entries;
  for (size_t i = 0; i < revoked.size(); ++i) {
    if (revoked[i].reason < 0 || !IsReason(static_cast<uint64_t>(revoked[i].reason))) {
      return InvalidArgument("revocation reason {} does not exist (RFC 5280 5.3.1)", revoked[i].reason);
    }
    if (i > 0 && revoked[i].serial == revoked[i - 1].serial) {
      return InvalidArgument("serial {} is to be revoked twice in one list", ToHex(revoked[i].serial));
    }
    entries.Wrap(der::kSequence, EntryOf(revoked[i]));
  }
  const KeyIdentifier authority = issuer.signer->public_key().identifier();
  DerWriter extensions;
  WriteKeyIdentifierExtensions(extensions, nullptr, &authority);
  DerWriter number_value;
  number_value.Unsigned(number);
  WriteExtension(extensions, oid::kCrlNumber, false, number_value);
  DerWriter sequence;
  sequence.Wrap(der::kSequence, extensions);

  DerWriter tbs;
  tbs.Unsigned(1);  // v2
  WriteEcdsaWithSha256(tbs);
  tbs.Raw(issuer.name);
  WriteTime(tbs, this_update);
  WriteTime(tbs, next_update);
  if (!revoked.empty()) tbs.Wrap(der::kSequence, entries);  // RFC 5280 5.1.2.6: absent when empty
  tbs.Wrap(der::Context(0, true), sequence);
  SMKI_ASSIGN_OR_RETURN(const Bytes encoded, SignTbs(tbs, *issuer.signer));
  return ParseRevocationList(encoded);
}

StatusOr<RevocationList> ParseRevocationList(ByteSpan encoded) {
  SMKI_ASSIGN_OR_RETURN(const SignedParts parts, ReadSigned(encoded, kMaxList, "revocation list"));
  RevocationList out;
  out.signature = parts.signature;
  out.tbs_offset = parts.tbs.offset;
  out.tbs_size = parts.tbs.whole.size();
  DerReader in(parts.tbs);
  SMKI_ASSIGN_OR_RETURN(const uint64_t version, in.Unsigned("version of the revocation list"));
  if (version != 1) return InvalidArgument("the revocation list must be version 2");
  SMKI_RETURN_IF_ERROR(ReadEcdsaWithSha256(in, "the signature algorithm inside the revocation list"));
  SMKI_ASSIGN_OR_RETURN(const DerValue issuer, in.Expect(der::kSequence, "issuer"));
  SMKI_RETURN_IF_ERROR(ReadName(issuer).status());
  out.issuer = ToBytes(issuer.whole);
  SMKI_ASSIGN_OR_RETURN(out.this_update, ReadTime(in, "thisUpdate"));
  // RFC 5280 5.1.2.5: nextUpdate is mandatory; without it nobody could tell that the list is stale (I10).
  SMKI_ASSIGN_OR_RETURN(out.next_update, ReadTime(in, "nextUpdate"));
  SMKI_ASSIGN_OR_RETURN(const auto entries, in.Optional(der::kSequence));
  if (entries) {
    DerReader list(*entries);
    do {
      SMKI_ASSIGN_OR_RETURN(const DerValue entry, list.Expect(der::kSequence, "entry of the revocation list"));
      SMKI_ASSIGN_OR_RETURN(Revoked revoked, ReadEntry(entry));
      out.revoked.push_back(std::move(revoked));
    } while (!list.at_end());
  }
  SMKI_ASSIGN_OR_RETURN(const DerValue extensions, in.Expect(der::Context(0, true), "crlExtensions"));
  SMKI_RETURN_IF_ERROR(in.Finish("the fields of a revocation list"));
  SMKI_RETURN_IF_ERROR(ReadListExtensions(extensions, out));
  out.der = ToBytes(encoded);
  return out;
}

}  // namespace smki::pki
