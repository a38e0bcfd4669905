// A taken orchestrator before an open key: it asks for what is not directed, forges what Devices answered, speaks under
// other names and replays what it heard.
#include <grpcpp/generic/generic_stub.h>

#include <thread>

#include "base/clock.h"
#include "base/random.h"
#include "gbcs/credentials.h"
#include "ledger/checkpoint.h"
#include "procedures/documents.h"
#include "proto/rpc/status.h"
#include "tests/security/hostile.h"

namespace smki::test {
namespace {

constexpr Millis kDeadline{20'000};
const char kEsme[] = "supplier-a-esme";

// The refusal of the first item, or of the whole batch.
Status Verdict(const StatusOr<kg::SignResponse>& response) {
  if (!response.ok()) return response.status();
  for (const kg::SignedCommand& command : response->commands()) {
    if (!command.refusal().empty()) return WithReason(FailedPrecondition("{}", command.detail()), command.refusal());
  }
  return OkStatus();
}
Status Verdict(const StatusOr<kg::ProveResponse>& response) {
  if (!response.ok()) return response.status();
  if (response->refused().empty()) return OkStatus();
  return WithReason(FailedPrecondition("{}", response->refused(0).detail()), response->refused(0).reason());
}

using Items = std::vector<std::pair<Eui64, uint32_t>>;

Attack Ask(const std::string& name, const std::string& code, const std::string& says, const std::string& group,
           const std::function<Items(TakenOrchestrator&)>& items) {
  return {name, code, says, [group, items](TakenOrchestrator& host) {
            return Verdict(host.keyguard().Sign(host.honest(), group, items(host)));
          }};
}
Attack Bend(const std::string& name, const std::string& code, const std::string& says,
            const std::function<void(kg::SignRequest&)>& bend) {
  return {name, code, says, [bend](TakenOrchestrator& host) {
            kg::SignRequest request = Keyguard::MakeSignRequest(host.honest(), kEsme, {{host.NextDevice(), 1}});
            bend(request);
            return Verdict(host.keyguard().Sign(request));
          }};
}

template <typename Stub, typename Request, typename Response>
Status CallAs(std::unique_ptr<Stub> stub, grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&, Response*),
              const Request& request, Response response = {}) {
  return rpc::CallAndWait(*stub, method, request, response, kDeadline);
}

class SigningAttacks : public Attacks {};

TEST_P(SigningAttacks, I1_IsRepelled) {
  ExpectRepelled(GetParam());
}

// --- What is asked for ---

const Attack kAsked[] = {
    Ask("ADeviceOfNobody", "DEVICE_NOT_IN_GROUP", "", kEsme,
        [](TakenOrchestrator&) {
          return Items{{Eui64(1), 1}};
        }),
    Ask("ADeviceOfAnotherGroup", "DEVICE_NOT_IN_GROUP", "", kEsme,
        [](TakenOrchestrator&) {
          return Items{{TestDevice(1, 0), 1}};
        }),
    Ask("ADeviceJustBehindTheLast", "DEVICE_NOT_IN_GROUP", "", kEsme,
        [](TakenOrchestrator&) {
          return Items{{TestDevice(0, 512), 1}};
        }),
    Ask("ADeviceAmongDirectedOnes", "DEVICE_NOT_IN_GROUP", "", kEsme,
        [](TakenOrchestrator& host) {
          return Items{{host.NextDevice(), 1}, {TestDevice(4, 4), 1}, {host.NextDevice(), 1}};
        }),
    Ask("AGroupThatIsNotDirected", "UNKNOWN_GROUP", "", "supplier-b-esme",
        [](TakenOrchestrator& host) {
          return Items{{host.NextDevice(), 1}};
        }),
    Ask("AGroupWithoutAName", "UNKNOWN_GROUP", "", "",
        [](TakenOrchestrator& host) {
          return Items{{host.NextDevice(), 1}};
        }),
    Ask("AGroupWithALongName", "BAD_REQUEST", "'group' has 4001", std::string(4001, 'g'),
        [](TakenOrchestrator& host) {
          return Items{{host.NextDevice(), 1}};
        }),
    Ask("AttemptZero", "BAD_REQUEST", "attempts count from 1", kEsme,
        [](TakenOrchestrator& host) {
          return Items{{host.NextDevice(), 0}};
        }),
    Ask("TheSecondAttemptFirst", "ATTEMPT_OUT_OF_ORDER", "", kEsme,
        [](TakenOrchestrator& host) {
          return Items{{host.NextDevice(), 2}};
        }),
    Ask("TheFourthOfThreeAttempts", "ATTEMPT_LIMIT", "", kEsme,
        [](TakenOrchestrator& host) {
          const Eui64 device = host.NextDevice();
          return Items{{device, 1}, {device, 2}, {device, 3}, {device, 4}};
        }),
    Ask("TheGreatestAttempt", "ATTEMPT_LIMIT", "", kEsme,
        [](TakenOrchestrator& host) {
          return Items{{host.NextDevice(), UINT32_MAX}};
        }),
    Ask("AnAttemptThatWrapsAroundToOne", "ATTEMPT_LIMIT", "", kEsme,
        [](TakenOrchestrator& host) {
          return Items{{host.NextDevice(), 0x10001}};
        }),
    Ask("ABatchOf1025", "BATCH_TOO_LARGE", "1025 items", kEsme,
        [](TakenOrchestrator& host) {
          return Items(1025, {host.NextDevice(), 1});
        }),
    Bend("ADirectionThatNobodyAdmitted", "WRONG_DIRECTION", "",
         [](kg::SignRequest& r) { r.set_direction_digest(std::string(32, 'x')); }),
    Bend("ADigestOf31Octets", "BAD_REQUEST", "'direction_digest'",
         [](kg::SignRequest& r) { r.mutable_direction_digest()->pop_back(); }),
    Bend("ADigestOf33Octets", "BAD_REQUEST", "'direction_digest'",
         [](kg::SignRequest& r) { r.mutable_direction_digest()->push_back('x'); }),
    Bend("ALedgerHeadOf31Octets", "BAD_REQUEST", "'ledger_head'",
         [](kg::SignRequest& r) { r.mutable_ledger_head()->pop_back(); }),
    // Served, and nothing but what is directed.
    Ask("TheSameAttemptAThousandTimes", "", "", kEsme,
        [](TakenOrchestrator& host) {
          return Items(1000, {host.NextDevice(), 1});
        }),
    Ask("Nothing", "", "", kEsme, [](TakenOrchestrator&) { return Items{}; }),
    Bend("ACounterOfItsOwnChoice", "", "",
         [](kg::SignRequest& r) {
           // SignItem has no such field: a counter that jumps, and octets to sign, smuggled in as unknown ones.
           google::protobuf::UnknownFieldSet* const unknown =
               r.GetReflection()->MutableUnknownFields(r.mutable_items(0));
           unknown->AddVarint(3, 0x7FFF'FFFF);
           unknown->AddLengthDelimited(4, "sign these octets");
         }),
    Bend("ALedgerThatDoesNotExistYet", "BAD_REQUEST", "cannot follow entry",
         [](kg::SignRequest& r) {
           r.set_ledger_sequence(UINT64_MAX);
           r.set_ledger_head(std::string(32, '\xFF'));
         }),
    {"AClosedDirection", "KEY_CLOSED", "",
     [](TakenOrchestrator& host) {
       if (const Status closed = host.keyguard().Close(host.honest()); !closed.ok()) return closed;
       return Verdict(host.keyguard().Sign(host.honest(), kEsme, {{host.NextDevice(), 1}}));
     }},
    {"ADirectionThatNobodyHasOpened", "SHARES_TOO_FEW", "0 of 3",
     [](TakenOrchestrator& host) {
       if (const Status closed = host.keyguard().Close(host.honest()); !closed.ok()) return closed;
       const auto ceremony = host.keyguard().Prepare(host.honest());
       if (!ceremony.ok()) return ceremony.status();
       return Verdict(host.keyguard().Sign(host.honest(), kEsme, {{host.NextDevice(), 1}}));
     }},
    {"AnotherDirectionWhileOneIsOpen", "WRONG_DIRECTION", "is prepared",
     [](TakenOrchestrator& host) { return host.keyguard().Prepare(host.MakeBundle()).status(); }},
    {"MoreThanTheDirectedRate", "RATE_LIMIT", "",
     [](TakenOrchestrator& host) {
       Bundle slow = host.MakeBundle();
       slow.direction.limits.rate_per_second = 1;
       host.estate().Reapprove(slow);
       host.OpenInstead(slow);
       return Verdict(host.keyguard().Sign(slow, kEsme, {{TestDevice(0, 0), 1}, {TestDevice(0, 1), 1}}));
     }},
    {"TheSameDirectionAgainForMoreThanItsTotal", "TOTAL_LIMIT", "",
     [](TakenOrchestrator& host) {
       Bundle once = host.MakeBundle();
       once.direction.limits.total = once.direction.limits.outstanding = 2;
       host.estate().Reapprove(once);
       host.OpenInstead(once);
       const Status first = Verdict(host.keyguard().Sign(once, kEsme, {{TestDevice(0, 0), 1}, {TestDevice(0, 1), 1}}));
       if (!first.ok()) return first;
       host.OpenInstead(once);  // what was spent stays spent
       return Verdict(host.keyguard().Sign(once, kEsme, {{TestDevice(0, 2), 1}}));
     }},
};

// --- Forged proof, to open the canary ---

// A canary of one: the second Device is signed for only after the first has proven itself.
Attack Forge(const std::string& name, const std::string& says,
             const std::function<kg::Proof(TakenOrchestrator&, const Bundle&, const kg::SignedCommand&)>& forge) {
  return {name, "PROOF_INVALID", says, [forge](TakenOrchestrator& host) -> Status {
            Bundle canary = host.MakeBundle();
            canary.direction.limits.outstanding = 1;
            // Two Devices of the estate: their certificates are for everybody to read.
            const Eui64 first = host.estate().devices().begin()->first;
            const Eui64 second = std::next(host.estate().devices().begin())->first;
            host.estate().SetPopulation(canary, 0, {first, second});
            host.estate().Reapprove(canary);
            host.OpenInstead(canary);
            const auto signed_one = host.keyguard().Sign(canary, kEsme, {{first, 1}});
            if (!signed_one.ok()) return signed_one.status();
            const Status verdict = Verdict(host.keyguard().Prove(canary, forge(host, canary, signed_one->commands(0))));
            const Status next = Verdict(host.keyguard().Sign(canary, kEsme, {{second, 1}}));
            EXPECT_EQ(ReasonOf(next), "OUTSTANDING_LIMIT") << "the canary was opened by a forged response";
            return verdict;
          }};
}

gbcs::Message Response(const Bundle& bundle, const kg::SignedCommand& command) {
  const gbcs::Message asked = SMKI_MUST(gbcs::ParseMessage(AsBytes(command.command())));
  gbcs::ResponsePayload payload;
  gbcs::ExecutionOutcome& outcome = payload.outcome.emplace();
  outcome.seq_number = command.counter();
  outcome.mode = gbcs::Mode::kAnyExceptAbnormalRootByRecovery;
  for (const procedures::DirectedReplacement& replacement : bundle.direction.groups[0].replacements) {
    gbcs::ReplacementOutcome& cell = outcome.outcomes.emplace_back();
    cell.cell = *gbcs::TrustAnchorCell::Parse(replacement.cell);
    for (const Bytes& der : bundle.certificates) {
      const pki::Certificate certificate = SMKI_MUST(pki::Certificate::Parse(der));
      if (certificate.sha256() != replacement.certificate) continue;
      cell.replacing_ski = certificate.public_key->identifier();
      cell.replacing_eui = *certificate.subject_eui;
    }
  }
  gbcs::Message out;
  out.cra = gbcs::Cra::kResponse;
  out.originator_counter = command.counter();
  out.originator = asked.recipient;
  out.recipient = asked.originator;
  out.message_code = asked.message_code;
  out.payload = gbcs::EncodeResponsePayload(payload);
  return out;
}

// A response that is right in everything, signed with a key whose certificate an authority of the attacker issued under
// the name of the Devices' own.
kg::Proof SelfMadeDevice(TakenOrchestrator& host, const Bundle& bundle, const kg::SignedCommand& command) {
  pki::PrivateKey authority = SMKI_MUST(pki::PrivateKey::Generate());
  pki::PrivateKey device = SMKI_MUST(pki::PrivateKey::Generate());
  const pki::Certificate genuine = host.estate().Certificate("authority/issuing-dca.pem");
  gbcs::Message response = Response(bundle, command);
  response.signature = SMKI_MUST(device.Sign(gbcs::SignedOctets(response)));
  kg::Proof proof;
  proof.set_device(command.device());
  proof.set_response(ToString(gbcs::EncodeMessage(response)));
  proof.set_device_certificate(
      ToString(SMKI_MUST(pki::IssueDeviceCertificate({&authority, genuine.subject}, Eui64(command.device()),
                                                     device.public_key(), pki::kDigitalSignature,
                                                     SystemRandom().Take(16), SystemClock().Now() - Millis(1000)))
                   .der()));
  return proof;
}

// The same under the Device's own certificate.
kg::Proof GenuineCertificate(TakenOrchestrator& host, const Bundle& bundle, const kg::SignedCommand& command) {
  kg::Proof proof = SelfMadeDevice(host, bundle, command);
  proof.set_device_certificate(ToString(host.estate().devices().at(Eui64(command.device())).der()));
  return proof;
}

const Attack kForged[] = {
    Forge("ADeviceOfItsOwnMaking", "", SelfMadeDevice),
    Forge("ADevicesOwnCertificateAndAnotherKeysSignature", "signature does not verify", GenuineCertificate),
    Forge("ADeviceOfItsOwnMakingUnderAnAuthorityOfItsOwn", "no Device authority of the trust policy",
          [](TakenOrchestrator& host, const Bundle& bundle, const kg::SignedCommand& command) {
            kg::Proof proof = SelfMadeDevice(host, bundle, command);
            pki::PrivateKey authority = SMKI_MUST(pki::PrivateKey::Generate());
            pki::PrivateKey device = SMKI_MUST(pki::PrivateKey::Generate());
            proof.set_device_certificate(
                ToString(SMKI_MUST(pki::IssueDeviceCertificate({&authority, pki::AuthorityName({"Mine", ""})},
                                                               Eui64(command.device()), device.public_key(),
                                                               pki::kDigitalSignature, SystemRandom().Take(16),
                                                               SystemClock().Now() - Millis(1000)))
                             .der()));
            return proof;
          }),
    Forge("TheCommandItselfSentBack", "it is no response",
          [](TakenOrchestrator&, const Bundle&, const kg::SignedCommand& command) {
            kg::Proof proof;
            proof.set_device(command.device());
            proof.set_response(command.command());
            return proof;
          }),
    Forge("TheCommandTurnedIntoAResponse", "signature does not verify",
          [](TakenOrchestrator& host, const Bundle& bundle, const kg::SignedCommand& command) {
            kg::Proof proof = GenuineCertificate(host, bundle, command);
            gbcs::Message response = Response(bundle, command);
            response.signature = SMKI_MUST(gbcs::ParseMessage(AsBytes(command.command()))).signature;
            proof.set_response(ToString(gbcs::EncodeMessage(response)));
            return proof;
          }),
    Forge("AResponseWithoutASignature", "signature does not verify",
          [](TakenOrchestrator& host, const Bundle& bundle, const kg::SignedCommand& command) {
            kg::Proof proof = GenuineCertificate(host, bundle, command);
            proof.set_response(ToString(gbcs::EncodeMessage(Response(bundle, command))));
            return proof;
          }),
    Forge("AResponseToACounterNeverGiven", "was not given to this Device",
          [](TakenOrchestrator& host, const Bundle& bundle, const kg::SignedCommand& command) {
            kg::SignedCommand later = command;
            later.set_counter(command.counter() + 1);
            return SelfMadeDevice(host, bundle, later);
          }),
    Forge("AResponseOfADeviceNeverAsked", "",
          [](TakenOrchestrator& host, const Bundle& bundle, const kg::SignedCommand& command) {
            kg::Proof proof = SelfMadeDevice(host, bundle, command);
            proof.set_device(std::next(host.estate().devices().begin())->first.value());
            return proof;
          }),
    Forge("AnOrganisationsCertificateForADevices", "the certificate is of another Device",
          [](TakenOrchestrator& host, const Bundle& bundle, const kg::SignedCommand& command) {
            kg::Proof proof = SelfMadeDevice(host, bundle, command);
            proof.set_device_certificate(ToString(bundle.certificates[1]));
            return proof;
          }),
    Forge("AResponseOf17KiB", "a response of 17408 octets",
          [](TakenOrchestrator& host, const Bundle& bundle, const kg::SignedCommand& command) {
            kg::Proof proof = SelfMadeDevice(host, bundle, command);
            proof.set_response(std::string(17 * 1024, 'r'));
            return proof;
          }),
    Forge("AnEmptyResponse", "",
          [](TakenOrchestrator&, const Bundle&, const kg::SignedCommand& command) {
            kg::Proof proof;
            proof.set_device(command.device());
            return proof;
          }),
    {"ProofsOf1025Devices", "BATCH_TOO_LARGE", "1025 proofs",
     [](TakenOrchestrator& host) {
       kg::ProveRequest request;
       request.set_direction_digest(ToString(host.honest().digest()));
       for (int i = 0; i < 1025; ++i) request.add_proofs();
       return CallAs(host.keyguard().OrchestratorStub("orchestrator"), &kg::Keyguard::Stub::Prove, request,
                     kg::ProveResponse());
     }},
    {"ProofForAnotherDirection", "WRONG_DIRECTION", "",
     [](TakenOrchestrator& host) { return Verdict(host.keyguard().Prove(host.MakeBundle(), kg::Proof())); }},
};

// --- Under other names ---

using Call = std::function<Status(TakenOrchestrator&, const std::string& as)>;

Attack As(const std::string& name, const std::string& who, const Call& call) {
  return {name, "NOT_PERMITTED", "'" + who.substr(who.find('/') + 1) + "'",
          [who, call](TakenOrchestrator& host) { return call(host, who); }};
}
Status SignAs(TakenOrchestrator& host, const std::string& as) {
  return Verdict(host.keyguard().Sign(host.honest(), kEsme, {{host.NextDevice(), 1}}, as));
}
Status PrepareAs(TakenOrchestrator& host, const std::string& as) {
  return host.keyguard().Prepare(host.honest(), as).status();
}
Status ProveAs(TakenOrchestrator& host, const std::string& as) {
  return CallAs(host.keyguard().OrchestratorStub(as), &kg::Keyguard::Stub::Prove, kg::ProveRequest(),
                kg::ProveResponse());
}
Status CloseAs(TakenOrchestrator& host, const std::string& as) {
  kg::CloseRequest request;
  request.set_direction_digest(ToString(host.honest().digest()));
  return CallAs(host.keyguard().OrchestratorStub(as), &kg::Keyguard::Stub::Close, request, kg::CloseResponse());
}
Status StatusAs(TakenOrchestrator& host, const std::string& as) {
  return CallAs(host.keyguard().OrchestratorStub(as), &kg::Keyguard::Stub::GetStatus, kg::GetStatusRequest(),
                kg::Status());
}
Status CountersignAs(TakenOrchestrator& host, const std::string& as) {
  return CallAs(host.keyguard().OrchestratorStub(as), &kg::Keyguard::Stub::Countersign, kg::CountersignRequest(),
                kg::CountersignResponse());
}
Status ExportAs(TakenOrchestrator& host, const std::string& as) {
  grpc::ClientContext context;
  const auto reader = host.keyguard().OrchestratorStub(as)->ExportJournal(&context, kg::ExportJournalRequest());
  kg::JournalChunk chunk;
  while (reader->Read(&chunk)) ADD_FAILURE() << "the journal was exported to " << as;
  return rpc::FromGrpc(reader->Finish());
}
Status CeremonyAs(TakenOrchestrator& host, const std::string& as) {
  return CallAs(host.keyguard().PersonsStub(as), &kg::KeyguardPersons::Stub::GetCeremony, kg::GetCeremonyRequest(),
                kg::Ceremony());
}
Status PresentAs(TakenOrchestrator& host, const std::string& as) {
  return CallAs(host.keyguard().PersonsStub(as), &kg::KeyguardPersons::Stub::PresentShare, kg::PresentShareRequest(),
                kg::PresentShareResponse());
}
Status OrderAs(TakenOrchestrator& host, const std::string& as) {
  return CallAs(host.keyguard().PersonsStub(as), &kg::KeyguardPersons::Stub::Order, kg::OrderRequest(),
                kg::OrderResponse());
}
Status PersonsStatusAs(TakenOrchestrator& host, const std::string& as) {
  return CallAs(host.keyguard().PersonsStub(as), &kg::KeyguardPersons::Stub::GetStatus, kg::GetStatusRequest(),
                kg::Status());
}

const Attack kNames[] = {
    As("AMemberSigns", "persons/anna.pma", SignAs),
    As("ACustodianPrepares", "persons/kira.custodian", PrepareAs),
    As("TheSimulatorProves", "sim", ProveAs),
    As("ASupplierCloses", "supplier-a", CloseAs),
    As("AMemberCloses", "persons/anna.pma", CloseAs),
    As("TheKeyguardItselfSigns", "keyguard", SignAs),
    As("APartyAsksForTheStatus", "wan-provider", StatusAs),
    As("AnAuditorCountersigns", "persons/ada.auditor", CountersignAs),
    As("AnAuditorExportsTheJournal", "persons/ada.auditor", ExportAs),
    As("TheIncidentLeadSigns", "persons/lena.lead", SignAs),
    As("TheOrchestratorReadsTheCeremonyAsAPerson", "orchestrator", CeremonyAs),
    As("TheOrchestratorPresentsAShare", "orchestrator", PresentAs),
    As("TheOrchestratorGivesAnOrder", "orchestrator", OrderAs),
    As("TheOrchestratorAsksForTheStatusAsAPerson", "orchestrator", PersonsStatusAs),
    As("TheKeyguardGivesAnOrder", "keyguard", OrderAs),
    As("ASupplierReadsTheCeremony", "supplier-b", CeremonyAs),
};

// --- Heads of its ledger ---

std::string Note(TakenOrchestrator& host, uint64_t entries, uint8_t hash, const std::string& estate = "",
                 const std::string& key = "orchestrator/identity.key.pem") {
  const procedures::Environment& environment = host.estate().policy().environment;
  const std::string origin = "smki-ledger/" + (estate.empty() ? environment.ToString() : estate);
  const std::string body = ledger::RenderCheckpoint({origin, {entries, Digest{hash}}});
  pki::PrivateKey signer = SMKI_MUST(pki::PrivateKey::FromPem(host.estate().Read(key)));
  const pki::Certificate identity = host.estate().Certificate("orchestrator/identity.crt.pem");
  return body + "\n" + SMKI_MUST(ledger::SignatureLine(body, identity.subject_cn, signer));
}
Status Countersign(TakenOrchestrator& host, const std::string& note) {
  kg::CountersignRequest request;
  request.set_checkpoint(note);
  return CallAs(host.keyguard().OrchestratorStub("orchestrator"), &kg::Keyguard::Stub::Countersign, request,
                kg::CountersignResponse());
}
Attack Head(const std::string& name, const std::string& code, const std::string& says,
            const std::function<std::string(TakenOrchestrator&)>& note) {
  return {name, code, says, [note](TakenOrchestrator& host) {
            // Each time the same: nine entries are known, then comes the attack.
            const Status known = Countersign(host, Note(host, 9, 9));
            return known.ok() ? Countersign(host, note(host)) : known;
          }};
}

const Attack kHeads[] = {
    Head("AnOlderHead", "JOURNAL_ROLLED_BACK", "this ledger has 8 entries",
         [](TakenOrchestrator& host) { return Note(host, 8, 8); }),
    Head("AForkedHead", "JOURNAL_ROLLED_BACK", "9 entries with head",
         [](TakenOrchestrator& host) { return Note(host, 9, 7); }),
    Head("TheHeadOfAnEmptyLedger", "JOURNAL_ROLLED_BACK", "this ledger has 0 entries",
         [](TakenOrchestrator& host) { return Note(host, 0, 0); }),
    Head("TheHeadOfAnotherEstate", "ENVIRONMENT_MISMATCH", "expected is",
         [](TakenOrchestrator& host) { return Note(host, 10, 1, "production/estate-7"); }),
    Head("AHeadSignedByAMember", "BAD_REQUEST", "not signed by the orchestrator",
         [](TakenOrchestrator& host) { return Note(host, 10, 1, "", "persons/anna.pma/sign.key.pem"); }),
    Head("AHeadThatNobodySigned", "BAD_REQUEST", "",
         [](TakenOrchestrator& host) {
           const std::string note = Note(host, 10, 1);
           return note.substr(0, note.find("\n\n") + 2);
         }),
    Head("AHeadThatIsNone", "BAD_REQUEST", "", [](TakenOrchestrator&) { return std::string("trust me\n"); }),
    Head("ANoteOf17KiB", "BAD_REQUEST", "", [](TakenOrchestrator&) { return std::string(17 * 1024, 'n'); }),
};

// --- Orders it heard or made ---

kg::OrderRequest MakeOrder(TakenOrchestrator& host, const std::string& order, const Bundle& bundle,
                           const std::string& person, const std::string& signer, Millis later = Millis(0)) {
  procedures::PmaOrder document;
  document.order = order;
  document.environment = host.estate().policy().environment;
  document.direction = bundle.digest();
  document.person = person;
  document.time = UtcTime{SystemClock().Now().ms / 1000 * 1000} + later;
  document.reason = {"a test"};
  PersonKeys& keys = host.estate().person(signer);
  kg::OrderRequest out;
  out.set_order(procedures::Render(document));
  out.set_signature(ToString(SMKI_MUST(pki::SignDetached(AsBytes(out.order()), keys.sign, keys.sign_certificate,
                                                         SystemClock().Now(), "smki order " + order))));
  return out;
}
Status SendOrder(TakenOrchestrator& host, const kg::OrderRequest& request, const std::string& as) {
  return CallAs(host.keyguard().PersonsStub("persons/" + as), &kg::KeyguardPersons::Stub::Order, request,
                kg::OrderResponse());
}

const Attack kOrders[] = {
    {"AnOrderOfTheFuture", "BAD_REQUEST", "the order is dated",
     [](TakenOrchestrator& host) {
       return SendOrder(host, MakeOrder(host, "halt", host.honest(), "anna.pma", "anna.pma", Millis(24 * 3600 * 1000)),
                        "anna.pma");
     }},
    {"AnOrderInAMembersNameSignedByTheLead", "NOT_PERMITTED", "signed by lena.lead",
     [](TakenOrchestrator& host) {
       return SendOrder(host, MakeOrder(host, "resume", host.honest(), "anna.pma", "lena.lead"), "lena.lead");
     }},
    {"AnOrderAlteredAfterItWasSigned", "APPROVAL_DIGEST_MISMATCH", "",
     [](TakenOrchestrator& host) {
       kg::OrderRequest request = MakeOrder(host, "resume", host.honest(), "anna.pma", "anna.pma");
       const size_t at = request.order().find("a test");
       request.mutable_order()->replace(at, 6, "b test");
       return SendOrder(host, request, "lena.lead");
     }},
    {"AnOrderOfNoKnownKind", "BAD_REQUEST", "",
     [](TakenOrchestrator& host) {
       return SendOrder(host, MakeOrder(host, "open", host.honest(), "anna.pma", "anna.pma"), "anna.pma");
     }},
    {"AnApprovalOfTheDirectionSentAsAnOrder", "BAD_REQUEST", "",
     [](TakenOrchestrator& host) {
       kg::OrderRequest request;
       request.set_order(host.honest().text);
       request.set_signature(ToString(host.honest().approvals[0]));
       return SendOrder(host, request, "anna.pma");
     }},
    {"ResumingAloneWhatWasHalted", "KEY_HALTED", "",
     [](TakenOrchestrator& host) {
       const Bundle halted = host.MakeBundle();
       host.OpenInstead(halted);
       for (const char* order : {"halt", "resume"}) {
         const Status done = host.keyguard().Order(order, halted, "anna.pma").status();
         if (!done.ok()) return done;
       }
       return host.keyguard().Prepare(halted).status();
     }},
    {"OneMembersResumeReplayedUntilItIsAQuorum", "KEY_HALTED", "",
     [](TakenOrchestrator& host) {
       const Bundle halted = host.MakeBundle();
       host.OpenInstead(halted);
       const Status done = host.keyguard().Order("halt", halted, "anna.pma").status();
       if (!done.ok()) return done;
       const kg::OrderRequest resume = MakeOrder(host, "resume", halted, "bruno.pma", "bruno.pma");
       for (const char* carrier : {"bruno.pma", "carla.pma", "dario.pma", "elena.pma"}) {
         const Status replayed = SendOrder(host, resume, carrier);
         if (!replayed.ok()) return replayed;
       }
       return host.keyguard().Prepare(halted).status();
     }},
    {"AResumeOlderThanTheHalt", "BAD_REQUEST", "older than the halt",
     [](TakenOrchestrator& host) {
       const Bundle halted = host.MakeBundle();
       host.OpenInstead(halted);
       const kg::OrderRequest early = MakeOrder(host, "resume", halted, "bruno.pma", "bruno.pma", Millis(-3600 * 1000));
       const Status done = host.keyguard().Order("halt", halted, "anna.pma").status();
       return done.ok() ? SendOrder(host, early, "bruno.pma") : done;
     }},
    {"AHaltOfAnotherDirectionReplayed", "", "",
     [](TakenOrchestrator& host) {
       // A halt names its Direction's digest: what was said of one stops no other.
       const Status done = host.keyguard().Order("halt", host.MakeBundle(), "anna.pma").status();
       if (!done.ok()) return done;
       return Verdict(host.keyguard().Sign(host.honest(), kEsme, {{host.NextDevice(), 1}}));
     }},
};

INSTANTIATE_TEST_SUITE_P(Asked, SigningAttacks, ::testing::ValuesIn(kAsked), NameOf);
INSTANTIATE_TEST_SUITE_P(Forged, SigningAttacks, ::testing::ValuesIn(kForged), NameOf);
INSTANTIATE_TEST_SUITE_P(Names, SigningAttacks, ::testing::ValuesIn(kNames), NameOf);
INSTANTIATE_TEST_SUITE_P(Heads, SigningAttacks, ::testing::ValuesIn(kHeads), NameOf);
INSTANTIATE_TEST_SUITE_P(Orders, SigningAttacks, ::testing::ValuesIn(kOrders), NameOf);

}  // namespace
}  // namespace smki::test
