// What a Repository holds while it is being rebuilt: every certificate of the files applied so far, in memory.
// Private to this room.
//
// Not thread-safe; VerifyChains uses threads of its own.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <unordered_map>
#include <vector>

#include "repository/extract/record_check.h"
#include "repository/rebuild.h"
#include "repository/store/format.h"

namespace smki::repository {

// A file that is being applied, in the order of application.
struct Source {
  std::string name;
  bool before_full = false;  // a delta dated before the FULL: see Apply
};

class Contents {
 public:
  struct Held {
    store_format::StoredRecord stored;
    Digest sha256{};
    // For VerifyChains, so that nothing is parsed twice.
    size_t issuer = 0;  // index into issuers_
    Digest tbs{};
    pki::RawSignature signature{};
    size_t first_source = 0;        // that added it
    size_t last_source = 0;         // in which it stood last
    uint64_t number = 0, line = 0;  // in first_source
  };

  // Everything applied from now on comes from `source`.
  void Begin(Source source) { sources_.push_back(std::move(source)); }
  // Adds a certificate or brings its state up to date, and counts it in `account`. A FULL holds everything in use on
  // its day, so a delta from before it changes nothing that the FULL has, and what such a delta calls in use, but the
  // FULL lacks, is not in use any more. kDataLoss: the serial is known with another body, or one file gives two states.
  Status Apply(CheckedRecord checked, FileAccount& account);

  // Every certificate chains to its root: authorities by full path validation, all others by their issuer's signature.
  Status VerifyChains(const pki::TrustAnchor& organisation_root, const pki::TrustAnchor& device_root) const;

  size_t size() const { return held_.size(); }
  // In key order.
  Status Visit(const std::function<Status(const Held&)>& visit) const;

 private:
  // Who must have signed: a name, and a key identifier if the certificate gives one.
  struct Issuer {
    bool device = false;  // which of the two hierarchies
    Bytes name;
    Bytes identifier;
    friend auto operator<=>(const Issuer&, const Issuer&) = default;
  };
  size_t Intern(Issuer issuer);
  std::string Where(const Held& held) const;
  Status VerifyAuthorities(const pki::TrustAnchor& organisation_root, const pki::TrustAnchor& device_root) const;
  std::vector<std::vector<pki::PublicKey>> IssuerKeys(const pki::TrustAnchor& organisation_root,
                                                      const pki::TrustAnchor& device_root) const;

  std::vector<Source> sources_;
  std::vector<Held> held_;
  std::unordered_map<std::string, size_t> by_serial_;
  std::map<Issuer, size_t> issuer_index_;
  std::vector<Issuer> issuers_;
  struct AuthorityCertificate {
    size_t held;
    pki::Certificate certificate;
  };
  std::vector<AuthorityCertificate> authorities_;
};

}  // namespace smki::repository
