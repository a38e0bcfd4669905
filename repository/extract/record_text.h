// One record's XML as this room writes it (docs/formats/extract.md). Private to this room. Any thread.
#pragma once

#include <string>
#include <string_view>

#include "repository/record.h"

namespace smki::repository {

// What a record says; nothing is owned.
struct RecordWords {
  CertificateKind kind = CertificateKind::kDevice;
  CertificateStatus status = CertificateStatus::kInUse;
  Eui64 eui;                      // organisations and Devices
  std::string_view subject_name;  // authorities
  ByteSpan serial;                // INTEGER contents octets
  ByteSpan der;
  std::optional<uint8_t> role;
  std::string_view usage;
  bool manufacturing = false;
};
RecordWords WordsOf(const CertificateRecord& record);

// Octets that must be writable for WriteRecord.
size_t RecordRoom(const RecordWords& words);
// Writes the record and returns where it ends. The same words give the same octets.
uint8_t* WriteRecord(const RecordWords& words, uint8_t* out);

// What stands before the first record and behind the last. `type` is FULL, DELT or BASE, `date` YYYY-MM-DD.
std::string DocumentHead(std::string_view type, std::string_view date);
std::string DocumentTail();

}  // namespace smki::repository
