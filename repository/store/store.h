// The rebuilt Repository, read-only. Built beside the old one and swapped in whole (repository/rebuild.h). Any thread.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "repository/record.h"

namespace smki::repository {

struct StoreSummary {
  uint64_t certificates = 0;
  uint64_t in_use = 0, revoked = 0, other = 0;
  uint64_t authorities = 0, organisations = 0, devices = 0;
  std::string full_date;        // of the FULL it was built from
  std::string last_delta_date;  // empty if none
  Digest digest{};              // over all records in key order: equal content, equal digest (I7)
};

class Store {
 public:
  static StatusOr<std::unique_ptr<Store>> Open(const std::string& path);
  virtual ~Store() = default;
  // Every certificate of an organisation or Device, newest first. Empty if there is none.
  virtual StatusOr<std::vector<CertificateRecord>> ByEui(Eui64 eui) const = 0;
  virtual StatusOr<std::vector<CertificateRecord>> BySerial(ByteSpan serial) const = 0;
  virtual StatusOr<std::optional<CertificateRecord>> ByDigest(const Digest& sha256) const = 0;
  virtual StatusOr<std::vector<CertificateRecord>> Authorities() const = 0;
  virtual const StoreSummary& summary() const = 0;
};

}  // namespace smki::repository
