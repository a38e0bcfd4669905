// A fleet of a few Devices in a temporary folder, and commands for it.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "sim/fleet/fleet_store.h"
#include "tests/unit/sim/small_pki.h"

namespace smki::sim {

class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "smki-sim-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) std::abort();
    path_ = pattern;
  }
  ~TemporaryFolder() { std::filesystem::remove_all(path_); }
  TemporaryFolder(const TemporaryFolder&) = delete;
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

inline constexpr Eui64 kRecoveryParty(0x90B3D51F30000001);
inline constexpr Eui64 kSupplierParty(0x90B3D51F30010000);
inline constexpr Eui64 kBrokerParty(0x90B3D51F30000002);

class SmallFleet {
 public:
  SmallFleet()
      : recovery_key(Must(pki::PrivateKey::Generate())),
        supplier_key(Must(pki::PrivateKey::Generate())),
        broker_key(Must(pki::PrivateKey::Generate())),
        new_supplier(pki.Organisation(gbcs::Role::kSupplier, kSupplierParty, gbcs::KeyUsage::kDigitalSignature)) {
    cells[*gbcs::TrustAnchorCell::Parse("root/keyCertSign")] = Anchor::FromCertificate(pki.root);
    cells[*gbcs::TrustAnchorCell::Parse("recovery/digitalSignature")] = Anchor::FromCertificate(pki.Organisation(
        gbcs::Role::kRecovery, kRecoveryParty, gbcs::KeyUsage::kDigitalSignature, recovery_key.public_key()));
    cells[kSupplierCell] = Anchor::FromCertificate(pki.Organisation(
        gbcs::Role::kSupplier, kSupplierParty, gbcs::KeyUsage::kDigitalSignature, supplier_key.public_key()));
    cells[*gbcs::TrustAnchorCell::Parse("accessControlBroker/keyAgreement")] = Anchor::FromCertificate(pki.Organisation(
        gbcs::Role::kAccessControlBroker, kBrokerParty, gbcs::KeyUsage::kKeyAgreement, broker_key.public_key()));
  }

  static Eui64 Device(int index) { return Eui64(0x00DB123456000000 + static_cast<uint64_t>(index)); }

  void Fill(FleetStore& store, int count) {
    Transaction transaction = Must(store.Begin());
    for (int i = 0; i < count; ++i) {
      DeviceState state;
      state.eui = Device(i);
      state.type = "ESME";
      state.cells = cells;
      const pki::PrivateKey key = Must(pki::PrivateKey::Generate());
      keys.push_back(key.public_key());
      const pki::PrivateKey agreement = Must(pki::PrivateKey::Generate());
      agreement_keys.push_back(agreement.public_key());
      EXPECT_TRUE(store.Add({state.eui, "ESME", kSupplierParty, Eui64(9), "Commissioned"}, state, key, agreement).ok());
    }
    EXPECT_TRUE(store.Commit(std::move(transaction)).ok());
  }

  Bytes Command(int device, uint64_t counter) {
    gbcs::CommandPayload payload;
    payload.authorising_cell = gbcs::TrustAnchorCell::Parse("recovery/digitalSignature");
    payload.seq_number = counter;
    payload.replacements = {{new_supplier.der(), kSupplierCell}};
    payload.path_certificates = {pki.issuing.der()};
    gbcs::Message message;
    message.originator = kRecoveryParty;
    message.recipient = Device(device);
    message.originator_counter = counter;
    message.message_code = gbcs::kAnyExceptAbnormalRootByRecoveryCode;
    message.payload = gbcs::EncodeCommandPayload(payload);
    message.signature = Must(recovery_key.Sign(gbcs::SignedOctets(message)));
    return gbcs::EncodeMessage(message);
  }

  // The supplier's own, without the broker's MAC.
  Bytes PreCommand(int device, uint64_t counter) {
    gbcs::CommandPayload payload;
    payload.mode = gbcs::Mode::kSupplierBySupplier;
    payload.authorising_cell = kSupplierCell;
    payload.seq_number = counter;
    payload.replacements = {{new_supplier.der(), kSupplierCell}};
    payload.path_certificates = {pki.issuing.der()};
    gbcs::Message message;
    message.originator = kSupplierParty;
    message.recipient = Device(device);
    message.originator_counter = counter;
    message.message_code = gbcs::MessageCodeOf(payload.mode);
    message.payload = gbcs::EncodeCommandPayload(payload);
    message.signature = Must(supplier_key.Sign(gbcs::SignedOctets(message)));
    return gbcs::EncodeMessage(message);
  }

  static constexpr gbcs::TrustAnchorCell kSupplierCell{gbcs::Role::kSupplier, gbcs::KeyUsage::kDigitalSignature,
                                                       gbcs::CellUsage::kManagement};
  SmallPki pki;
  pki::PrivateKey recovery_key, supplier_key, broker_key;
  pki::Certificate new_supplier;
  std::map<gbcs::TrustAnchorCell, AnchorPtr> cells;
  std::vector<pki::PublicKey> keys, agreement_keys;
};

}  // namespace smki::sim
