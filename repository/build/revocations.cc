#include "repository/build/revocations.h"

#include <algorithm>

#include "base/file.h"
#include "pki/digest.h"
#include "repository/extract/gzip.h"

namespace smki::repository {
namespace {

constexpr size_t kMaxLists = 16 << 20;  // octets of all together: some hundred thousand serial numbers

bool IsList(const std::string& file) {
  return file.ends_with(".crl.gz") || file.ends_with(".arl.gz");
}

}  // namespace

StatusOr<Revocations> Revocations::Read(const std::string& folder) {
  Revocations out;
  SMKI_ASSIGN_OR_RETURN(const std::vector<std::string> names, PosixFiles().List(folder));
  size_t left = kMaxLists;
  for (const std::string& name : names) {
    if (!IsList(name) || name.starts_with(".")) continue;
    const auto wrong = [&](const Status& why) {
      return Refuse(Refusal::kLIST_WRONG, fmt::format("{}: {}; fetch it again", name, Message(why)));
    };
    const auto der = ReadGzip(folder + "/" + name, left);
    if (!der.ok()) return wrong(der.status());
    left -= der->size();
    auto list = pki::ParseRevocationList(*der);
    if (!list.ok()) return wrong(list.status());
    out.lists_.push_back({name, *std::move(list)});
  }
  return out;
}

Status Revocations::Check(const Authorities& authorities, const std::string& as_of) {
  if (lists_.empty())
    notes_.push_back("there is no Organisation CRL or ARL beside the files: revocation was not checked");
  notes_.push_back("Devices have no CRL and their authorities no ARL in the files: their status is what the files say");
  for (const List& one : lists_) {
    CertificateView issued;  // whatever this issuer may have issued
    issued.kind = CertificateKind::kOrganisation;
    issued.issuer = one.list.issuer;
    const Issuers issuers = authorities.Find(issued);
    const bool ours = std::any_of(issuers.begin(), issuers.end(),
                                  [&](const auto& issuer) { return one.list.IsSignedBy(issuer->key()); });
    if (!ours) {
      return Refuse(
          Refusal::kLIST_WRONG,
          fmt::format("{}: no authority of the organisations, up to the pinned root, signed it; fetch it again",
                      one.file));
    }
    const UtcTime day = *ParseDate(as_of);
    if (one.list.next_update < day) {
      notes_.push_back(
          fmt::format("{} is out of date: its next update was due {}", one.file, FormatDate(one.list.next_update)));
    }
    const Digest name = pki::Sha256(one.list.issuer);
    for (const pki::Revoked& revoked : one.list.revoked) {
      ByteSpan serial = revoked.serial;
      while (!serial.empty() && serial.front() == 0) serial = serial.subspan(1);
      // A file of that day may be older than a revocation of that day: it was in use then.
      if (serial.size() > 20 || revoked.time >= day) continue;
      Key key{};
      std::copy(serial.begin(), serial.end(), key.begin() + 20 - static_cast<ptrdiff_t>(serial.size()));
      std::copy_n(name.begin(), 8, key.begin() + 20);
      revoked_.insert(key);
    }
    notes_.push_back(
        fmt::format("{}: {} revoked, of {}", one.file, one.list.revoked.size(), FormatDate(one.list.this_update)));
  }
  return OkStatus();
}

}  // namespace smki::repository
