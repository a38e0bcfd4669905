// From a record as it stands in a file to one whose every word agrees with its certificate. Private to this room.
#pragma once

#include "pki/certificate.h"
#include "repository/extract/xml_parser.h"
#include "repository/record.h"

namespace smki::repository {

struct CheckedRecord {
  CertificateRecord record;
  pki::Certificate certificate;
  uint64_t number = 0;
  uint64_t line = 0;
};

// All that a certificate itself says of its record: everything but status, manufacturing flag and date. Any thread.
StatusOr<CertificateRecord> RecordOf(const pki::Certificate& certificate);

// Status and usage known, Base64, DER, and serial, subject, EUI-64, role and usage equal to those in the DER. No
// signature is checked. The error begins "FILE:line N: record M: ". Any thread.
StatusOr<CheckedRecord> CheckRecord(const RawRecord& raw, const ExtractName& name);

}  // namespace smki::repository
