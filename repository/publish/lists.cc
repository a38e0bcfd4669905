#include "repository/publish/lists.h"

#include <algorithm>
#include <tuple>

#include "base/file.h"
#include "repository/extract/gzip.h"

namespace smki::repository {
namespace {

constexpr size_t kMaxList = 64 << 20;  // octets: some million serial numbers

Status Wrong(const std::string& file, const std::string& why) {
  return Refuse(Refusal::kLIST_WRONG, fmt::format("{}: {}; fetch it again", file, why));
}

bool IsSignedByOneOf(const pki::RevocationList& list, const std::vector<CertificateRecord>& authorities) {
  return std::any_of(authorities.begin(), authorities.end(), [&](const CertificateRecord& record) {
    if (record.kind != CertificateKind::kOrganisationAuthority || record.status != CertificateStatus::kInUse)
      return false;
    const auto authority = pki::Certificate::Parse(record.der);
    return authority.ok() && authority->subject == list.issuer && list.IsSignedBy(*authority->public_key);
  });
}

bool IsNewer(const pki::RevocationList& a, const pki::RevocationList& b) {
  return std::tie(a.this_update, a.number) > std::tie(b.this_update, b.number);
}

}  // namespace

StatusOr<std::vector<NamedList>> NewestLists(const std::string& folder,
                                             const std::vector<CertificateRecord>& authorities) {
  SMKI_ASSIGN_OR_RETURN(const std::vector<std::string> names, PosixFiles().List(folder));
  std::vector<NamedList> newest;  // one of each issuer
  for (const std::string& name : names) {
    if (name.starts_with(".") || (!name.ends_with(".crl.gz") && !name.ends_with(".arl.gz"))) continue;
    const auto der = ReadGzip(folder + "/" + name, kMaxList);
    if (!der.ok()) return Wrong(name, Message(der.status()));
    auto list = pki::ParseRevocationList(*der);
    if (!list.ok()) return Wrong(name, Message(list.status()));
    if (!IsSignedByOneOf(*list, authorities))
      return Wrong(name, "no authority of the organisations that is In-Use in the store signed it");
    const auto known = std::find_if(newest.begin(), newest.end(),
                                    [&](const NamedList& other) { return other.list.issuer == list->issuer; });
    if (known == newest.end()) {
      newest.push_back({name, *std::move(list)});
    } else if (IsNewer(*list, known->list)) {
      *known = {name, *std::move(list)};
    }
  }
  std::sort(newest.begin(), newest.end(), [](const NamedList& a, const NamedList& b) { return a.file < b.file; });
  return newest;
}

}  // namespace smki::repository
