// Why a record is rejected, or a whole file or rebuild is refused: one stable code each, listed once here and once for
// people in docs/formats/repository-codes.md.
#pragma once

#include <string>

#include "base/status.h"

namespace smki::repository {

// One record of a file is wrong; the file can be read on behind it. code, what it means.
#define SMKI_REPOSITORY_REJECTS(X)                                                                  \
  X(ELEMENT_UNKNOWN, "the record has an element that the schema does not have")                     \
  X(ELEMENT_MISSING, "the record lacks an element that the schema requires")                        \
  X(ELEMENT_ORDER, "the record's elements are not in the schema's order")                           \
  X(ELEMENT_TWICE, "an element stands in the record twice")                                         \
  X(ELEMENT_TOO_LONG, "an element's text is longer than the schema allows")                         \
  X(ELEMENT_NESTED, "an element stands inside one that holds text")                                 \
  X(STATUS_UNKNOWN, "the status is none of P, I, N, E, R")                                          \
  X(FLAG_UNKNOWN, "the manufacturing flag is neither true nor false")                               \
  X(BASE64_BAD, "the body is not Base64")                                                           \
  X(DER_BAD, "the body is not the strict DER of a certificate")                                     \
  X(DER_TRAILING, "octets follow the certificate in the body")                                      \
  X(SERIAL_BAD, "the serial number is negative, zero or too long")                                  \
  X(ALGORITHM_WRONG, "the certificate is not signed by ecdsa-with-SHA256")                          \
  X(CURVE_WRONG, "the key is not an uncompressed point of P-256")                                   \
  X(POLICY_WRONG, "the certificate policy is not one of this environment")                          \
  X(PROFILE_WRONG, "the certificate breaks the SMKI certificate profile")                           \
  X(LIFETIME_WRONG, "the validity is longer than the profile allows")                               \
  X(SERIAL_MISMATCH, "the serial number differs from the certificate's")                            \
  X(SUBJECT_MISMATCH, "the subject differs from the certificate's")                                 \
  X(ROLE_MISMATCH, "the role differs from the certificate's")                                       \
  X(USAGE_MISMATCH, "the usage differs from the certificate's")                                     \
  X(EXPIRED, "the certificate is past its end, but its status is in use")                           \
  X(REVOKED_IN_USE, "the certificate is on its issuer's revocation list, but its status is in use") \
  X(ISSUER_UNKNOWN, "no authority of the files, up to the pinned roots, issued it")                 \
  X(ISSUER_REVOKED, "the authority that issued it is revoked")                                      \
  X(AUTHORITY_UNTRUSTED, "the authority's certificate does not chain to the pinned root")           \
  X(SIGNATURE_WRONG, "the signature is not its issuer's")                                           \
  X(SERIAL_REUSED, "another certificate of this issuer has the serial number")                      \
  X(STATUS_TWICE, "the certificate stands in one file with two states")

// A file or a rebuild is refused as a whole. code, what it means.
#define SMKI_REPOSITORY_REFUSALS(X)                                                        \
  X(FULL_MISSING, "there is no FULL for the date")                                         \
  X(FULL_EMPTY, "the FULL holds no certificate")                                           \
  X(FULL_FROM_FUTURE, "the FULL is dated after today")                                     \
  X(DELTA_FROM_FUTURE, "a delta is dated after today")                                     \
  X(DELTA_MISSING, "a day's delta is missing")                                             \
  X(DELTA_TWICE, "a day's delta is given twice")                                           \
  X(NAME_WRONG, "the file is not named as an extract")                                     \
  X(INNER_NAME_WRONG, "the gzip file holds a file of another name")                        \
  X(HEADER_WRONG, "the file's own type or date is not what its name says")                 \
  X(FILE_EMPTY, "the file is empty")                                                       \
  X(FILE_UNREADABLE, "the file cannot be read")                                            \
  X(GZIP_NOT, "the file is not gzip")                                                      \
  X(GZIP_TRUNCATED, "the gzip file ends too early")                                        \
  X(GZIP_DAMAGED, "the gzip data cannot be inflated")                                      \
  X(GZIP_CHECKSUM, "what was inflated does not match the gzip file's checksum and length") \
  X(GZIP_TRAILING, "something that is not gzip follows the last member")                   \
  X(GZIP_BOMB, "the gzip file inflates to more than an extract can")                       \
  X(XML_MALFORMED, "the content is not well-formed XML")                                   \
  X(XML_TRUNCATED, "the XML document is incomplete")                                       \
  X(XML_DOCTYPE, "the XML has a document type")                                            \
  X(XML_ENTITY, "the XML uses an entity that is not one of the five of XML")               \
  X(XML_UNSUPPORTED, "the XML uses what an extract never needs")                           \
  X(XML_TOO_DEEP, "the XML is nested too deep")                                            \
  X(XML_TOO_LONG, "the XML has more than 1 MiB without the end of a record")               \
  X(XML_ROOT_WRONG, "the XML document is not an extract")                                  \
  X(AUTHORITIES_TOO_MANY, "the files hold more authorities' certificates than can be")     \
  X(LIST_WRONG, "a revocation list is damaged, of nobody known or out of date")            \
  X(REJECTS, "more records were rejected than are tolerated")                              \
  X(STORE_BUSY, "another rebuild of the store is under way")                               \
  X(STORE_NOT_WRITABLE, "what is made cannot be written where it should be")               \
  X(STORE_FOREIGN, "what stands in the store's place is no store")                         \
  X(STORE_DAMAGED, "the store cannot be read as it was written")                           \
  X(FILE_DIFFERS, "a file of that name is published already and holds something else")     \
  X(PUBLISHER_BUSY, "something else is being published into the folder")                   \
  X(DISK_FULL, "the disk is full")

enum class Reject : uint8_t {
#define X(code, text) k##code,
  SMKI_REPOSITORY_REJECTS(X)
#undef X
      kCount
};
enum class Refusal : uint8_t {
#define X(code, text) k##code,
  SMKI_REPOSITORY_REFUSALS(X)
#undef X
      kCount
};

const char* Name(Reject reject);  // SIGNATURE_WRONG
const char* Text(Reject reject);  // what it means, for people
const char* Name(Refusal refusal);
const char* Text(Refusal refusal);

// An error with the refusal's code (base/status.h ReasonOf).
Status Refuse(Refusal refusal, const std::string& detail, StatusCode code = StatusCode::kDataLoss);

}  // namespace smki::repository
