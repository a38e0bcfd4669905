// The rebuilt Repository, read-only. Built beside the old one and swapped in whole (repository/rebuild.h). Any thread.
#pragma once

#include <array>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "repository/record.h"

namespace smki::repository {

// What a rebuild proves of every certificate: kStructure everything but signatures.
enum class Verify : uint8_t { kStructure, kFull };
const char* Name(Verify verify);  // structure, full

struct StoreSummary {
  uint64_t certificates = 0;
  std::array<uint64_t, kKinds> by_kind{};       // in the order of CertificateKind
  std::array<uint64_t, kStatuses> by_status{};  // in the order of kStatusLetters
  Verify verify = Verify::kFull;
  std::string as_of;            // the date restored to
  std::string full_date;        // of the FULL it was built from
  std::string last_delta_date;  // empty if none
  Digest digest{};              // Merkle root over all certificates in key order: equal content, equal digest (I7)

  uint64_t authorities() const { return by_kind[0] + by_kind[1]; }
  uint64_t organisations() const { return by_kind[2]; }
  uint64_t devices() const { return by_kind[3]; }
  uint64_t in_use() const { return by_status[1]; }
  uint64_t revoked() const { return by_status[4]; }
  uint64_t other() const { return certificates - in_use() - revoked(); }
};

// Where the store is: `path` itself if it is a file or ends in ".store", else repository.store in that folder.
std::string StoreFileOf(const std::string& path);

class Store {
 public:
  // `path` as StoreFileOf takes it.
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
