// The Organisation ARL and CRL that are published beside the extracts. Private to this room.
#pragma once

#include <string>
#include <vector>

#include "pki/certificate.h"
#include "repository/reason.h"
#include "repository/record.h"

namespace smki::repository {

struct NamedList {
  std::string file;  // its name, as it was found
  pki::RevocationList list;
};

// The newest list of each issuer among the *.crl.gz and *.arl.gz in `folder`, by file name. Each must be signed by one
// of `authorities`, those of the organisations that are In-Use: LIST_WRONG names the file that is damaged or is not.
StatusOr<std::vector<NamedList>> NewestLists(const std::string& folder,
                                             const std::vector<CertificateRecord>& authorities);

}  // namespace smki::repository
