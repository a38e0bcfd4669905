// The XML of an extract file, any octets, in two pieces: no crash, no over-read, and what is accepted agrees with its
// certificate.
#include <cstdlib>

#include "repository/extract/record_check.h"
#include "repository/extract/xml_parser.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace smki;
  using namespace smki::repository;
  const ExtractName name{true, "2026-11-15", "SMKIKR_FULL_2026-11-15.xml.gz"};
  ExtractParser parser(name, [&](const RawRecord& raw) -> Status {
    SMKI_ASSIGN_OR_RETURN(const CheckedRecord checked, CheckRecord(raw, name));
    if (checked.certificate.der() != checked.record.der) std::abort();
    return OkStatus();
  });
  const ByteSpan xml(data, size);
  const bool fed = parser.Feed(xml.first(size / 2)).ok() && parser.Feed(xml.subspan(size / 2)).ok();
  if (parser.Finish().ok() && !fed) std::abort();
  return 0;
}
