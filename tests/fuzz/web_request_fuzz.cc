// Any octets as either request of the Repository web service: no crash, no over-read; what is accepted has the one
// meaning that its canonical form has, and what is refused is said in printable ASCII.
#include <cstdlib>

#include "repository/web/request.h"

namespace {

void CheckRefusal(const smki::Status& status) {
  for (const char c : smki::Message(status)) {
    if (c < ' ' || c > '~') std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace smki;
  using namespace smki::repository::web;
  const std::string_view xml(reinterpret_cast<const char*>(data), size);
  if (const auto search = ParseSearchRequest(xml); search.ok()) {
    const std::string name = search->device ? "CertificateSubjectAltName" : "CertificateSubjectName";
    const auto again = ParseSearchRequest("<CertificateSearchRequest><" + name + ">" + search->eui.ToString() + "</" +
                                          name + "></CertificateSearchRequest>");
    if (!again.ok() || again->eui != search->eui || again->device != search->device) std::abort();
  } else {
    CheckRefusal(search.status());
  }
  if (const auto serial = ParseDataRequest(xml); serial.ok()) {
    if (serial->empty() || (serial->front() & 0x80) != 0) std::abort();
    const auto again = ParseDataRequest("<CertificateDataRequest><CertificateSerial>" + ToHex(*serial) +
                                        "</CertificateSerial></CertificateDataRequest>");
    if (serial->size() <= 32 && (!again.ok() || *again != *serial)) std::abort();
  } else {
    CheckRefusal(serial.status());
  }
  return 0;
}
