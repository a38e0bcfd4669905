// From a record as it stands in a file to one whose every word agrees with its certificate. Private to this room. Any
// thread.
#pragma once

#include "repository/extract/record_scanner.h"
#include "repository/octet_buffer.h"
#include "repository/profile/certificate_template.h"

namespace smki::repository {

struct RecordState {
  CertificateStatus status = CertificateStatus::kInUse;
  bool manufacturing = false;
};

// Appends the certificate's DER to `bodies`, which has room for it (Base64Room), and checks status, flag, Base64,
// DER and profile, and that serial, subject or EUI-64, role and usage are those of the certificate. On a fault `bodies`
// is as it was; view.serial is set if it could be read, and points to the octets behind the end of `bodies`.
// `templates` makes it faster for many, one after the other.
std::optional<Fault> CheckRecord(const ScannedRecord& scanned, OctetBuffer& bodies, CertificateView& view,
                                 RecordState& state, CertificateTemplates* templates = nullptr);

// The record of a certificate by itself, in use, of no date: for those who make files.
StatusOr<CertificateRecord> RecordOf(ByteSpan der);
// The same with the state and dates a store holds.
CertificateRecord RecordOf(const CertificateView& view, RecordState state);

}  // namespace smki::repository
