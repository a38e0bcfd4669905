// Changing who holds the shares of a key (docs/formats/custody-change.md), while the key is closed.
//
// The old custodians present as for an opening, to a request that names the change. Then a new secret is made and
// split, each new custodian fetches their share and shows it back, and only when the last of them has done so is the
// token's secret changed. Whatever ends it before that has changed nothing. A crash while it is changed leaves a token
// that opens with the old shares under the old policy or with the new shares under the new one, never with neither: the
// journal says "changing", both policies are accepted, and the opening that succeeds settles it (ConcludeCustody).
//
// Not thread-safe. Shares and secrets are zeroised with the object.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>

#include "base/file.h"
#include "base/random.h"
#include "hsm/signer/ceremony.h"
#include "hsm/signer/frames.h"
#include "hsm/signer/journal.h"
#include "hsm/signer/key_token.h"
#include "procedures/evidence/custody_change.h"

namespace smki::hsm {

// What of the signer a custody change works with.
struct CustodyParts {
  Random& random;
  FileSystem& files;
  std::string folder;                // the new policy and what proves it are written here
  std::string revocation_list_path;  // the newest list seen is kept here
  pki::PrivateKey& identity;
  const pki::Certificate& identity_certificate;
  Journal& journal;
};

class CustodyChanging {
 public:
  // Judges everything from the octets and asks the old custodians. `kept_list`: as for AdmitBundle.
  static StatusOr<std::unique_ptr<CustodyChanging>> Begin(CustodyParts parts, const BeginCustodyFrame& request,
                                                          const KeyTokens& tokens, ByteSpan kept_list, UtcTime now);

  // A share of an old custodian, then of a new one. What follows from the last of each is done before this returns.
  StatusOr<CeremonyFrame> Present(const PresentFrame& request, UtcTime now);
  CustodyFrame Describe(const std::string& person) const;
  CeremonyFrame frame() const { return ceremony().frame(false); }

  const procedures::CustodyChange& change() const { return admitted_.change; }
  const Digest& digest() const { return admitted_.digest; }
  const std::string& ceremony_id() const { return ceremony().request().id; }
  bool IsExpired(UtcTime now) const { return ceremony().IsExpired(now) || now > change().not_after; }
  // Nothing more can be done with it: carried out, or failed.
  bool over() const { return over_; }
  // The old secret is or was in this process's memory.
  bool offered() const { return offer_.has_value(); }
  // Records that it ends without having changed anything. Not after it is over.
  Status Abandon(const std::string& why, UtcTime now);

 private:
  // What there is once the old custodians have presented.
  struct Offer {
    Secret old_secret, new_secret;
    procedures::TrustPolicy policy;
    std::string policy_text;
    Digest policy_digest{};
    procedures::PolicyVerifier verifier;
    std::map<std::string, Bytes> envelopes;  // by person
    Ceremony ceremony;
  };
  CustodyChanging(CustodyParts parts, procedures::TrustPolicy policy, procedures::PolicyVerifier verifier,
                  procedures::AdmittedCustodyChange admitted, const BeginCustodyFrame& request, KeyToken& token,
                  Ceremony ceremony)
      : parts_(std::move(parts)),
        policy_(std::move(policy)),
        verifier_(std::move(verifier)),
        admitted_(std::move(admitted)),
        request_(request),
        token_(token),
        old_ceremony_(std::move(ceremony)) {}

  const Ceremony& ceremony() const { return offer_ ? offer_->ceremony : old_ceremony_; }
  AskedFor Asked() const;
  ledger::JournalCustody RecordOf(const std::string& stage, UtcTime now) const;
  Status Append(const ledger::JournalCustody& record);
  Status MakeOffer(UtcTime now);
  Status CarryOut(UtcTime now);
  Status WritePolicy() const;

  CustodyParts parts_;
  procedures::TrustPolicy policy_;  // in force
  procedures::PolicyVerifier verifier_;
  procedures::AdmittedCustodyChange admitted_;
  BeginCustodyFrame request_;
  KeyToken& token_;
  Ceremony old_ceremony_;
  std::optional<Offer> offer_;
  bool over_ = false;
};

// Now that a token is open, `opened` being what it obeys: settles an unfinished change of its key, if there is one, and
// lets its binding follow. The outcome is on record then.
Status ConcludeCustody(const CustodyParts& parts, KeyToken& token, const TokenBinding& opened, UtcTime now);

}  // namespace smki::hsm
