// SMKIKR_FULL and SMKIKR_DELT files: gzip of one XML document (docs/formats/extract.md, DOMAIN.md section 5).
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/time.h"
#include "repository/record.h"

namespace smki::repository {

struct ExtractName {
  bool full = false;
  std::string date;  // YYYY-MM-DD
  std::string file;  // SMKIKR_FULL_2026-11-15.xml.gz
};
std::string ExtractFileName(bool full, const std::string& date);
std::optional<ExtractName> ParseExtractName(const std::string& file);

// Writes one extract file, atomically and durably. Records in the order given.
class ExtractWriter {
 public:
  static StatusOr<std::unique_ptr<ExtractWriter>> Create(const std::string& directory, bool full,
                                                         const std::string& date);
  virtual ~ExtractWriter() = default;
  virtual Status Add(const CertificateRecord& record) = 0;
  virtual Status Finish() = 0;  // without it nothing appears under the final name
};

// Streams one file; every record checked for shape (schema, Base64, DER, serial and subject equal those in the DER).
// The first fault ends it: "FILE:line N: record M: ...".
Status ReadExtract(const std::string& path, const std::function<Status(CertificateRecord)>& visit);

}  // namespace smki::repository
