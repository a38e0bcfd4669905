// Publishes files to an SFTP folder, so that whoever lists it sees each one whole or not at all.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "repository/transfer/access.h"
#include "repository/transfer/names.h"
#include "repository/transfer/sftp.h"

namespace smki::repository::transfer {

inline constexpr uint64_t kTail = 64 << 10;  // holds the checksum of the last member of a gzip file

struct SendProgress {
  std::string file;
  bool checking = false;  // what has arrived there is read back; else it is being sent
  uint64_t done = 0, total = 0;
};

struct SendOptions {
  Access access;
  std::vector<std::string> files;  // paths; each file's own name must be one of the folder (names.h)
  bool verify = false;             // read back the whole of each file, not only its last kTail octets
  std::string expire_deltas;       // YYYY-MM-DD: remove deltas more than seven days older than it; empty: none
  std::function<void(const SendProgress&)> on_progress;
  Patience patience;
};

struct SentFile {
  enum class Result { kSent, kPresent, kFailed };
  std::string name;
  Result result = Result::kFailed;
  uint64_t octets = 0;
  Millis took{0};
  Status status;
};

struct SendReport {
  std::vector<SentFile> files;
  std::vector<std::string> expired;  // removed there
  Status status;                     // the first fault; nothing is sent or removed after it
};

// Each file is checked here first (kDataLoss if its gzip is not whole), sent as .NAME.part, made durable, looked at and
// read back, then renamed. A file of that name that is there already is left alone: kPresent if it is the same by size
// and content (its last kTail octets, or all of it with `verify`), else kAlreadyExists; only a revocation list is
// replaced. A broken run leaves at most .NAME.part, which the next one overwrites.
// Errors before anything is sent: names, local files, Sftp::Connect.
StatusOr<SendReport> Send(const SendOptions& options);

}  // namespace smki::repository::transfer
