// The names and numbers of the Repository web service that an extract file does not share with it; those of a
// certificate are in repository/extract/schema.h. Read in the public client @smartdcc/dccboxed-keystore 0.4.2 and in
// its tests (docs/formats/repository-web.md says what is read and what is assumed).
#pragma once

#include <cstddef>
#include <string_view>

namespace smki::repository::web {

inline constexpr std::string_view kSearchPath = "/services/certificatesearch";
inline constexpr std::string_view kRetrievePath = "/services/retrievecertificate";
inline constexpr std::string_view kHealthPath = "/health";

inline constexpr std::string_view kSearchRequest = "CertificateSearchRequest";
inline constexpr std::string_view kSearchResponse = "CertificateSearchResponse";
inline constexpr std::string_view kResult = "Result";
inline constexpr std::string_view kDataRequest = "CertificateDataRequest";
inline constexpr std::string_view kDataResponse = "CertificateDataResponse";

inline constexpr std::string_view kResponseCode = "ResponseCode";
inline constexpr std::string_view kResponseMessage = "ResponseMessage";
inline constexpr std::string_view kAuditReference = "AuditReference";

// This interface's own meaning of two HTTP codes.
inline constexpr unsigned kInvalidParameters = 401;
inline constexpr unsigned kNoSuchCertificate = 402;

inline constexpr std::string_view kXmlType = "application/xml; charset=utf-8";
inline constexpr std::string_view kTextType = "text/plain; charset=utf-8";

inline constexpr size_t kMaxRequestBody = 64 * 1024;
inline constexpr size_t kMaxResults = 1000;  // of one search

}  // namespace smki::repository::web
