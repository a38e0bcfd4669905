// authority.revoke-replaced and authority.publish-crl: what makes the old certificates worthless for everybody else.
#include <deque>
#include <set>

#include "orchestrator/actions/action.h"
#include "orchestrator/actions/directed_use.h"
#include "orchestrator/actions/hierarchy.h"
#include "orchestrator/actions/holder.h"
#include "orchestrator/actions/new_hierarchy.h"
#include "pki/digest.h"
#include "proto/rpc/channel.h"
#include "smki/estate/v1/estate.pb.h"

namespace smki::orchestrator {
namespace {

constexpr Millis kCallDeadline{30000};
constexpr Millis kRetryDelay{1000};
constexpr int kKeyCompromise = 1, kCessationOfOperation = 5;  // RFC 5280 CRLReason

bool Passing(const Status& status) {
  return ReasonOf(status).empty() &&
         (status.code() == StatusCode::kUnavailable || status.code() == StatusCode::kDeadlineExceeded);
}

// Revoking again changes nothing, so after a crash it begins from the first.
class RevokeAction : public Action {
 public:
  using Action::Action;

  void Start() override {
    const Status found = Find();
    if (!found.ok()) return Fail(found);
    Next();
  }

 private:
  // Contingency: everything In Use of the directed organisations that the new hierarchy did not issue.
  Status FindHierarchy() {
    SMKI_ASSIGN_OR_RETURN(const auto root, AcceptedRoot(core().book, incident()));
    if (!root) return FailedPrecondition("no new Root OCA Certificate was accepted from its key ceremony");
    SMKI_ASSIGN_OR_RETURN(const DirectedUse use, LoadDirectedUse(core().book, incident()));
    SMKI_ASSIGN_OR_RETURN(const auto store, core().repository.Current());
    SMKI_ASSIGN_OR_RETURN(const NewHierarchy hierarchy, NewHierarchy::Find(*store, *root, core().site.direction));
    std::set<Eui64> organisations;
    for (const auto& [digest, der] : use.certificates) {
      SMKI_ASSIGN_OR_RETURN(const pki::Certificate certificate, pki::Certificate::Parse(der));
      if (certificate.subject_eui) organisations.insert(*certificate.subject_eui);
    }
    for (const Eui64 organisation : organisations) {
      SMKI_ASSIGN_OR_RETURN(const auto records, store->ByEui(organisation));
      for (const repository::CertificateRecord& record : records) {
        if (record.kind != repository::CertificateKind::kOrganisation ||
            record.status != repository::CertificateStatus::kInUse)
          continue;
        SMKI_ASSIGN_OR_RETURN(pki::Certificate certificate, pki::Certificate::Parse(record.der));
        if (!hierarchy.Issued(certificate)) left_.push_back(std::move(certificate));
      }
    }
    return OkStatus();
  }
  Status Find() {
    if (incident().runbook.key == "contingency") return FindHierarchy();
    SMKI_ASSIGN_OR_RETURN(const Eui64 organisation, OrganisationOf(incident().state));
    SMKI_ASSIGN_OR_RETURN(const UtcTime compromised, CompromiseOf(incident().state));
    SMKI_ASSIGN_OR_RETURN(const auto store, core().repository.Current());
    SMKI_ASSIGN_OR_RETURN(const auto records, store->ByEui(organisation));
    SMKI_ASSIGN_OR_RETURN(const std::vector<pki::Certificate> old,
                          ReplacedCertificates(records, compromised, RoleOf(records)));
    left_.assign(old.begin(), old.end());
    return OkStatus();
  }
  void Next() {
    if (left_.empty()) {
      return Succeed(fmt::format("{} certificates revoked: {}", serials_.size(), fmt::join(serials_, ", ")),
                     {{"revoked", fmt::format("{}", serials_.size())}});
    }
    estate::v1::RevokeRequest request;
    request.set_serial(ToString(left_.front().serial));
    // Whose Devices passed to another party has not lost a key: it has no use for it any more.
    request.set_reason(incident().state.facts.contains("successor") ? kCessationOfOperation : kKeyCompromise);
    rpc::Call<estate::v1::RevokeResponse>(core().outside.estate, "/smki.estate.v1.CertificateAuthority/Revoke", request,
                                          kCallDeadline, Guard([this](StatusOr<estate::v1::RevokeResponse> response) {
                                            if (!response.ok() && Passing(response.status()))
                                              return After(kRetryDelay, [this] { Next(); });
                                            if (!response.ok()) return Fail(response.status());
                                            serials_.push_back(left_.front().SerialHex());
                                            left_.pop_front();
                                            Next();
                                          }));
  }

  std::deque<pki::Certificate> left_;
  std::vector<std::string> serials_;
};

class PublishCrlAction : public Action {
 public:
  using Action::Action;

  void Start() override {
    rpc::Call<estate::v1::PublishRevocationListResponse>(
        core().outside.estate, "/smki.estate.v1.CertificateAuthority/PublishRevocationList",
        estate::v1::PublishRevocationListRequest(), kCallDeadline,
        Guard([this](StatusOr<estate::v1::PublishRevocationListResponse> response) {
          if (!response.ok() && Passing(response.status())) return After(kRetryDelay, [this] { Start(); });
          if (!response.ok()) return Fail(response.status());
          const auto list = pki::ParseRevocationList(AsBytes(response->revocation_list()));
          if (!list.ok()) return Fail(list.status());
          Succeed(
              fmt::format("{}: number {} with {} certificates", response->file(), list->number, list->revoked.size()),
              {{"crl.number", fmt::format("{}", list->number)},
               {"crl.digest", ToHex(pki::Sha256(AsBytes(response->revocation_list())))}});
        }));
  }
};

}  // namespace

std::unique_ptr<Action> MakeAuthorityAction(Action::Context context) {
  if (context.step.action == "authority.revoke-replaced") return std::make_unique<RevokeAction>(std::move(context));
  if (context.step.action == "authority.publish-crl") return std::make_unique<PublishCrlAction>(std::move(context));
  return nullptr;
}

}  // namespace smki::orchestrator
