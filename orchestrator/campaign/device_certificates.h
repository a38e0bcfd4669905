// The keys with which a Device's own words are checked.
#pragma once

#include <vector>

#include "pki/certificate.h"
#include "repository/store/store.h"

namespace smki::orchestrator {

// The Device's In-Use digitalSignature certificates in the rebuilt Repository, at most four; none if it has none or the
// Repository cannot be read.
std::vector<pki::Certificate> DeviceCertificates(const repository::Store& store, Eui64 device);

}  // namespace smki::orchestrator
