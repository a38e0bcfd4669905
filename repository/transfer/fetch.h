// Fetches what is new from the SMKI Repository's SFTP folder: revocation lists, deltas, the newest FULL.
//
// Nothing comes with these files that says what they should be, so what can be checked is checked before one takes its
// name: its size, and every checksum of its gzip to the end. Whether it is true the rebuild finds out (I7).
// A lost connection is made again and the file goes on where it stopped, also in another run after kill -9.
// Every delta ever fetched stays in the archive; nothing here removes one.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "repository/transfer/access.h"
#include "repository/transfer/names.h"
#include "repository/transfer/sftp.h"

namespace smki::repository::transfer {

struct FetchProgress {
  std::string file;
  bool checking = false;         // the gzip of what has arrived; else it is arriving
  uint64_t done = 0, total = 0;  // octets of this file
};

struct FetchOptions {
  Access access;
  std::string to;  // folder for the files; made if absent
  std::string
      archive;        // folder of the deltas; empty: `to`. Its deltas appear in `to` as well, as hard links if possible
  std::string as_of;  // YYYY-MM-DD: the FULL of this day or before; empty: the newest
  std::vector<std::string> files;                         // these and nothing else; empty: whatever is new
  std::function<void(const FetchProgress&)> on_progress;  // called often, from the calling thread

  Patience patience;
  ReadShape shape;
  // How often a lost connection is made again without kWorthTrying octets having come in between.
  int reconnects = 6;
  Millis pause{1000};  // before the first of them; doubled up to 30 s
  uint64_t max_file = uint64_t{1} << 40;
};
inline constexpr uint64_t kWorthTrying = 1 << 20;

struct FetchedFile {
  enum class Result {
    kFetched,
    kPresent,  // already there with this size; not asked for again. Never a revocation list
    kFailed,
  };
  std::string name;
  std::string folder;
  FileKind kind = FileKind::kBase;
  Result result = Result::kFailed;
  uint64_t octets = 0;      // of the whole file
  uint64_t resumed_at = 0;  // how many of them were there from an earlier run
  int reconnects = 0;
  Millis took{0};
  Millis check{0};               // the part of it that the gzip took after all had come
  std::optional<Digest> sha256;  // of a fetched file
  Status status;
};

struct FetchReport {
  std::vector<FetchedFile> files;         // in the order they were fetched
  std::vector<std::string> from_archive;  // deltas that `to` got from the archive in this run, the new ones too
  // The first fault. Other files were fetched all the same, unless the server, the line or the disk was at fault.
  Status status;
};

// An error if nothing could be begun: kFailedPrecondition if another fetch works in one of the folders,
// kResourceExhausted if the disk has not enough room for all of it, and those of Sftp::Connect, Sftp::List and Choose.
StatusOr<FetchReport> Fetch(const FetchOptions& options);

}  // namespace smki::repository::transfer
