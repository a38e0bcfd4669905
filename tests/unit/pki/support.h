// What the tests of pki/ share: a small hierarchy, and certificates of which every field can be made wrong.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <string>

#include "base/der.h"
#include "base/file.h"
#include "base/time.h"
#include "pki/certificate.h"
#include "pki/digest.h"

namespace smki::pki {

template <typename T>
const Status& StatusOf(const StatusOr<T>& value) {
  return value.status();
}
inline const Status& StatusOf(const Status& value) {
  return value;
}

// A Status or StatusOr that is an error with `text` in its message.
template <typename T>
testing::AssertionResult IsRefused(const char* expression, const char*, const T& value, const std::string& text) {
  const Status& status = StatusOf(value);
  if (status.ok())
    return testing::AssertionFailure() << expression << " was accepted; expected an error with \"" << text << "\"";
  if (Message(status).find(text) != std::string::npos) return testing::AssertionSuccess();
  return testing::AssertionFailure() << expression << " was refused with \"" << Message(status) << "\", not with \""
                                     << text << "\"";
}
#define EXPECT_REFUSED(expression, text) EXPECT_PRED_FORMAT2(::smki::pki::IsRefused, expression, text)

// The value of a StatusOr that must be OK.
template <typename T>
T Must(StatusOr<T> value) {
  if (!value.ok()) ADD_FAILURE() << Message(value.status());
  SMKI_CHECK(value.ok());
  return std::move(value).value();
}

inline UtcTime At(const char* text) {
  return *ParseTime(text);
}
inline Bytes Serial(uint8_t n) {
  Bytes out(16, n);
  out[0] = 0x11;
  return out;
}
inline Bytes Name(const std::string& common_name) {
  return AuthorityName({common_name, ""});
}

// Root > Issuing > end certificates, with an Organisation policy.
struct Hierarchy {
  PrivateKey root_key = Must(PrivateKey::Generate());
  PrivateKey issuing_key = Must(PrivateKey::Generate());
  PrivateKey end_key = Must(PrivateKey::Generate());
  AuthoritySubject root_subject{"ROOT", "00"};
  AuthoritySubject issuing_subject{"ISSUING", "07"};
  UtcTime from = At("2026-01-01T00:00:00Z");
  UtcTime to = At("2036-01-01T00:00:00Z");

  IssuerIdentity root_identity() { return {&root_key, AuthorityName(root_subject)}; }
  IssuerIdentity issuing_identity() { return {&issuing_key, AuthorityName(issuing_subject)}; }
  Certificate Root(const std::string& policy = kOrganisationPolicy) {
    return Must(IssueAuthorityCertificate(root_identity(), root_subject, root_key.public_key(), -1, policy, Serial(1),
                                          from, to));
  }
  Certificate Issuing(int path_length = 0, const std::string& policy = kOrganisationPolicy) {
    return Must(IssueAuthorityCertificate(root_identity(), issuing_subject, issuing_key.public_key(), path_length,
                                          policy, Serial(2), from, to));
  }
  Certificate Organisation(KeyUsageBits usage = kDigitalSignature, uint8_t serial = 3) {
    return Must(IssueOrganisationCertificate(issuing_identity(), {"Supplier One", 2, Eui64(0x90B3D51F30010000)},
                                             end_key.public_key(), usage, Serial(serial), from, to));
  }
  Certificate Person(const std::string& id, const PublicKey& key, KeyUsageBits usage, uint8_t serial = 4) {
    return Must(IssuePersonCertificate(issuing_identity(), id, "Org", key, usage, Serial(serial), from, to, false));
  }
};

// A certificate written field by field; each field is DER that a test may replace.
struct RawCertificate {
  Bytes version{0xA0, 0x03, 0x02, 0x01, 0x02};
  Bytes serial{0x02, 0x01, 0x05};
  Bytes algorithm = Ecdsa();
  Bytes issuer = Name("ISSUER");
  Bytes validity = Validity(der::kUtcTime, "260101000000Z", der::kUtcTime, "360101000000Z");
  Bytes subject = Name("SUBJECT");
  Bytes spki;
  Bytes after_spki;
  std::vector<Bytes> extensions;
  Bytes outer_algorithm = Ecdsa();

  static Bytes Ecdsa() { return *FromHex("300a06082a8648ce3d040302"); }
  static Bytes Validity(uint8_t tag1, std::string_view from, uint8_t tag2, std::string_view to) {
    DerWriter inner;
    inner.Text(tag1, from);
    inner.Text(tag2, to);
    return Wrapped(der::kSequence, inner);
  }
  static Bytes Wrapped(uint8_t tag, const DerWriter& inner) {
    DerWriter out;
    out.Wrap(tag, inner);
    return out.Take();
  }
  // `critical`: 0 absent, else the octet of the BOOLEAN.
  static Bytes Extension(const char* oid, int critical, const Bytes& value) {
    DerWriter parts;
    parts.Oid(oid);
    if (critical != 0) parts.Value(der::kBoolean, Bytes{static_cast<uint8_t>(critical)});
    parts.Value(der::kOctetString, value);
    return Wrapped(der::kSequence, parts);
  }
  static Bytes Hex(const char* text) { return *FromHex(text); }

  Bytes Build(PrivateKey& signer, const Bytes& after = {}) const {
    DerWriter tbs;
    tbs.Raw(version);
    tbs.Raw(serial);
    tbs.Raw(algorithm);
    tbs.Raw(issuer);
    tbs.Raw(validity);
    tbs.Raw(subject);
    tbs.Raw(spki.empty() ? signer.public_key().spki() : spki);
    tbs.Raw(after_spki);
    if (!extensions.empty()) {
      DerWriter list;
      for (const Bytes& extension : extensions) list.Raw(extension);
      DerWriter sequence;
      sequence.Wrap(der::kSequence, list);
      tbs.Wrap(der::Context(3, true), sequence);
    }
    DerWriter parts;
    parts.Wrap(der::kSequence, tbs);
    const RawSignature signature = Must(signer.Sign(parts.bytes()));
    parts.Raw(outer_algorithm);
    Bytes bits{0};
    Append(bits, SignatureToDer(signature));
    parts.Value(der::kBitString, bits);
    parts.Raw(after);
    return Wrapped(der::kSequence, parts);
  }
};

// A folder that goes with the test, and the openssl program run in it.
class OpensslTool {
 public:
  OpensslTool() {
    std::string pattern = testing::TempDir() + "smki_pki_XXXXXX";
    SMKI_CHECK(::mkdtemp(pattern.data()) != nullptr);
    folder_ = pattern;
  }
  ~OpensslTool() {
    const auto names = PosixFiles().List(folder_);
    for (const std::string& name : *names) (void)PosixFiles().Remove(Path(name));
    ::rmdir(folder_.c_str());
  }
  std::string Path(const std::string& name) const { return folder_ + "/" + name; }
  void Write(const std::string& name, ByteSpan bytes) const {
    std::ofstream(Path(name), std::ios::binary)
        .write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  }
  void Write(const std::string& name, const std::string& text) const { Write(name, AsBytes(text)); }
  Bytes Read(const std::string& name) const { return Must(PosixFiles().Read(Path(name), 1 << 20)); }
  // Runs `openssl ARGUMENTS` inside the folder; true if it exits with 0.
  bool Run(const std::string& arguments) const {
    return std::system(("cd '" + folder_ + "' && openssl " + arguments + " >out.txt 2>&1").c_str()) == 0;
  }
  std::string Output() const { return ToString(Read("out.txt")); }

 private:
  std::string folder_;
};

}  // namespace smki::pki
