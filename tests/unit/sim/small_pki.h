// A Root OCA, an Issuing OCA and whatever certificate a test asks for, with keys in memory.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <utility>

#include "base/random.h"
#include "gbcs/credentials.h"
#include "pki/certificate.h"

namespace smki::sim {

template <typename T>
T Must(StatusOr<T> value) {
  if (!value.ok()) {
    ADD_FAILURE() << Message(value.status());
    std::abort();
  }
  return std::move(value).value();
}

inline const UtcTime kTestNow = *ParseTime("2026-11-21T12:00:00Z");

class SmallPki {
 public:
  explicit SmallPki(const std::string& root_name = "TestRoot")
      : root_key(Must(pki::PrivateKey::Generate())), issuing_key(Must(pki::PrivateKey::Generate())) {
    const pki::AuthoritySubject root_subject{root_name, "00"};
    root_issuer = {&root_key, pki::AuthorityName(root_subject)};
    root = Must(pki::IssueAuthorityCertificate(root_issuer, root_subject, root_key.public_key(), 1,
                                               pki::kOrganisationPolicy, Serial(), Before(), After()));
    const pki::AuthoritySubject issuing_subject{root_name + "Issuing", "07"};
    issuing_issuer = {&issuing_key, pki::AuthorityName(issuing_subject)};
    issuing = Must(pki::IssueAuthorityCertificate(root_issuer, issuing_subject, issuing_key.public_key(), 0,
                                                  pki::kOrganisationPolicy, Serial(), Before(), After()));
  }
  SmallPki(const SmallPki&) = delete;

  pki::Certificate Organisation(gbcs::Role role, Eui64 eui, gbcs::KeyUsage usage, const pki::PublicKey& key,
                                UtcTime not_after = After()) {
    return Must(pki::IssueOrganisationCertificate(issuing_issuer, {"", static_cast<uint8_t>(role), eui}, key,
                                                  static_cast<pki::KeyUsageBits>(1u << static_cast<unsigned>(usage)),
                                                  Serial(), Before(), not_after));
  }
  pki::Certificate Organisation(gbcs::Role role, Eui64 eui, gbcs::KeyUsage usage) {
    return Organisation(role, eui, usage, Must(pki::PrivateKey::Generate()).public_key());
  }

  static Bytes Serial() { return SystemRandom().Take(16); }
  static UtcTime Before() { return kTestNow - std::chrono::hours(24 * 30); }
  static UtcTime After() { return kTestNow + std::chrono::hours(24 * 3000); }

  pki::PrivateKey root_key, issuing_key;
  pki::IssuerIdentity root_issuer, issuing_issuer;
  pki::Certificate root, issuing;
};

}  // namespace smki::sim
