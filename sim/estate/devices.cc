#include "sim/estate/devices.h"

#include <algorithm>
#include <future>

#include "sim/authority/profile.h"
#include "sim/fleet/cells.h"

namespace smki::sim {
namespace {

using repository::CertificateKind;
using repository::CertificateStatus;

constexpr size_t kBlock = 2048;
constexpr Millis kDay = std::chrono::hours(24);
constexpr Millis kRenewalBefore = 900 * kDay;

struct MadeDevice {
  pki::PrivateKey key, agreement;
  pki::Certificate sign, agree;
  std::optional<pki::Certificate> earlier;
};

StatusOr<MadeDevice> MakeDevice(const DevicePlan& plan, const pki::IssuerIdentity& issuer, UtcTime file_day,
                                Random& random) {
  const UtcTime not_before = file_day - plan.age_days * kDay;
  SMKI_ASSIGN_OR_RETURN(pki::PrivateKey key, pki::PrivateKey::Generate());
  SMKI_ASSIGN_OR_RETURN(pki::PrivateKey agreement, pki::PrivateKey::Generate());
  SMKI_ASSIGN_OR_RETURN(pki::Certificate sign,
                        pki::IssueDeviceCertificate(issuer, plan.eui, key.public_key(), pki::kDigitalSignature,
                                                    NewSerial(random), not_before));
  SMKI_ASSIGN_OR_RETURN(pki::Certificate agree,
                        pki::IssueDeviceCertificate(issuer, plan.eui, agreement.public_key(), pki::kKeyAgreement,
                                                    NewSerial(random), not_before));
  MadeDevice out{std::move(key), std::move(agreement), std::move(sign), std::move(agree), std::nullopt};
  if (plan.renewed) {
    SMKI_ASSIGN_OR_RETURN(const pki::PrivateKey earlier, pki::PrivateKey::Generate());
    SMKI_ASSIGN_OR_RETURN(out.earlier,
                          pki::IssueDeviceCertificate(issuer, plan.eui, earlier.public_key(), pki::kDigitalSignature,
                                                      NewSerial(random), not_before - kRenewalBefore));
  }
  return out;
}

StatusOr<std::vector<MadeDevice>> MakeSome(std::span<const DevicePlan> plans, const pki::IssuerIdentity& issuer,
                                           const ExtractSet& extracts, Random& random) {
  std::vector<MadeDevice> out;
  out.reserve(plans.size());
  for (const DevicePlan& plan : plans) {
    SMKI_ASSIGN_OR_RETURN(MadeDevice made, MakeDevice(plan, issuer, extracts.DayOf(plan.file), random));
    out.push_back(std::move(made));
  }
  return out;
}

// One block, shared among the signers, in order. `random` must serve several threads.
StatusOr<std::vector<MadeDevice>> MakeBlock(std::span<const DevicePlan> plans, const std::vector<pki::Signer*>& signers,
                                            const Bytes& name, const ExtractSet& extracts, Random& random) {
  const size_t share = (plans.size() + signers.size() - 1) / signers.size();
  std::vector<std::future<StatusOr<std::vector<MadeDevice>>>> parts;
  for (size_t i = 0; i < signers.size() && i * share < plans.size(); ++i) {
    const auto part = plans.subspan(i * share, std::min(share, plans.size() - i * share));
    parts.push_back(std::async(std::launch::async, [part, signer = signers[i], &name, &extracts, &random] {
      return MakeSome(part, {signer, name}, extracts, random);
    }));
  }
  std::vector<MadeDevice> out;
  Status status;
  for (auto& part : parts) {
    auto made = part.get();
    if (!made.ok()) {
      status = made.status();
      continue;
    }
    std::move(made->begin(), made->end(), std::back_inserter(out));
  }
  if (!status.ok()) return status;
  return out;
}

// What the cells of a Device hold when it leaves the installer.
class FirstCells {
 public:
  FirstCells(const Organisations& organisations, const pki::Certificate& root) : root_(Anchor::FromCertificate(root)) {
    for (const auto& [party, certificates] : organisations.current) {
      for (const auto& [cell, certificate] : certificates) anchors_[party][cell] = Anchor::FromCertificate(certificate);
    }
  }
  std::map<gbcs::TrustAnchorCell, AnchorPtr> Of(const DevicePlan& plan) const {
    std::map<gbcs::TrustAnchorCell, AnchorPtr> out;
    for (const gbcs::TrustAnchorCell& cell : FindDeviceType(plan.type)->cells) {
      out[cell] = cell.role == gbcs::Role::kRoot ? root_ : anchors_.at(PartyFor(plan, cell.role)).at(cell);
    }
    return out;
  }

 private:
  static std::string PartyFor(const DevicePlan& plan, gbcs::Role role) {
    if (role == gbcs::Role::kSupplier) return plan.supplier;
    if (role == gbcs::Role::kNetworkOperator) return plan.network_operator;
    for (const PartyPlan& party : PlannedParties()) {
      if (party.role == role) return party.party.id;
    }
    return {};
  }
  AnchorPtr root_;
  std::map<std::string, std::map<gbcs::TrustAnchorCell, AnchorPtr>> anchors_;
};

Status Store(const DevicePlan& plan, const MadeDevice& made, const FirstCells& cells, FleetStore& fleet,
             ExtractSet& extracts) {
  DeviceState state;
  state.eui = plan.eui;
  state.type = plan.type;
  state.cells = cells.Of(plan);
  const Enrolment enrolment{plan.eui, plan.type, FindPartyPlan(plan.supplier)->party.eui,
                            FindPartyPlan(plan.network_operator)->party.eui, "Commissioned"};
  SMKI_RETURN_IF_ERROR(fleet.Add(enrolment, state, made.key, made.agreement));
  SMKI_RETURN_IF_ERROR(extracts.Add(plan.file, made.sign, CertificateKind::kDevice, CertificateStatus::kInUse));
  SMKI_RETURN_IF_ERROR(extracts.Add(plan.file, made.agree, CertificateKind::kDevice, CertificateStatus::kInUse));
  if (!made.earlier) return OkStatus();
  SMKI_RETURN_IF_ERROR(extracts.Add(0, *made.earlier, CertificateKind::kDevice, CertificateStatus::kInUse));
  return extracts.Add(1 + static_cast<int>(plan.eui.value() % kDeltas), *made.earlier, CertificateKind::kDevice,
                      CertificateStatus::kNotInUse);
}

}  // namespace

Status MakeDevices(const EstatePlan& plan, const Organisations& organisations, const pki::Certificate& root_oca,
                   const std::vector<pki::Signer*>& issuing_dca, const Bytes& name, FleetStore& fleet,
                   ExtractSet& extracts, Random& random) {
  const FirstCells cells(organisations, root_oca);
  const std::span<const DevicePlan> all(plan.fleet);
  SMKI_ASSIGN_OR_RETURN(Transaction transaction, fleet.Begin());
  for (size_t at = 0; at < all.size(); at += kBlock) {
    const auto block = all.subspan(at, std::min(kBlock, all.size() - at));
    SMKI_ASSIGN_OR_RETURN(const std::vector<MadeDevice> made, MakeBlock(block, issuing_dca, name, extracts, random));
    for (size_t i = 0; i < block.size(); ++i) {
      SMKI_RETURN_IF_ERROR(Store(block[i], made[i], cells, fleet, extracts));
    }
  }
  return fleet.Commit(std::move(transaction));
}

}  // namespace smki::sim
