// The files of the SMKI Repository's SFTP folder by their names, and which of them are to be fetched. Pure.
#pragma once

#include <string>
#include <vector>

#include "base/status.h"
#include "repository/transfer/sftp.h"

namespace smki::repository::transfer {

enum class FileKind {
  kList,   // *.crl.gz, *.arl.gz: published again and again under the same name
  kDelta,  // SMKIKR_DELT_YYYY-MM-DD.xml.gz: gone from the folder after seven days
  kFull,   // SMKIKR_FULL_YYYY-MM-DD.xml.gz
  kBase,   // any other .gz (base sets of certificates): only fetched when it is named
};

inline constexpr size_t kMaxFiles = 10'000;
inline constexpr size_t kMaxName = 128;

// Nullopt if it is no name of the folder: it starts with a letter or digit, has only letters, digits, '.', '_', '-',
// ends in .gz and has at most kMaxName octets; what starts with SMKIKR_ is an extract with a date. So it is no path, no
// hidden file, and none of ours beside it (docs/formats/transfer.md).
std::optional<FileKind> KindOf(const std::string& name);

struct Wanted {
  std::string name;
  FileKind kind = FileKind::kBase;
  friend bool operator==(const Wanted&, const Wanted&) = default;
};

// What of `listing` is to be fetched, in this order: revocation lists; deltas, the oldest first, since it is the next
// to go; the newest FULL of `as_of` (YYYY-MM-DD) or before, or the newest at all. If `named` is not empty, those and
// nothing else, in this order too. Names that are not of the folder are passed over. kNotFound if a named file is not
// there; kInvalidArgument if it or the date is none.
StatusOr<std::vector<Wanted>> Choose(const std::vector<RemoteEntry>& listing, const std::string& as_of,
                                     const std::vector<std::string>& named);

}  // namespace smki::repository::transfer
