// What the staff of a compromised party do in a drill: new keys, certification requests to the Issuing OCA, new
// certificates.
#pragma once

#include <string>
#include <vector>

#include "base/status.h"
#include "gbcs/credentials.h"
#include "pki/certificate.h"

namespace smki::sim {

struct NewCertificate {
  gbcs::TrustAnchorCell cell;  // that the party means it for
  pki::Certificate certificate;
};
struct NewCertificates {
  std::vector<NewCertificate> certificates;
  std::string delta;  // file that lists them; empty if an earlier one did
};

// For every cell of `party`: a key pair, a PKCS#10 and, from the authority that sim.yaml names, a certificate, in
// parties/PARTY/new-CELL.{key,csr,crt}.pem; then has the authority publish a delta. Keys and requests that are there
// already are used again, so doing it twice gives the same certificates.
StatusOr<NewCertificates> MakeNewCertificates(const std::string& estate, const std::string& party);

// parties/PARTY/new-*.crt.pem as far as they are there.
StatusOr<std::vector<NewCertificate>> ReadNewCertificates(const std::string& estate, const std::string& party);
// parties/PARTY/*.crt.pem with which the estate was made.
StatusOr<std::vector<NewCertificate>> ReadCurrentCertificates(const std::string& estate, const std::string& party);

}  // namespace smki::sim
