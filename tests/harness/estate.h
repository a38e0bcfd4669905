// A generated estate in a folder of its own, and everything an insider could take from it: tests attack with it.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "pki/certificate.h"
#include "pki/cms.h"
#include "pki/digest.h"
#include "pki/key.h"
#include "procedures/direction.h"
#include "procedures/documents.h"
#include "procedures/policy.h"
#include "procedures/population.h"

namespace smki::test {

struct PersonKeys {
  pki::PrivateKey sign, agree;
  pki::Certificate sign_certificate, agree_certificate;
};

// What goes into Keyguard.Prepare. Tests alter one thing at a time.
struct Bundle {
  std::string incident;
  std::string key = "recovery";
  procedures::Direction direction;
  std::string text;  // of the Direction
  std::vector<Bytes> approvals;
  std::map<std::string, Bytes> populations;  // files by group
  std::vector<Bytes> certificates;           // DER
  std::string policy;
  Bytes revocation_list;

  Digest digest() const { return pki::Sha256(text); }
};

class Estate {
 public:
  // A private copy of the estate that CTest's fixture generated once, with ports of its own. The
  // folder goes when the object does, unless the test failed.
  static std::unique_ptr<Estate> Copy();
  ~Estate();

  const std::string& dir() const { return dir_; }
  std::string Path(const std::string& relative) const { return dir_ + "/" + relative; }
  std::string Read(const std::string& relative) const;
  Bytes ReadBytes(const std::string& relative) const;
  void Write(const std::string& relative, const std::string& text) const;

  const procedures::TrustPolicy& policy() const { return policy_; }
  const std::string& policy_text() const { return policy_text_; }
  PersonKeys& person(const std::string& id);
  pki::Certificate Certificate(const std::string& relative) const;
  // The organisation's certificate with this role and usage from the extracts; `nth` newest.
  pki::Certificate Organisation(Eui64 eui, uint8_t role, uint16_t usage) const;
  // digitalSignature certificates of the estate's Devices, by increasing EUI-64.
  const std::map<Eui64, pki::Certificate>& devices() const { return devices_; }

  // A Direction that holds in every respect: two groups (ESME, GPF) of `devices` Devices each, supplier cells, approved
  // by three members. `serial` gives it its own id, nonce and counter range.
  Bundle MakeBundle(int serial = 1, uint64_t devices = 4);
  // Renders the Direction again after a change and has it approved again by `members`.
  void Reapprove(Bundle& bundle, const std::vector<std::string>& members = {"anna.pma", "bruno.pma", "carla.pma"});
  Bytes Approve(const std::string& text, const std::string& direction_id, const std::string& member);
  // Replaces a group's population file and its digest in the Direction (not yet re-approved).
  void SetPopulation(Bundle& bundle, size_t group, std::vector<Eui64> devices, bool redirect = true);

 private:
  std::string dir_;
  std::string policy_text_;
  procedures::TrustPolicy policy_;
  std::map<std::string, std::unique_ptr<PersonKeys>> people_;
  std::vector<pki::Certificate> organisations_;
  std::map<Eui64, pki::Certificate> devices_;
};

// The build folder: SMKI_BUILD, set by CTest.
std::string BuildFolder();

// Devices of test groups: 00-DB-12-34-56-F<group>-xx-xx.
Eui64 TestDevice(int group, uint64_t index);

[[noreturn]] void Fatal(const char* what, const Status& status);

// The value of a StatusOr; ends the test with a readable message if there is none.
template <typename T>
T Must(const char* what, StatusOr<T> value) {
  if (!value.ok()) Fatal(what, value.status());
  return std::move(value).value();
}
#define SMKI_MUST(expr) ::smki::test::Must(#expr, expr)

}  // namespace smki::test
