// The Issuing OCA as a drill needs it: issues Organisation Certificates on PKCS#10, revokes, and publishes the
// Repository's files (DOMAIN.md sections 4 and 5). What it answered once it answers again: its state is durable before
// it answers.
//
// Everything on the executor's thread.
#pragma once

#include <memory>
#include <string>

#include "base/clock.h"
#include "base/random.h"
#include "pki/certificate.h"
#include "repository/record.h"
#include "sim/store/database.h"

namespace smki::sim {

// An Eligible Subscriber: who may have which certificates.
struct Party {
  std::string id;  // supplier-a
  Eui64 eui;
  uint8_t role = 0;  // RemotePartyRole
};

class AuthorityState {
 public:
  static StatusOr<std::unique_ptr<AuthorityState>> Create(const std::string& path);
  static StatusOr<std::unique_ptr<AuthorityState>> Open(const std::string& path);

  StatusOr<Transaction> Begin() { return Transaction::Begin(database_); }
  Status AddParty(const Party& party);
  StatusOr<std::optional<Party>> FindParty(Eui64 eui);
  StatusOr<std::optional<Party>> FindParty(const std::string& id);
  StatusOr<bool> IsParty(const std::string& id);

  // `file_date` is the date of the extract file it is in; empty: it waits for the next delta. `request` is the digest
  // of the PKCS#10 it answers, zeros if there was none.
  Status AddCertificate(const pki::Certificate& certificate, repository::CertificateKind kind,
                        const std::string& file_date, const Digest& request, const std::string& subscriber);
  StatusOr<std::optional<pki::Certificate>> FindByRequest(const Digest& request);

  struct Known {
    pki::Certificate certificate;
    repository::CertificateKind kind = repository::CertificateKind::kOrganisation;
    repository::CertificateStatus status = repository::CertificateStatus::kInUse;
  };
  StatusOr<std::optional<Known>> FindBySerial(ByteSpan serial);
  // It waits for the next delta, revoked.
  Status MarkRevoked(ByteSpan serial, UtcTime time, int reason);
  // What the extract file of `file_date` has told of it (superseded, if it is revoked).
  Status SetStatus(ByteSpan serial, repository::CertificateStatus status, UtcTime time, const std::string& file_date);
  StatusOr<std::vector<pki::Revoked>> Revocations();

  // Puts all that waits into the delta of `date`; gives how many there were.
  StatusOr<uint64_t> Assign(const std::string& date);
  StatusOr<std::vector<Known>> AssignedTo(const std::string& date);

  StatusOr<std::string> Setting(const std::string& name);  // empty if it was never set
  Status Set(const std::string& name, const std::string& value);

 private:
  explicit AuthorityState(Database database) : database_(std::move(database)) {}
  StatusOr<std::vector<Known>> ReadKnown(Statement& query);
  Database database_;
};

// Names of settings.
inline constexpr char kLastDelta[] = "last-delta";        // date of the newest delta, YYYY-MM-DD
inline constexpr char kPendingDelta[] = "pending-delta";  // date of a delta begun and not known to be finished
inline constexpr char kCrlNumber[] = "crl-number";

class Authority {
 public:
  // All must outlive it. `issuing` is the Issuing OCA's name and key; files go to the folder `extracts`.
  Authority(AuthorityState& state, pki::IssuerIdentity issuing, std::string extracts, Clock& clock, Random& random)
      : state_(state),
        issuing_(std::move(issuing)),
        revoking_(issuing_),
        extracts_(std::move(extracts)),
        clock_(clock),
        random_(random) {}
  // From now on another Issuing OCA issues; what was issued before is still revoked by the first.
  void IssueFrom(pki::IssuerIdentity next) { issuing_ = std::move(next); }

  // Checks proof of possession, the party's EUI-64 and role, and that exactly one of digitalSignature and keyAgreement
  // is asked for. The same octets again give the same certificate. `caller` is the transport identity: a party asks for
  // itself only, anybody who is no party (the DCC) for all.
  StatusOr<pki::Certificate> SubmitRequest(ByteSpan pkcs10, const std::string& subscriber, const std::string& caller);
  // Whose EUI-64 it is; nothing if it is nobody's.
  StatusOr<std::optional<Party>> FindParty(Eui64 eui) { return state_.FindParty(eui); }
  // The party of this name, which is also its transport identity.
  StatusOr<std::optional<Party>> FindParty(const std::string& id) { return state_.FindParty(id); }
  // Revoking again changes nothing.
  Status Revoke(ByteSpan serial, int reason);

  struct PublishedList {
    std::string file;
    Bytes der;
  };
  StatusOr<PublishedList> PublishRevocationList();
  struct PublishedDelta {
    std::string file;  // empty: there was nothing to tell
    uint64_t certificates = 0;
  };
  StatusOr<PublishedDelta> PublishDelta();

 private:
  // The date of the delta to write; empty if there is nothing to tell.
  StatusOr<std::string> BeginDelta();

  AuthorityState& state_;
  pki::IssuerIdentity issuing_;
  const pki::IssuerIdentity revoking_;
  const std::string extracts_;
  Bytes NextSerial();

  int64_t newest_serial_ms_ = 0;
  Clock& clock_;
  Random& random_;
};

// The file of the newest Organisation CRL and ARL in the extracts folder.
inline constexpr char kOrganisationCrlFile[] = "SMKI_ORGANISATION_CRL.crl.gz";
inline constexpr char kOrganisationArlFile[] = "SMKI_ORGANISATION_ARL.crl.gz";

}  // namespace smki::sim
