#include "repository/transfer/names.h"

#include <algorithm>
#include <set>

#include "base/time.h"
#include "repository/extract/extract.h"
#include "repository/extract/shown.h"

namespace smki::repository::transfer {
namespace {

bool EndsWith(const std::string& text, std::string_view end) {
  return text.size() > end.size() && text.compare(text.size() - end.size(), end.size(), end) == 0;
}

bool IsAlphanumeric(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

StatusOr<std::vector<Wanted>> ChooseNamed(const std::set<std::string>& there, const std::vector<std::string>& named) {
  std::set<std::string> once;
  std::vector<Wanted> out;
  for (const std::string& name : named) {
    const auto kind = KindOf(name);
    if (!kind) return InvalidArgument("\"{}\" is no name of a file in the Repository's folder", Shown(name));
    if (there.count(name) == 0) {
      return NotFound("{} is not on the server (a delta is kept there for seven days)", name);
    }
    if (once.insert(name).second) out.push_back({name, *kind});
  }
  return out;
}

}  // namespace

std::optional<FileKind> KindOf(const std::string& name) {
  const bool plain = std::all_of(name.begin(), name.end(),
                                 [](char c) { return IsAlphanumeric(c) || c == '.' || c == '_' || c == '-'; });
  if (!plain || name.size() > kMaxName || !EndsWith(name, ".gz") || !IsAlphanumeric(name[0])) return std::nullopt;
  if (const auto extract = ParseExtractName(name)) return extract->full ? FileKind::kFull : FileKind::kDelta;
  if (name.rfind("SMKIKR_", 0) == 0) return std::nullopt;
  return EndsWith(name, ".crl.gz") || EndsWith(name, ".arl.gz") ? FileKind::kList : FileKind::kBase;
}

StatusOr<std::vector<Wanted>> Choose(const std::vector<RemoteEntry>& listing, const std::string& as_of,
                                     const std::vector<std::string>& named) {
  if (!as_of.empty() && !ParseDate(as_of))
    return InvalidArgument("\"{}\" is no date, expected YYYY-MM-DD", Shown(as_of));
  std::vector<Wanted> out;
  std::set<std::string> there;
  std::string newest;  // dates are of one length, so names sort as they should
  for (const RemoteEntry& entry : listing) {
    const auto kind = KindOf(entry.name);
    if (!kind || entry.stat.kind == RemoteStat::Kind::kOther) continue;
    there.insert(entry.name);
    if (*kind == FileKind::kList || *kind == FileKind::kDelta) out.push_back({entry.name, *kind});
    const bool in_time = as_of.empty() || entry.name <= ExtractFileName(true, as_of);
    if (*kind == FileKind::kFull && in_time) newest = std::max(newest, entry.name);
  }
  if (!newest.empty()) out.push_back({newest, FileKind::kFull});
  if (!named.empty()) {
    SMKI_ASSIGN_OR_RETURN(out, ChooseNamed(there, named));
  }
  std::sort(out.begin(), out.end(),
            [](const Wanted& a, const Wanted& b) { return std::tie(a.kind, a.name) < std::tie(b.kind, b.name); });
  return out;
}

}  // namespace smki::repository::transfer
