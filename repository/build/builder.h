// A store in the making: takes examined chunks in order, and in the end decides for every certificate which of its
// records counts. Private to this room.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "repository/build/account.h"
#include "repository/build/authorities.h"
#include "repository/build/examine.h"
#include "repository/build/revocations.h"
#include "repository/store/writer.h"

namespace smki::repository {

class Builder {
 public:
  // Writes to `path`; `memory` as RebuildOptions.
  static StatusOr<std::unique_ptr<Builder>> Create(const std::string& path, size_t memory, Account& account);

  // In the order of the records, one at a time: gives their DER its place.
  Status Take(Examined& examined);
  // Then, on any thread, several at once.
  Status Sort(const Examined& examined);

  // After the last: what waited for its issuer is judged, on so many threads; of a file whose authorities come last it
  // is everything.
  Status JudgeWaiting(const Examiner& examiner, unsigned threads);

  // The records of each certificate, in the order of the files: the first is loaded, one with the same state is
  // unchanged, one with another state supersedes it. Same serial and issuer with another body is rejected, and so are
  // two states in one file. What is in use, but past its end on `as_of`, or revoked, or under an authority that is, is
  // rejected. Then writes table and indexes.
  Status Resolve(const Authorities& authorities, const Revocations& revocations, UtcTime as_of);
  Status Finish(StoreSummary& summary) { return writer_->Finish(summary); }
  uint64_t records() const { return sorter_.size(); }

 private:
  static constexpr size_t kSequence = 8;
  static constexpr size_t kSorted = Entry::kSize + kSequence;  // key, sequence, the rest of the entry

  Builder(std::unique_ptr<StoreWriter> writer, std::unique_ptr<Output> waiting, const std::string& path, size_t memory,
          Account& account);
  Status Reject(RecordPlace place, Fault fault, ByteSpan serial);
  struct Condemned;
  StatusOr<std::vector<Condemned>> Judge(const Examiner& examiner, ByteSpan records) const;
  Status NoteAuthority(const Examined::Item& item);
  struct Group;
  Status Merge(Group& group, const uint8_t* in, RecordPlace place);
  Status End(Group& group);
  StatusOr<std::optional<Fault>> Objection(const Entry& entry);

  std::unique_ptr<StoreWriter> writer_;
  std::unique_ptr<Output> waiting_;  // sequence, offset, size of each record that waits
  Sorter sorter_;
  Account& account_;
  std::vector<uint64_t> condemned_;  // sequences of what waited in vain; sorted
  // Of each authority's certificate, by its SHA-256, so that a record of another one does not count.
  struct AuthorityState {
    CertificateStatus status;
    uint16_t last_file;
  };
  std::map<Digest, AuthorityState> authority_states_;
  const Authorities* authorities_ = nullptr;
  const Revocations* revocations_ = nullptr;
  UtcTime as_of_;
};

}  // namespace smki::repository
