// What all certificates of the estate have in common, wherever they are made.
#pragma once

#include <string>

#include "base/random.h"
#include "pki/certificate.h"
#include "repository/record.h"

namespace smki::sim {

// From midnight of `day` for ten years less one second (GBCS.md 6.2).
struct Validity {
  UtcTime not_before;
  UtcTime not_after;
};
Validity OrganisationValidity(UtcTime day);
// The start of the day `time` lies in.
UtcTime Midnight(UtcTime time);
UtcTime AddYears(UtcTime day, int years);

// A serial number: 16 random octets, as the pki room takes it.
Bytes NewSerial(Random& random);

// A certificate as the Repository lists it. `date` is that of the file it appears in.
StatusOr<repository::CertificateRecord> RecordOf(const pki::Certificate& certificate, repository::CertificateKind kind,
                                                 repository::CertificateStatus status, const std::string& date);

// gzip (RFC 1952) of octets, one member.
Bytes Gzip(ByteSpan octets);

}  // namespace smki::sim
