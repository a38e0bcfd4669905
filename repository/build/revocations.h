// The Organisation ARL and CRL beside the extracts: which organisations' and Organisation Authorities' certificates are
// revoked. There is none for Devices. Private to this room. Made by one thread, then read by any.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "pki/certificate.h"
#include "repository/build/authorities.h"
#include "repository/store/entry.h"

namespace smki::repository {

class Revocations {
 public:
  // Reads every revocation list (*.crl.gz, *.arl.gz) in `folder`. LIST_WRONG if one is damaged.
  static StatusOr<Revocations> Read(const std::string& folder);
  // Their signatures, once all authorities are known: each must be of a trusted authority of the organisations. What
  // is out of date on `as_of` is a note. LIST_WRONG names the file.
  Status Check(const Authorities& authorities, const std::string& as_of);

  using Key = std::array<uint8_t, Entry::kKey>;  // of an entry of the store
  bool Contains(const Key& key) const { return revoked_.count(key) != 0; }
  // What was checked and what could not be, for people.
  const std::vector<std::string>& notes() const { return notes_; }

 private:
  struct List {
    std::string file;
    pki::RevocationList list;
  };
  std::vector<List> lists_;
  std::set<Key> revoked_;
  std::vector<std::string> notes_;
};

}  // namespace smki::repository
