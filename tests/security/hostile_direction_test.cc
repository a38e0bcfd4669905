// A taken orchestrator drafts the Directions. The PMA's members are tired and sign what they are shown, or it alters
// what they signed: the signer still admits nothing that breaks a rule, or that was not signed.
#include <algorithm>

#include "base/clock.h"
#include "base/random.h"
#include "procedures/documents.h"
#include "tests/security/hostile.h"

namespace smki::test {
namespace {

using Bend = std::function<void(Bundle&, TakenOrchestrator&)>;
using procedures::DirectedFloor;

const Eui64 kRecovery(0x90B3D51F30000001);
const Eui64 kSupplierA(0x90B3D51F30010000);
const Eui64 kSupplierB(0x90B3D51F30030000);
const Eui64 kNetworkA(0x90B3D51F30020000);
constexpr Millis kDay{24 * 3600 * 1000};

// Drafted so, and signed by a quorum.
Attack Draft(const std::string& name, const std::string& code, const std::string& says, const Bend& bend) {
  return {name, code, says, [bend](TakenOrchestrator& host) {
            Bundle bundle = host.MakeBundle();
            bend(bundle, host);
            host.estate().Reapprove(bundle);
            return host.keyguard().Prepare(bundle).status();
          }};
}
// Altered after the quorum signed.
Attack Alter(const std::string& name, const std::string& code, const std::string& says, const Bend& bend) {
  return {name, code, says, [bend](TakenOrchestrator& host) {
            Bundle bundle = host.MakeBundle();
            bend(bundle, host);
            return host.keyguard().Prepare(bundle).status();
          }};
}
// The same, with the text rendered again.
Attack AlterText(const std::string& name, const std::string& code, const std::string& says, const Bend& bend) {
  return Alter(name, code, says, [bend](Bundle& bundle, TakenOrchestrator& host) {
    bend(bundle, host);
    bundle.text = procedures::RenderDirection(bundle.direction);
  });
}
// A change of the text itself, which a quorum signs.
Attack Rewrite(const std::string& name, const std::string& code, const std::string& says, const std::string& from,
               const std::string& to) {
  return Alter(name, code, says, [from, to](Bundle& bundle, TakenOrchestrator& host) {
    const size_t at = bundle.text.find(from);
    if (at == std::string::npos) Fatal("Rewrite", NotFound("'{}' is not in the Direction", from));
    bundle.text.replace(at, from.size(), to);
    bundle.approvals.clear();
    for (const char* member : {"anna.pma", "bruno.pma", "carla.pma"})
      bundle.approvals.push_back(host.estate().Approve(bundle.text, bundle.direction.id, member));
  });
}

procedures::DirectedGroup& Esme(Bundle& bundle) {
  return bundle.direction.groups[0];
}

// Puts a certificate among the materials and into a cell of the first group.
void Put(Bundle& bundle, size_t cell, const pki::Certificate& certificate) {
  bundle.certificates.push_back(certificate.der());
  Esme(bundle).replacements[cell].certificate = certificate.sha256();
}
void PutPath(Bundle& bundle, const std::vector<pki::Certificate>& path) {
  Esme(bundle).path_certificates.clear();
  for (const pki::Certificate& certificate : path) {
    bundle.certificates.push_back(certificate.der());
    Esme(bundle).path_certificates.push_back(certificate.sha256());
  }
}

// An authority of the attacker's own, which calls itself what the genuine issuing authority is called.
struct Forger {
  pki::PrivateKey key = SMKI_MUST(pki::PrivateKey::Generate());
  pki::PrivateKey subject_key = SMKI_MUST(pki::PrivateKey::Generate());
  UtcTime now{SystemClock().Now().ms / 1000 * 1000};

  pki::Certificate Organisation(const pki::Certificate& issuing, uint8_t role, Eui64 eui, pki::KeyUsageBits usage) {
    return SMKI_MUST(pki::IssueOrganisationCertificate({&key, issuing.subject}, {"", role, eui},
                                                       subject_key.public_key(), usage, SystemRandom().Take(16),
                                                       now - kDay, now + kDay));
  }
  pki::Certificate SelfSigned(const std::string& name) {
    const pki::AuthoritySubject subject{name, "07"};
    return SMKI_MUST(pki::IssueAuthorityCertificate({&key, pki::AuthorityName(subject)}, subject, key.public_key(), 0,
                                                    pki::kOrganisationPolicy, SystemRandom().Take(16), now - kDay,
                                                    now + kDay));
  }
};

pki::Certificate Issuing(TakenOrchestrator& host) {
  return host.estate().Certificate("authority/issuing-oca.pem");
}

Bytes RevocationList(TakenOrchestrator& host, UtcTime from, UtcTime to) {
  pki::PrivateKey authority =
      SMKI_MUST(pki::PrivateKey::FromPem(host.estate().Read("policy/persons-authority.key.pem")));
  const pki::Certificate issuer = host.estate().Certificate("policy/persons-authority.crt.pem");
  return SMKI_MUST(pki::IssueRevocationList({&authority, issuer.subject}, 7, from, to, {})).der;
}

Bytes ApproveAt(TakenOrchestrator& host, const Bundle& bundle, const std::string& member, UtcTime when) {
  PersonKeys& keys = host.estate().person(member);
  return SMKI_MUST(pki::SignDetached(AsBytes(bundle.text), keys.sign, keys.sign_certificate, when,
                                     procedures::ApprovalHint(bundle.direction.id)));
}

class DirectionAttacks : public Attacks {};

TEST_P(DirectionAttacks, I1_IsRepelled) {
  ExpectRepelled(GetParam());
}

const char kMalformed[] = "DIRECTION_MALFORMED";

const Attack kFloors[] = {
    Draft("AuthorisingFloorWithoutANewRecoveryKey", kMalformed, "authorisingFloor is only for a new key",
          [](Bundle& b, TakenOrchestrator&) { Esme(b).authorising_floor = 1; }),
    Draft("FloorOfARoleThatIsNotReplaced", kMalformed, "no cell of this role is replaced",
          [](Bundle& b, TakenOrchestrator&) {
            Esme(b).floors.push_back({"networkOperator", 0, {}});
          }),
    Draft("FloorOfTheRecoveryRole", kMalformed, "recovery and root have no floor",
          [](Bundle& b, TakenOrchestrator&) {
            Esme(b).floors.push_back({"recovery", 0, {}});
          }),
    Draft("FloorOfTheRootRole", kMalformed, "recovery and root have no floor",
          [](Bundle& b, TakenOrchestrator&) {
            Esme(b).floors.push_back({"root", 0, {}});
          }),
    Draft("FloorGivenTwice", kMalformed, "given twice",
          [](Bundle& b, TakenOrchestrator&) {
            Esme(b).floors.push_back({"supplier", 9, {}});
          }),
    Draft("FloorTooHighForAnyCounter", kMalformed, "must be from 0 to 9223372036854775807",
          [](Bundle& b, TakenOrchestrator&) { Esme(b).floors[0].floor = UINT64_MAX; }),
    Draft("TopUpFloorTooHigh", kMalformed, "prepaymentTopUp",
          [](Bundle& b, TakenOrchestrator&) { Esme(b).floors[0].prepayment_top_up = UINT64_MAX; }),
    Rewrite("FloorTooLow", "DIRECTION_NOT_CANONICAL", "line", "floor: 0", "floor: -1"),
    Draft("TopUpFloorOfANetworkOperator", kMalformed, "only the supplier has a prepayment top-up floor",
          [](Bundle& b, TakenOrchestrator& host) {
            const auto network = host.estate().Organisation(kNetworkA, 3, pki::kDigitalSignature);
            Esme(b).replacements.insert(Esme(b).replacements.begin(),
                                        {"networkOperator/digitalSignature", network.sha256()});
            Esme(b).floors.push_back({"networkOperator", 0, 5});
          }),
};

const Attack kCells[] = {
    Draft("ACellTwice", kMalformed, "cells stand in increasing order, each once",
          [](Bundle& b, TakenOrchestrator&) {
            Esme(b).replacements.insert(Esme(b).replacements.begin(), Esme(b).replacements[0]);
          }),
    Draft("CellsOutOfOrder", kMalformed, "cells stand in increasing order",
          [](Bundle& b, TakenOrchestrator&) { std::swap(Esme(b).replacements[0], Esme(b).replacements[1]); }),
    Draft("ACellThatIsNone", kMalformed, "is no trust anchor cell",
          [](Bundle& b, TakenOrchestrator&) { Esme(b).replacements[0].cell = "supplier/anything"; }),
    Draft("NoCell", kMalformed, "replacements must be from 1",
          [](Bundle& b, TakenOrchestrator&) { Esme(b).replacements.clear(); }),
    Draft("ThirtyThreeCells", kMalformed, "replacements must be from 1 to 32",
          [](Bundle& b, TakenOrchestrator&) { Esme(b).replacements.resize(33, Esme(b).replacements[0]); }),
    Draft("OneSuppliersSignatureKeyBesideAnothersAgreementKey", "CERTIFICATE_NOT_FOR_CELL", "other supplier cells",
          [](Bundle& b, TakenOrchestrator& host) {
            Put(b, 1, host.estate().Organisation(kSupplierB, 2, pki::kKeyAgreement));
          }),
    Draft("AnAgreementKeyInASignatureCell", "CERTIFICATE_NOT_FOR_CELL", "its key usage is not digitalSignature",
          [](Bundle& b, TakenOrchestrator&) {
            Esme(b).replacements[0].certificate = Esme(b).replacements[1].certificate;
          }),
    Draft("ASignatureKeyInAnAgreementCell", "CERTIFICATE_NOT_FOR_CELL", "its key usage is not keyAgreement",
          [](Bundle& b, TakenOrchestrator&) {
            Esme(b).replacements[1].certificate = Esme(b).replacements[0].certificate;
          }),
    Draft("TheRecoveryCertificateInASuppliersCell", "CERTIFICATE_NOT_FOR_CELL", "its role is 01",
          [](Bundle& b, TakenOrchestrator& host) {
            Put(b, 0, host.estate().Organisation(kRecovery, 1, pki::kDigitalSignature));
          }),
    Draft("AnAuthoritysCertificateInASuppliersCell", "CERTIFICATE_NOT_FOR_CELL", "not an Organisation Certificate",
          [](Bundle& b, TakenOrchestrator& host) { Put(b, 0, Issuing(host)); }),
    Draft("APersonsCertificateInASuppliersCell", "CERTIFICATE_NOT_FOR_CELL", "not an Organisation Certificate",
          [](Bundle& b, TakenOrchestrator& host) { Put(b, 0, host.estate().person("anna.pma").sign_certificate); }),
    Draft("ASupplierCertificateOfItsOwnMaking", "CERTIFICATE_PATH_INVALID", "",
          [](Bundle& b, TakenOrchestrator& host) {
            Put(b, 0, Forger().Organisation(Issuing(host), 2, kSupplierA, pki::kDigitalSignature));
          }),
    Draft("OctetsThatAreNoCertificate", "CERTIFICATE_NOT_FOR_CELL", "",
          [](Bundle& b, TakenOrchestrator&) {
            b.certificates.push_back(ToBytes(AsBytes(std::string_view("no certificate"))));
            Esme(b).replacements[0].certificate = pki::Sha256(b.certificates.back());
          }),
};

const Attack kPaths[] = {
    Draft("NoPathCertificate", kMalformed, "pathCertificates must be from 1 to 3",
          [](Bundle& b, TakenOrchestrator&) { Esme(b).path_certificates.clear(); }),
    Draft("FourPathCertificates", kMalformed, "pathCertificates must be from 1 to 3",
          [](Bundle& b, TakenOrchestrator&) {
            for (uint8_t i = 0; i < 3; ++i) Esme(b).path_certificates.push_back(Digest{i});
          }),
    Draft("APathCertificateTwice", kMalformed, "a path certificate is given twice",
          [](Bundle& b, TakenOrchestrator&) { Esme(b).path_certificates.push_back(Esme(b).path_certificates[0]); }),
    Draft("APathCertificateThatIsNotHandedOver", "CERTIFICATE_DIGEST_MISMATCH", "path",
          [](Bundle& b, TakenOrchestrator&) { Esme(b).path_certificates.push_back(Digest{7}); }),
    Draft("AForeignPathOnly", "CERTIFICATE_PATH_INVALID", "does not chain",
          [](Bundle& b, TakenOrchestrator& host) {
            PutPath(b, {host.estate().Certificate("authority/issuing-dca.pem")});
          }),
    Draft("AForeignPathCertificateBesideTheRightOne", "CERTIFICATE_PATH_INVALID", "does not chain",
          [](Bundle& b, TakenOrchestrator& host) {
            PutPath(b, {Issuing(host), host.estate().Certificate("authority/issuing-dca.pem")});
          }),
    Draft("APathCertificateThatIssuedItself", "CERTIFICATE_PATH_INVALID", "its own issuer",
          [](Bundle& b, TakenOrchestrator&) { PutPath(b, {Forger().SelfSigned("Issuing")}); }),
    Draft("ASelfIssuedPathCertificateBesideTheRightOne", "CERTIFICATE_PATH_INVALID", "its own issuer",
          [](Bundle& b, TakenOrchestrator& host) {
            PutPath(b, {Issuing(host), Forger().SelfSigned("Issuing")});
          }),
    Draft("ASupplierOnThePath", "CERTIFICATE_PATH_INVALID", "no certification authority",
          [](Bundle& b, TakenOrchestrator& host) {
            PutPath(b, {host.estate().Organisation(kSupplierA, 2, pki::kDigitalSignature)});
          }),
    Draft("ASupplierOnThePathBesideItsIssuer", "CERTIFICATE_PATH_INVALID", "no certification authority",
          [](Bundle& b, TakenOrchestrator& host) {
            PutPath(b, {Issuing(host), host.estate().Organisation(kSupplierB, 2, pki::kDigitalSignature)});
          }),
};

const Attack kCountersAndLimits[] = {
    Draft("CountersOfTwoLengths", kMalformed, "different lengths",
          [](Bundle& b, TakenOrchestrator&) {
            b.direction.counter_first = 0x7FFF'FF00;
            b.direction.counter_last = 0x8000'00FF;
          }),
    Draft("CountersFromZero", kMalformed, "counters.first",
          [](Bundle& b, TakenOrchestrator&) { b.direction.counter_first = 0; }),
    Draft("CountersBackwards", kMalformed, "counters.last",
          [](Bundle& b, TakenOrchestrator&) { std::swap(b.direction.counter_first, b.direction.counter_last); }),
    Draft("CountersBeyondWhatADeviceCanHold", kMalformed, "counters.last",
          [](Bundle& b, TakenOrchestrator&) { b.direction.counter_last = UINT64_MAX; }),
    Draft("CountersThatJumpOverThoseOfAnEarlierDirection", "COUNTERS_OVERLAP", "",
          [](Bundle& b, TakenOrchestrator& host) {
            b.direction.counter_first = host.honest().direction.counter_first - 1;
            b.direction.counter_last = host.honest().direction.counter_last + 0x10'0000;
          }),
    Draft("CountersThatTouchThoseOfAnEarlierDirection", "COUNTERS_OVERLAP", "",
          [](Bundle& b, TakenOrchestrator& host) {
            b.direction.counter_first = host.honest().direction.counter_last;
            b.direction.counter_last = b.direction.counter_first + 0x1000;
          }),
    Draft("MoreSignaturesThanCounters", kMalformed, "limits.total",
          [](Bundle& b, TakenOrchestrator&) {
            b.direction.limits.total = b.direction.counter_last - b.direction.counter_first + 2;
          }),
    Draft("AttemptsNone", kMalformed, "limits.attemptsPerDevice",
          [](Bundle& b, TakenOrchestrator&) { b.direction.limits.attempts_per_device = 0; }),
    Draft("AttemptsEleven", kMalformed, "limits.attemptsPerDevice",
          [](Bundle& b, TakenOrchestrator&) { b.direction.limits.attempts_per_device = 11; }),
    Draft("AttemptsAsManyAsANumberHolds", kMalformed, "limits.attemptsPerDevice",
          [](Bundle& b, TakenOrchestrator&) { b.direction.limits.attempts_per_device = UINT64_MAX; }),
    Draft("TotalOfNone", kMalformed, "limits.total",
          [](Bundle& b, TakenOrchestrator&) { b.direction.limits.total = 0; }),
    Draft("OutstandingBeyondTheTotal", kMalformed, "limits.outstanding",
          [](Bundle& b, TakenOrchestrator&) { b.direction.limits.outstanding = b.direction.limits.total + 1; }),
    Draft("OutstandingNone", kMalformed, "limits.outstanding",
          [](Bundle& b, TakenOrchestrator&) { b.direction.limits.outstanding = 0; }),
    Draft("RateOfNone", kMalformed, "limits.ratePerSecond",
          [](Bundle& b, TakenOrchestrator&) { b.direction.limits.rate_per_second = 0; }),
    Draft("RateWithoutBounds", kMalformed, "limits.ratePerSecond",
          [](Bundle& b, TakenOrchestrator&) { b.direction.limits.rate_per_second = UINT64_MAX; }),
};

const Attack kTimes[] = {
    Draft("ValidForAYear", kMalformed, "longer than 30 days",
          [](Bundle& b, TakenOrchestrator&) { b.direction.not_after = b.direction.not_before + kDay * 365; }),
    Draft("ValidityThatEndsBeforeItBegins", kMalformed, "notAfter must be after",
          [](Bundle& b, TakenOrchestrator&) { std::swap(b.direction.not_before, b.direction.not_after); }),
    Draft("DraftedInTheFuture", "APPROVAL_OUTSIDE_VALIDITY", "",
          [](Bundle& b, TakenOrchestrator&) { b.direction.drafted = b.direction.drafted + kDay; }),
    Alter("ApprovedBeforeItWasDrafted", "APPROVAL_OUTSIDE_VALIDITY", "",
          [](Bundle& b, TakenOrchestrator& host) {
            b.approvals[1] = ApproveAt(host, b, "bruno.pma", b.direction.drafted - kDay);
          }),
    // Evidence of the future would lift the newest time the journal has seen, and no clock would be plausible again.
    Alter("ApprovedInTheFuture", "APPROVAL_OUTSIDE_VALIDITY", "",
          [](Bundle& b, TakenOrchestrator& host) {
            b.approvals[1] = ApproveAt(host, b, "bruno.pma", b.direction.drafted + kDay);
          }),
    Alter("ARevocationListOfTheFuture", "REVOCATION_LIST_STALE", "issued at",
          [](Bundle& b, TakenOrchestrator& host) {
            b.revocation_list = RevocationList(host, b.direction.drafted + kDay, b.direction.drafted + kDay * 2);
          }),
    Alter("ARevocationListWhoseNextIsDue", "REVOCATION_LIST_STALE", "its next update was due",
          [](Bundle& b, TakenOrchestrator& host) {
            const UtcTime now{SystemClock().Now().ms / 1000 * 1000};
            b.revocation_list = RevocationList(host, now - Millis(2000), now - Millis(1000));
          }),
    Alter("ARevocationListOlderThanOneReliedOn", "REVOCATION_LIST_STALE", "is in use",
          [](Bundle& b, TakenOrchestrator& host) {
            b.revocation_list = RevocationList(host, b.direction.drafted - kDay, b.direction.drafted + kDay);
          }),
    AlterText("ValidityProlongedAfterApproval", "APPROVAL_DIGEST_MISMATCH", "",
              [](Bundle& b, TakenOrchestrator&) { b.direction.not_after = b.direction.not_after + kDay; }),
    AlterText("TimeChecksDroppedAfterApproval", "APPROVAL_DIGEST_MISMATCH", "",
              [](Bundle& b, TakenOrchestrator&) { Esme(b).time_checks = false; }),
};

const Attack kPopulations[] = {
    Alter("PopulationFilesSwappedAfterApproval", "POPULATION_DIGEST_MISMATCH", "the file is for group supplier-a-gpf",
          [](Bundle& b, TakenOrchestrator&) {
            std::swap(b.populations.at("supplier-a-esme"), b.populations.at("supplier-a-gpf"));
          }),
    Alter("OneDeviceReplacedAfterApproval", "POPULATION_DIGEST_MISMATCH", "",
          [](Bundle& b, TakenOrchestrator&) { b.populations.at("supplier-a-esme").back() ^= 0x80; }),
    AlterText("ApprovalsReusedForAnotherPopulation", "APPROVAL_DIGEST_MISMATCH", "",
              [](Bundle& b, TakenOrchestrator& host) {
                host.estate().SetPopulation(b, 0, {TestDevice(9, 1), TestDevice(9, 2)});
              }),
    AlterText("ApprovalsReusedUnderAnotherIncident", "APPROVAL_DIGEST_MISMATCH", "",
              [](Bundle& b, TakenOrchestrator&) { b.incident = b.direction.incident = "INC-ANOTHER"; }),
    Alter("ADirectionOfOneIncidentReplayedInAnother", "WRONG_INCIDENT", "",
          [](Bundle& b, TakenOrchestrator& host) {
            b = host.honest();
            b.incident = "INC-ANOTHER";
          }),
    Draft("NoDevice", kMalformed, "population count",
          [](Bundle& b, TakenOrchestrator& host) { host.estate().SetPopulation(b, 0, {}); }),
    Draft("MoreDevicesThanTheFileHolds", "POPULATION_DIGEST_MISMATCH", "directed are 5 Devices",
          [](Bundle& b, TakenOrchestrator&) { Esme(b).population_count = 5; }),
    Alter("DevicesOutOfOrder", "POPULATION_MALFORMED", "",
          [](Bundle& b, TakenOrchestrator& host) {
            host.estate().SetPopulation(b, 0, {TestDevice(0, 2), TestDevice(0, 1)}, false);
          }),
    Alter("ADeviceTwice", "POPULATION_MALFORMED", "",
          [](Bundle& b, TakenOrchestrator& host) {
            host.estate().SetPopulation(b, 0, {TestDevice(0, 1), TestDevice(0, 1)}, false);
          }),
    Alter("APopulationCutShort", "POPULATION_MALFORMED", "",
          [](Bundle& b, TakenOrchestrator&) { b.populations.at("supplier-a-esme").pop_back(); }),
    Alter("APopulationWithOctetsBehindIt", "POPULATION_MALFORMED", "",
          [](Bundle& b, TakenOrchestrator&) { b.populations.at("supplier-a-esme").push_back(0); }),
    Draft("GroupsOfOneName", kMalformed, "groups stand in increasing order of name, each once",
          [](Bundle& b, TakenOrchestrator&) { b.direction.groups[1].name = b.direction.groups[0].name; }),
    Draft("AGroupWithoutAPopulation", "POPULATION_DIGEST_MISMATCH", "of group zzz is missing",
          [](Bundle& b, TakenOrchestrator&) {
            b.direction.groups.push_back(b.direction.groups[0]);
            b.direction.groups.back().name = "zzz";
          }),
    Draft("NoGroup", kMalformed, "groups must be from 1",
          [](Bundle& b, TakenOrchestrator&) { b.direction.groups.clear(); }),
};

const Attack kIdentity[] = {
    Draft("AnIdOfItsOwnKind", kMalformed, "id must begin with DIR-",
          [](Bundle& b, TakenOrchestrator&) { b.direction.id = "ORDER-1"; }),
    Draft("AShortNonce", kMalformed, "nonce", [](Bundle& b, TakenOrchestrator&) { b.direction.nonce.resize(30); }),
    Draft("TheNonceOfAnotherDirectionInCapitals", kMalformed, "nonce",
          [](Bundle& b, TakenOrchestrator& host) {
            b.direction.nonce = host.honest().direction.nonce;
            std::transform(b.direction.nonce.begin(), b.direction.nonce.end(), b.direction.nonce.begin(), ::toupper);
            if (b.direction.nonce == host.honest().direction.nonce) b.direction.nonce[0] = 'A';
          }),
    Draft("TheNonceOfAnotherDirection", "NONCE_REPLAYED", "",
          [](Bundle& b, TakenOrchestrator& host) { b.direction.nonce = host.honest().direction.nonce; }),
    Draft("AnUnknownKindOfEnvironment", kMalformed, "environment.kind",
          [](Bundle& b, TakenOrchestrator&) { b.direction.environment.kind = "live"; }),
    Draft("TheSameFactorTwice", kMalformed, "answered twice",
          [](Bundle& b, TakenOrchestrator&) { b.direction.factors.push_back(b.direction.factors[0]); }),
    Alter("AKeyThatNobodyHolds", "KEY_NOT_DIRECTED", "holds no key named",
          [](Bundle& b, TakenOrchestrator&) { b.key = "master"; }),
    Rewrite("AFieldMore", "DIRECTION_NOT_CANONICAL", "line", "mode:", "override: true\nmode:"),
    Rewrite("AComment", "DIRECTION_NOT_CANONICAL", "line", "mode:", "# harmless\nmode:"),
    Rewrite("WindowsLineEnds", "DIRECTION_NOT_CANONICAL", "line", "\nmode:", "\r\nmode:"),
    Rewrite("ALookalikeLetter", "DIRECTION_NOT_CANONICAL", "line", "INC-TEST", "INC-T\xD0\x95ST"),
    Alter("MoreApprovalsThanSeats", "APPROVAL_DUPLICATE_MEMBER", "votes for 6 seats",
          [](Bundle& b, TakenOrchestrator&) { b.approvals.resize(7, b.approvals[0]); }),
    Alter("AnApprovalThatIsNoSignature", "APPROVAL_MALFORMED", "",
          [](Bundle& b, TakenOrchestrator&) { b.approvals[0] = ToBytes(AsBytes(std::string_view("yes"))); }),
    Alter("AnOrderToHaltOfferedAsApproval", "APPROVAL_OTHER_DOCUMENT", "",
          [](Bundle& b, TakenOrchestrator& host) {
            PersonKeys& keys = host.estate().person("carla.pma");
            b.approvals[2] = SMKI_MUST(pki::SignDetached(AsBytes(b.text), keys.sign, keys.sign_certificate,
                                                         SystemClock().Now(), "smki order halt"));
          }),
};

INSTANTIATE_TEST_SUITE_P(Floors, DirectionAttacks, ::testing::ValuesIn(kFloors), NameOf);
INSTANTIATE_TEST_SUITE_P(Cells, DirectionAttacks, ::testing::ValuesIn(kCells), NameOf);
INSTANTIATE_TEST_SUITE_P(Paths, DirectionAttacks, ::testing::ValuesIn(kPaths), NameOf);
INSTANTIATE_TEST_SUITE_P(CountersAndLimits, DirectionAttacks, ::testing::ValuesIn(kCountersAndLimits), NameOf);
INSTANTIATE_TEST_SUITE_P(Times, DirectionAttacks, ::testing::ValuesIn(kTimes), NameOf);
INSTANTIATE_TEST_SUITE_P(Populations, DirectionAttacks, ::testing::ValuesIn(kPopulations), NameOf);
INSTANTIATE_TEST_SUITE_P(Identity, DirectionAttacks, ::testing::ValuesIn(kIdentity), NameOf);

}  // namespace
}  // namespace smki::test
