// One chunk of records, from XML to entries of the store: every check that needs nothing but the record, its
// certificate and the authorities. Private to this room. Examine may run on any thread, for many chunks at once.
#pragma once

#include <vector>

#include "repository/build/account.h"
#include "repository/build/authorities.h"
#include "repository/extract/record_scanner.h"
#include "repository/in_order.h"
#include "repository/octet_buffer.h"
#include "repository/store/entry.h"

namespace smki::repository {

struct Chunk {
  uint16_t file = 0;
  uint64_t offset = 0;  // of its first octet in the file's XML
  bool first = false, last = false;
  OctetBuffer xml;
};

struct Examined {
  struct Item {
    Entry entry;  // its offset is from the start of `bodies`
    RecordPlace place;
  };
  struct Reject {
    RecordPlace place;
    Fault fault;
    Bytes serial;  // empty if it could not be read
  };
  uint64_t number = 0;  // for whoever takes it
  uint16_t file = 0;
  bool first = false, last = false;
  uint64_t records = 0;
  std::vector<Item> items;
  std::vector<size_t> pending;  // of items, in order: no issuer known yet signed them, or they are authorities
  OctetBuffer bodies;
  std::vector<Reject> rejects;
  // How the document went on.
  RecordScanner::Step end = RecordScanner::Step::kChunkEnd;
  std::array<std::optional<std::string>, schema::kHeaders> headers;
  Refusal refusal{};
  std::string refusal_detail;
  uint64_t refusal_offset = 0;
};

class Examiner {
 public:
  Examiner(Authorities& authorities, Verify verify) : authorities_(authorities), verify_(verify) {}

  Examined Examine(const Chunk& chunk, DayNumber day) const;

  // A certificate that is there already (in a store), with its state: the same checks but those of the file's words.
  struct Present {
    ByteSpan der;
    Entry entry;
    RecordPlace place;
  };
  // kDataLoss if an entry does not agree with its certificate.
  StatusOr<Examined> ExamineStore(std::span<const Present> present) const;

  // The verdict on items that waited for their issuers, once all authorities are known: a fault for each that has one.
  struct Waiting {
    ByteSpan der;
    RecordPlace place;
  };
  std::vector<std::pair<size_t, Fault>> Conclude(std::span<const Waiting> waiting) const;

 private:
  class Batch;
  struct Claims;

  Authorities& authorities_;
  const Verify verify_;
};

// Chunks examined on all cores, and taken in their order.
using Pipeline = InOrder<Examined>;

}  // namespace smki::repository
