// The XML of a request to the Repository web service, read strictly: one root, below it the known elements, each once
// and short; no document type, no entities but XML's five, no attributes below the root. Pure. Any thread.
#pragma once

#include <string_view>

#include "base/bytes.h"
#include "base/eui64.h"
#include "base/status.h"

namespace smki::repository::web {

struct SearchRequest {
  Eui64 eui;
  bool device = false;  // CertificateSubjectAltName; else an organisation, CertificateSubjectName
};

// Exactly one of the two subjects, as A1-A2-A3-A4-A5-A6-A7-A8 in either case. At most kMaxRequestBody octets.
// kInvalidArgument says what is wrong in printable ASCII.
StatusOr<SearchRequest> ParseSearchRequest(std::string_view xml);

// The INTEGER contents octets of the serial. Any number of digits: the public client leaves leading zeros out.
StatusOr<Bytes> ParseDataRequest(std::string_view xml);

}  // namespace smki::repository::web
