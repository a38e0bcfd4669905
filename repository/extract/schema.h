// The names and words of an extract file, in one place: when the official schema is at hand, this table and
// docs/formats/extract.md change, and nothing else. What is read and what is assumed is said there.
#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <string_view>

#include "repository/record.h"

namespace smki::repository::schema {

inline constexpr std::string_view kRoot = "SMKIRepositoryExtract";
inline constexpr std::string_view kRecord = "CertificateResponse";

// Beside the records, each at most once, before the first record.
enum Header : size_t { kType, kDate, kHeaders };
// Of a record, each at most once, in this order.
enum Field : size_t {
  kSubjectName,     // organisations: EUI-64; authorities: common name
  kSubjectAltName,  // Devices: EUI-64
  kSerial,
  kStatus,
  kBody,
  kRole,
  kUsage,
  kManufacturing,
  kFields
};

struct Rule {
  std::string_view element;
  size_t max_octets;  // of its text
  bool required;
};

inline constexpr std::array<Rule, kHeaders> kHeaderRules = {{
    {"ExtractType", 16, true},
    {"ExtractDate", 16, true},
}};
inline constexpr std::array<Rule, kFields> kFieldRules = {{
    {"CertificateSubjectName", 256, false},
    {"CertificateSubjectAltName", 64, false},
    {"CertificateSerial", 64, true},
    {"CertificateStatus", 16, true},
    {"CertificateBody", 16 * 1024, true},
    {"CertificateRole", 8, false},
    {"CertificateUsage", 8, true},
    {"ManufacturingFlag", 8, false},
}};

inline constexpr std::string_view kFull = "FULL";
inline constexpr std::string_view kDelta = "DELT";
inline constexpr std::string_view kBase = "BASE";
// Files of base sets: what the two are called, before the date. They must not begin as an extract's name does.
inline constexpr std::string_view kNorthBaseSet = "SMKI_BASE_SET_NORTH_";
inline constexpr std::string_view kCentralAndSouthBaseSet = "SMKI_BASE_SET_CENTRAL_AND_SOUTH_";
inline constexpr std::string_view kFileSuffix = ".xml.gz";
inline constexpr std::string_view kAuthorityUsage = "CA";
inline constexpr std::string_view kSignatureUsage = "DS";
inline constexpr std::string_view kAgreementUsage = "KA";

constexpr std::optional<CertificateStatus> StatusFrom(std::string_view text) {
  if (text.size() != 1 || kStatusLetters.find(text[0]) == std::string_view::npos) return std::nullopt;
  return static_cast<CertificateStatus>(text[0]);
}

}  // namespace smki::repository::schema
