// What Devices shall hold under a new Root OCA Certificate (contingency): for each Trust Anchor Cell the certificate
// that the new hierarchy gave to whoever has that cell today. Pure.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "gbcs/credentials.h"
#include "orchestrator/settings.h"
#include "pki/certificate.h"
#include "repository/store/store.h"
#include "smki/estate/v1/estate.pb.h"

namespace smki::orchestrator {

// Devices of one type that shall hold the same certificates.
struct HierarchyGroup {
  std::string device_type;
  Eui64 supplier, network_operator;
  std::map<std::string, pki::Certificate> replacements;  // by cell
  std::vector<Eui64> devices;
};

class NewHierarchy {
 public:
  // The root, and the Issuing OCAs that the Repository has under it. CERTIFICATES_NOT_IN_REPOSITORY if there are none.
  static StatusOr<NewHierarchy> Find(const repository::Store& store, pki::Certificate root,
                                     const DirectionSettings& settings);

  // Every cell of every Device, as the Inventory records them. CERTIFICATES_NOT_IN_REPOSITORY names the first
  // organisation and cell for which the new hierarchy has issued nothing that is In Use.
  StatusOr<std::vector<HierarchyGroup>> GroupsOf(const std::vector<estate::v1::Device>& devices);
  // The certificate that the new hierarchy gave to `organisation` for its own cell; of two keyAgreement certificates
  // the elder serves management, the younger prepayment top-up (orchestrator/actions/replacements.h).
  StatusOr<pki::Certificate> CertificateFor(const gbcs::TrustAnchorCell& cell, Eui64 organisation);
  // By one of its Issuing OCAs, by name and key identifier.
  bool Issued(const pki::Certificate& certificate) const;
  const std::vector<pki::Certificate>& issuers() const { return issuers_; }

 private:
  NewHierarchy(const repository::Store& store, pki::Certificate root, const DirectionSettings& settings)
      : store_(&store), root_(std::move(root)), settings_(&settings) {}
  StatusOr<Eui64> HolderOf(const gbcs::TrustAnchorCell& cell, const estate::v1::Device& device) const;
  // In Use and issued by one of issuers_, elder first.
  StatusOr<const std::vector<pki::Certificate>*> CertificatesOf(Eui64 organisation);

  const repository::Store* store_;
  pki::Certificate root_;
  const DirectionSettings* settings_;
  std::vector<pki::Certificate> issuers_;
  std::map<Eui64, std::vector<pki::Certificate>> known_;
};

}  // namespace smki::orchestrator
