// Two small hierarchies, and a folder to publish and rebuild in.
#pragma once

#include <gtest/gtest.h>

#include <fstream>
#include <string>
#include <vector>

#include "base/file.h"
#include "pki/certificate.h"
#include "repository/extract/extract.h"
#include "repository/profile/record_check.h"
#include "repository/rebuild.h"
#include "tests/unit/ledger/scratch.h"

namespace smki::repository {

inline UtcTime Day(const std::string& date) {
  return *ParseDate(date);
}

// A root and an issuing authority below it.
struct Hierarchy {
  Hierarchy(const std::string& name, const std::string& root_ou, const std::string& issuing_ou,
            const std::string& policy, uint8_t serial) {
    const pki::AuthoritySubject root_subject{"root " + name, root_ou}, issuing_subject{"issuing " + name, issuing_ou};
    const pki::IssuerIdentity root_identity{&root_key, pki::AuthorityName(root_subject)};
    const UtcTime from = Day("2020-01-01"), to = Day("2060-01-01");
    root = *pki::IssueAuthorityCertificate(root_identity, root_subject, root_key.public_key(), -1, policy,
                                           Bytes(16, serial), from, to);
    issuing = *pki::IssueAuthorityCertificate(root_identity, issuing_subject, issuing_key.public_key(), 0, policy,
                                              Bytes(16, static_cast<uint8_t>(serial + 1)), from, Day("2045-01-01"));
    identity = {&issuing_key, pki::AuthorityName(issuing_subject)};
  }
  pki::PrivateKey root_key = *pki::PrivateKey::Generate();
  pki::PrivateKey issuing_key = *pki::PrivateKey::Generate();
  std::optional<pki::Certificate> root, issuing;
  pki::IssuerIdentity identity;  // of the issuing authority
};

class SmallPki {
 public:
  Hierarchy organisations{"OCA", "00", "07", pki::kOrganisationPolicy, 1};
  Hierarchy devices{"DCA", "", "", pki::kDevicePolicy, 3};

  CertificateRecord Record(const pki::Certificate& certificate,
                           CertificateStatus status = CertificateStatus::kInUse) const {
    CertificateRecord record = *RecordOf(certificate.der());
    record.status = status;
    return record;
  }
  CertificateRecord Organisation(uint64_t eui, uint8_t role, pki::KeyUsageBits usage = pki::kDigitalSignature) {
    return Record(*pki::IssueOrganisationCertificate(organisations.identity, {"party", role, Eui64(eui)},
                                                     key_.public_key(), usage, NextSerial(), Day("2026-01-01"),
                                                     Day("2036-01-01")));
  }
  CertificateRecord Supplier(uint64_t eui, pki::KeyUsageBits usage = pki::kDigitalSignature) {
    return Organisation(eui, 2, usage);
  }
  CertificateRecord Device(uint64_t eui, const std::string& from = "2026-01-01") {
    return Record(*pki::IssueDeviceCertificate(devices.identity, Eui64(eui), key_.public_key(), pki::kDigitalSignature,
                                               NextSerial(), Day(from)));
  }
  // Says it was issued by the issuing DCA, but another key signed it.
  CertificateRecord ForgedDevice(uint64_t eui) {
    pki::PrivateKey thief = *pki::PrivateKey::Generate();
    const pki::IssuerIdentity identity{&thief, devices.identity.name};
    pki::Certificate forged = *pki::IssueDeviceCertificate(identity, Eui64(eui), key_.public_key(),
                                                           pki::kDigitalSignature, NextSerial(), Day("2026-01-01"));
    // The key identifier of the true issuer, so that only the signature can tell.
    Bytes der = forged.der();
    const auto own = thief.public_key().identifier(), true_one = devices.issuing_key.public_key().identifier();
    const auto at = std::search(der.begin(), der.end(), own.begin(), own.end());
    std::copy(true_one.begin(), true_one.end(), at);
    return Record(*pki::Certificate::Parse(der));
  }
  std::vector<CertificateRecord> Authorities() const {
    return {Record(*organisations.root), Record(*organisations.issuing), Record(*devices.root),
            Record(*devices.issuing)};
  }

 private:
  Bytes NextSerial() {
    Bytes serial(16, 0x40);
    const uint32_t n = ++serials_;
    for (int i = 0; i < 4; ++i) serial[15 - i] = static_cast<uint8_t>(n >> (8 * i));
    return serial;
  }
  pki::PrivateKey key_ = *pki::PrivateKey::Generate();
  uint32_t serials_ = 0;
};

inline std::string ReadText(const std::string& path) {
  return ToString(*PosixFiles().Read(path, 1 << 26));
}
// In place if it is there: a file system may write a truncated file through to the disk, which thousands of tries would
// feel.
inline void WriteText(const std::string& path, std::string_view text) {
  const bool there = PosixFiles().Exists(path);
  std::fstream file(path, std::ios::binary | std::ios::out | (there ? std::ios::in : std::ios::trunc));
  file << text;
  file.close();
  std::filesystem::resize_file(path, text.size());
}

class RepositoryTest : public ::testing::Test {
 protected:
  RepositoryTest() {
    EXPECT_TRUE(PosixFiles().CreateDirectories(extracts_).ok());
    options_.extracts = extracts_;
    options_.store = scratch_ / "data/repository.store";
    options_.threads = 2;
  }
  void Publish(bool full, const std::string& date, const std::vector<CertificateRecord>& records) {
    auto writer = ExtractWriter::Create(extracts_, full, date);
    ASSERT_TRUE(writer.ok()) << writer.status();
    for (const CertificateRecord& record : records) ASSERT_TRUE((*writer)->Add(record).ok());
    ASSERT_TRUE((*writer)->Finish().ok());
  }
  std::string Extract(bool full, const std::string& date) const {
    return extracts_ + "/" + ExtractFileName(full, date);
  }

  Scratch scratch_;
  std::string extracts_ = scratch_ / "extracts";
  SmallPki pki_;
  RebuildOptions options_{{}, {}, {}, pki::AnchorOf(*pki_.organisations.root), pki::AnchorOf(*pki_.devices.root), {}};
};

}  // namespace smki::repository
