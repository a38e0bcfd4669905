#include "tests/unit/hsm/test_estate.h"

#include <algorithm>
#include <functional>

#include "pki/digest.h"
#include "procedures/documents.h"

namespace smki::hsm::test {
namespace {

constexpr uint64_t kLedgerSequence = 17;

constexpr Millis kYear = std::chrono::hours(24 * 365);
const procedures::Environment kDrill{"drill", "estate-7"};
const std::vector<std::string> kCustodians = {"kira.custodian", "liam.custodian", "mona.custodian", "nils.custodian",
                                              "otto.custodian"};
const std::vector<std::string> kSymmetricCustodians = {"pia.custodian", "quin.custodian", "rosa.custodian"};

// Lends a token that outlives signers, as a real one does.
class BorrowedToken : public KeyToken {
 public:
  explicit BorrowedToken(KeyToken& token) : token_(token) {}
  StatusOr<TokenBinding> ReadBinding() override { return token_.ReadBinding(); }
  StatusOr<TokenWitness> ReadWitness() override { return token_.ReadWitness(); }
  StatusOr<pki::PublicKey> ReadPublicKey() override { return token_.ReadPublicKey(); }
  StatusOr<std::unique_ptr<BatchSigner>> Open(const Secret& secret) override { return token_.Open(secret); }
  ::smki::Status WriteWitness(const TokenWitness& witness) override { return token_.WriteWitness(witness); }
  StatusOr<std::vector<TokenBinding>> ReadBindings() override { return token_.ReadBindings(); }
  ::smki::Status ChangeSecret(const Secret& old, const Secret& next) override { return token_.ChangeSecret(old, next); }
  ::smki::Status WriteBinding(const TokenBinding& binding) override { return token_.WriteBinding(binding); }
  void Close() override { token_.Close(); }
  StatusOr<Secret> OpenAndRead(const Secret& secret) override { return token_.OpenAndRead(secret); }
  ::smki::Status DestroyKey() override { return token_.DestroyKey(); }

 private:
  KeyToken& token_;
};

}  // namespace

namespace {

class CheckedBatchSigner : public ImmediateBatchSigner {
 public:
  CheckedBatchSigner(pki::Signer& key, const ::smki::test::Disk* disk) : ImmediateBatchSigner(key), disk_(disk) {}
  void Submit(std::unique_ptr<SigningBatch> batch) override {
    EXPECT_TRUE(disk_ == nullptr || !disk_->unsynced) << "I2: signed before the burn was durable";
    ImmediateBatchSigner::Submit(std::move(batch));
  }

 private:
  const ::smki::test::Disk* disk_;
};

}  // namespace

StatusOr<std::unique_ptr<BatchSigner>> SoftwareToken::Open(const Secret& tried) {
  if (!ConstantTimeEqual(tried.span(), secret)) return PermissionDenied("C_Login returned CKR_PIN_INCORRECT");
  open = true;
  return std::unique_ptr<BatchSigner>(std::make_unique<CheckedBatchSigner>(impostor ? *impostor : key, disk));
}

Bytes TestEstate::Serial() {
  Bytes serial = random.Take(16);
  serial[0] = static_cast<uint8_t>((serial[0] & 0x3F) | 0x40);
  return serial;
}

Identity TestEstate::MakeAuthority(const std::string& name, const std::string& unit, const Identity* issuer,
                                   const std::string& policy_oid, const pki::WrappedApexKey* apex) {
  pki::PrivateKey key = Must(pki::PrivateKey::Generate());
  const pki::AuthoritySubject subject{name, unit};
  pki::IssuerIdentity by{&key, pki::AuthorityName(subject)};
  if (issuer != nullptr) by = {const_cast<pki::PrivateKey*>(&issuer->key), issuer->certificate.subject};
  pki::Certificate certificate =
      Must(pki::IssueAuthorityCertificate(by, subject, key.public_key(), issuer == nullptr ? 1 : 0, policy_oid,
                                          Serial(), start - kYear, start + kYear * 10, apex));
  return {std::move(key), std::move(certificate)};
}

Identity TestEstate::IssuePerson(const std::string& id, const std::string& organisation, pki::KeyUsageBits usage) {
  pki::PrivateKey key = Must(pki::PrivateKey::Generate());
  pki::Certificate certificate = Must(
      pki::IssuePersonCertificate({&persons_authority.key, persons_authority.certificate.subject}, id, organisation,
                                  key.public_key(), usage, Serial(), start - kYear, start + kYear, false));
  return {std::move(key), std::move(certificate)};
}

pki::Certificate TestEstate::IssueOrganisation(uint8_t role, Eui64 eui, pki::KeyUsageBits usage,
                                               const pki::PublicKey& key) {
  return Must(pki::IssueOrganisationCertificate({&issuing_oca.key, issuing_oca.certificate.subject}, {"", role, eui},
                                                key, usage, Serial(), start - kYear, start + kYear));
}

TestEstate::TestEstate(UtcTime as_of)
    : clock(as_of),
      persons_authority(MakeAuthority("persons", "", nullptr, pki::kPersonPolicy)),
      root_oca(MakeAuthority("ZA", "00", nullptr, pki::kOrganisationPolicy)),
      issuing_oca(MakeAuthority("Z1", "07", &root_oca, pki::kOrganisationPolicy)),
      root_dca(MakeAuthority("root-dca", "", nullptr, pki::kDevicePolicy)),
      issuing_dca(MakeAuthority("E357", "", &root_dca, pki::kDevicePolicy)),
      keyguard(IssuePerson("keyguard", "DCC", pki::kDigitalSignature)),
      orchestrator(IssuePerson("orchestrator", "DCC", pki::kDigitalSignature)) {
  for (const char* key : {"recovery", "contingency"}) {
    auto token = std::make_unique<SoftwareToken>();
    token->disk = &disk;
    tokens_[key] = token.get();
    table_[key] = std::move(token);
    custody[key] = Must(MakeCustody(kDrill, key, kCustodians, 3, random));
    tokens_[key]->secret = ToBytes(custody[key].secret.span());
  }
  // The root carries the contingency key (SEC L10.30(e)).
  symmetric_key = random.Take(pki::kSymmetricKey);
  const auto apex = Must(pki::WrapApexKey(token("contingency").key.public_key(), symmetric_key));
  const pki::AuthoritySubject root{"ZA", "00"};
  root_oca.certificate = Must(pki::IssueAuthorityCertificate({&root_oca.key, pki::AuthorityName(root)}, root,
                                                             root_oca.key.public_key(), 1, pki::kOrganisationPolicy,
                                                             Serial(), start - kYear, start + kYear * 10, &apex));
  MakePersons();
  MakePolicy();
  MakeDirection();
  BindTokens();
  StartSigner();
}

void TestEstate::MakePersons() {
  const auto add = [&](const std::string& id, const std::string& organisation, std::vector<std::string> roles) {
    TestPerson person{organisation, std::move(roles), {}, {}};
    person.sign = IssuePerson(id, organisation, pki::kDigitalSignature);
    person.agree = IssuePerson(id, organisation, pki::kKeyAgreement);
    persons.emplace(id, std::move(person));
  };
  add("lena.lead", "DCC", {"incident-lead"});
  for (const char* name : {"anna", "bruno", "carla", "dario", "elena"}) {
    add(std::string(name) + ".pma", std::string("org-") + name, {"pma-member"});
  }
  add("felix.pma", "org-felix", {"pma-alternate"});
  add("greta.pma", "org-bruno", {"pma-member"});
  for (const std::string& id : kCustodians) add(id, "DCC", {"key-custodian"});
  for (const std::string& id : kSymmetricCustodians) add(id, "DCC", {"key-custodian"});
  add("dora.double", "org-dora", {"pma-member", "key-custodian"});
  add("clara.chair", "org-clara", {"pma-chair", "key-custodian"});
}

void TestEstate::MakePolicy() {
  policy.environment = kDrill;
  policy.issued = start - kYear;
  policy.approvals_needed = 3;
  policy.chair = "clara.chair";
  for (const char* name : {"anna", "bruno", "carla", "dario", "elena", "greta"}) {
    policy.seats.push_back({std::string("seat-") + name, std::string(name) + ".pma", {}});
  }
  policy.seats[0].alternates = {"felix.pma"};
  policy.seats.push_back({"seat-dora", "dora.double", {}});
  for (const auto& [id, person] : persons) {
    procedures::Person p{id,
                         {id},
                         person.organisation,
                         person.roles,
                         {person.sign->certificate.der()},
                         {person.agree->certificate.der()}};
    policy.persons.push_back(std::move(p));
  }
  for (const char* key : {"recovery", "contingency"}) {
    procedures::KeyCustody k{key, std::string("smki-") + key + "-estate-7", 3, {}};
    for (const auto& share : custody[key].shares)
      k.custodians.push_back({share.person, share.index, procedures::CommitmentOf(share)});
    policy.keys.push_back(std::move(k));
  }
  policy.allowed.push_back({"method-3", pki::Sha256("the runbook"), "recovery", {"anyExceptAbnormalRootByRecovery"}});
  policy.conflicts = {
      {"pma-member", "key-custodian"}, {"pma-chair", "key-custodian"}, {"key-custodian", "incident-lead"}};
  policy.keyguard_certificate.bytes = keyguard.certificate.der();
  policy.orchestrator_certificate.bytes = orchestrator.certificate.der();
  policy.persons_authority.bytes = persons_authority.certificate.der();
  policy.revocation_list_max_age = std::chrono::hours(24 * 7);
  policy.organisation_root.bytes = root_oca.certificate.der();
  policy.device_authorities = {{root_dca.certificate.der()}, {issuing_dca.certificate.der()}};
}

void TestEstate::MakeDirection() {
  const auto organisation = [&](const std::string& name, uint8_t role, Eui64 eui, pki::KeyUsageBits usage) {
    certificates.emplace(name, IssueOrganisation(role, eui, usage, Must(pki::PrivateKey::Generate()).public_key()));
  };
  certificates.emplace("recovery",
                       IssueOrganisation(1, kRecovery, pki::kDigitalSignature, token("recovery").key.public_key()));
  certificates.emplace("contingency",
                       IssueOrganisation(1, kRecovery, pki::kDigitalSignature, token("contingency").key.public_key()));
  organisation("supplier-ds", 2, kSupplierA, pki::kDigitalSignature);
  organisation("supplier-ka", 2, kSupplierA, pki::kKeyAgreement);
  organisation("other-supplier-ds", 2, kSupplierB, pki::kDigitalSignature);
  certificates.emplace("issuing-oca", issuing_oca.certificate);
  for (const auto& [name, certificate] : certificates) handed_over[certificate.sha256()] = certificate.der();

  direction.id = "DIR-2026-0001";
  direction.environment = kDrill;
  direction.incident = "INC-1";
  direction.nonce = ToHex(random.Take(16));
  direction.requested_by = "lena.lead";
  direction.drafted = start - std::chrono::hours(2);
  direction.key = "recovery";
  direction.key_certificate = certificates.at("recovery").sha256();
  direction.procedure = "method-3";
  direction.procedure_digest = pki::Sha256("the runbook");
  direction.mode = "anyExceptAbnormalRootByRecovery";
  direction.counter_first = 1'000'000;
  direction.counter_last = 1'000'999;
  direction.not_before = start - std::chrono::hours(1);
  direction.not_after = start + std::chrono::hours(24 * 7);
  direction.limits = {3, 60, 40, 100000};
  direction.rationale.text = "supplier-a lost its keys";
  uint64_t eui = 0x00DB123456000000;
  for (const char* name : {"esme", "gpf"}) {
    procedures::Population population{kDrill, name, {}};
    for (int i = 0; i < 30; ++i) population.devices.push_back(Eui64(eui++));
    populations.emplace(name, std::move(population));
    procedures::DirectedGroup group;
    group.name = name;
    group.device_type = std::string(name) == "esme" ? "ESME" : "GPF";
    group.replacements = {{"supplier/digitalSignature", certificates.at("supplier-ds").sha256()},
                          {"supplier/keyAgreement", certificates.at("supplier-ka").sha256()}};
    group.path_certificates = {certificates.at("issuing-oca").sha256()};
    group.floors = {{"supplier", 0, std::nullopt}};
    direction.groups.push_back(std::move(group));
  }
  DirectPopulations();
}

void TestEstate::DirectContingency() {
  auto symmetric = std::make_unique<SoftwareToken>();
  symmetric->symmetric = symmetric_key;
  tokens_["symmetric"] = symmetric.get();
  table_["symmetric"] = std::move(symmetric);
  custody["symmetric"] = Must(MakeCustody(kDrill, "symmetric", kSymmetricCustodians, 2, random));
  token("symmetric").secret = ToBytes(custody["symmetric"].secret.span());
  procedures::KeyCustody k{"symmetric", "smki-symmetric-estate-7", 2, {}};
  for (const auto& share : custody["symmetric"].shares)
    k.custodians.push_back({share.person, share.index, procedures::CommitmentOf(share)});
  policy.keys.push_back(std::move(k));
  policy.allowed.push_back({"contingency", pki::Sha256("the runbook"), "contingency", {"anyByContingency"}});
  BindTokens();
  StartSigner();

  const auto next = Must(pki::WrapApexKey(Must(pki::PrivateKey::Generate()).public_key(), random.Take(32)));
  const Identity root = MakeAuthority("ZB", "00", nullptr, pki::kOrganisationPolicy, &next);
  Identity issuing = MakeAuthority("Z2", "07", &root, pki::kOrganisationPolicy);
  std::swap(issuing, issuing_oca);
  const auto issue = [&](pki::KeyUsageBits usage) {
    return IssueOrganisation(2, kSupplierA, usage, Must(pki::PrivateKey::Generate()).public_key());
  };
  certificates.insert_or_assign("new-root", root.certificate);
  certificates.insert_or_assign("new-issuing", issuing_oca.certificate);
  certificates.insert_or_assign("new-supplier-ds", issue(pki::kDigitalSignature));
  certificates.insert_or_assign("new-supplier-ka", issue(pki::kKeyAgreement));
  std::swap(issuing, issuing_oca);
  certificates.insert_or_assign("old-root", root_oca.certificate);
  for (const auto& [name, certificate] : certificates) handed_over[certificate.sha256()] = certificate.der();

  direction.key = "contingency";
  direction.key_certificate = root_oca.certificate.sha256();
  direction.originator = Eui64(0x70B3D51F300017FF);
  direction.procedure = "contingency";
  direction.mode = "anyByContingency";
  for (procedures::DirectedGroup& group : direction.groups) {
    group.replacements = {{"root/keyCertSign", certificates.at("new-root").sha256()},
                          {"supplier/digitalSignature", certificates.at("new-supplier-ds").sha256()},
                          {"supplier/keyAgreement", certificates.at("new-supplier-ka").sha256()}};
    group.path_certificates = {certificates.at("new-issuing").sha256()};
  }
}

void TestEstate::DirectPopulations() {
  for (procedures::DirectedGroup& group : direction.groups) {
    const procedures::Population& population = populations.at(group.name);
    group.population_count = population.devices.size();
    group.population_digest = procedures::PopulationDigest(EncodePopulation(population));
  }
}

void TestEstate::UseRecoveryKey(const pki::PublicKey& key) {
  const pki::Certificate certificate = IssueOrganisation(1, kRecovery, pki::kDigitalSignature, key);
  certificates.insert_or_assign("recovery", certificate);
  handed_over[certificate.sha256()] = certificate.der();
  direction.key_certificate = certificate.sha256();
}

Identity TestEstate::MakeTransport(const std::string& id) {
  pki::PrivateKey key = Must(pki::PrivateKey::Generate());
  pki::Certificate certificate = Must(pki::IssuePersonCertificate(
      {&persons_authority.key, persons_authority.certificate.subject}, id, "DCC", key.public_key(),
      pki::kDigitalSignature, Serial(), start - kYear, start + kYear, true));
  return {std::move(key), std::move(certificate)};
}

Digest TestEstate::DirectionDigest() const {
  return pki::Sha256(DirectionText());
}

void TestEstate::BindTokens() {
  for (auto& [key, token] : tokens_)
    token->binding = {policy.environment, key, policy.version, pki::Sha256(PolicyText())};
}

Bytes TestEstate::Approve(const std::string& person, const std::string& text, const std::string& hint) {
  Identity& identity = *persons.at(person).sign;
  return Must(pki::SignDetached(AsBytes(text), identity.key, identity.certificate,
                                clock.Now() - std::chrono::minutes(30), hint));
}

Bytes TestEstate::RevocationList(std::vector<std::string> revoked_persons) {
  std::vector<pki::Revoked> revoked;
  for (const std::string& person : revoked_persons)
    revoked.push_back({persons.at(person).sign->certificate.serial, start - kYear, 1});
  return Must(pki::IssueRevocationList({&persons_authority.key, persons_authority.certificate.subject}, 1,
                                       clock.Now() - std::chrono::hours(1), clock.Now() + std::chrono::hours(24 * 6),
                                       std::move(revoked)))
      .der;
}

void TestEstate::Tie(Bundle& bundle, const std::vector<std::string>& rejecting, const std::string& decision,
                     const std::string& by) {
  procedures::CastingVote vote;
  vote.environment = policy.environment;
  vote.direction = DirectionDigest();
  vote.person = by;
  vote.decision = decision;
  vote.time = clock.Now() - std::chrono::minutes(30);
  vote.reason.text = "time presses";
  for (const Bytes& cms : bundle.header.approvals) vote.approvals.push_back(pki::Sha256(cms));
  for (const std::string& person : rejecting) {
    const std::string no =
        procedures::Render(procedures::Rejection{policy.environment, vote.direction, person, {"too many Devices"}});
    bundle.header.rejections.push_back({no, Approve(person, no, procedures::kRejectionHint)});
    vote.rejections.push_back(pki::Sha256(no));
  }
  std::sort(vote.approvals.begin(), vote.approvals.end());
  std::sort(vote.rejections.begin(), vote.rejections.end());
  bundle.header.casting_vote = procedures::Render(vote);
  bundle.header.casting_signature = Approve(by, bundle.header.casting_vote, procedures::kCastingVoteHint);
}

Bundle TestEstate::MakeBundle() {
  Bundle bundle;
  bundle.header.incident = direction.incident;
  bundle.header.key = direction.key;
  bundle.header.direction = ToBytes(AsBytes(DirectionText()));
  for (const std::string& person : approvers) {
    bundle.header.approvals.push_back(Approve(person, DirectionText(), procedures::ApprovalHint(direction.id)));
  }
  bundle.header.policy = ToBytes(AsBytes(PolicyText()));
  bundle.header.revocation_list = RevocationList();
  bundle.header.ledger_sequence = kLedgerSequence;
  for (const auto& [group, population] : populations) bundle.populations[group] = EncodePopulation(population);
  bundle.certificates = handed_over;
  return bundle;
}

void TestEstate::StartSigner() {
  signer_.reset();
  KeyTokens borrowed;
  for (const auto& [key, token] : table_) borrowed[key] = std::make_unique<BorrowedToken>(*token);
  const Secret key_pem = keyguard.key.ToPem();
  disk.unsynced = false;
  signer_ = Must(Signer::Make({clock, random, disk, folder / "journal", folder / "persons.crl",
                               Must(pki::PrivateKey::FromPem(AsText(key_pem.span()))), keyguard.certificate,
                               ToBytes(AsBytes(PolicyText())), std::move(borrowed)}));
}

Frame TestEstate::FrameOf(const Bytes& octets) {
  FrameReader reader;
  std::copy(octets.begin(), octets.end(), reader.Room(octets.size()).begin());
  reader.Filled(octets.size());
  return *Must(reader.Next());
}

StatusOr<CeremonyFrame> TestEstate::Prepare(const Bundle& bundle) {
  signer_->Submit(FrameOf(MakeFrame(FrameType::kPrepareBegin, bundle.header)));
  for (const auto& [group, octets] : bundle.populations) {
    signer_->Submit(FrameOf(MakeFrame(FrameType::kPopulationPart, PopulationFrame{group, octets})));
  }
  for (const auto& [digest, der] : bundle.certificates)
    signer_->Submit(FrameOf(MakeFrame(FrameType::kCertificate, CertificateFrame{der})));
  return Ask<CeremonyFrame>(FrameType::kPrepareEnd, EmptyFrame{});
}

PresentFrame TestEstate::Presentation(const std::string& person, const CeremonyFrame& ceremony) {
  const auto request = Must(procedures::ParseCeremonyRequest(ceremony.request));
  TestPerson& custodian = persons.at(person);
  const auto& shares = custody.at(request.key).shares;
  const auto share = std::find_if(shares.begin(), shares.end(), [&](const auto& s) { return s.person == person; });
  if (share == shares.end()) {
    ADD_FAILURE() << person << " holds no share";
    std::abort();
  }
  const Bytes envelope = Must(pki::Envelop(procedures::EncodeShareRecord(*share).span(), custodian.agree->certificate));
  procedures::PresentedShare made = Must(procedures::PresentShare(
      policy, request, ceremony.request, person, envelope,
      {custodian.agree->key, custodian.agree->certificate, custodian.sign->key, custodian.sign->certificate},
      clock.Now()));
  return {std::move(made.document), std::move(made.signature), std::move(made.envelope)};
}

::smki::Status TestEstate::Open() {
  SMKI_ASSIGN_OR_RETURN(CeremonyFrame ceremony, Prepare());
  for (const char* person : {"kira.custodian", "liam.custodian", "mona.custodian"}) {
    SMKI_ASSIGN_OR_RETURN(ceremony, Present(person, ceremony));
  }
  return ceremony.open ? OkStatus() : Internal("three shares did not open the key");
}

SignFrame TestEstate::SignRequest(const std::string& group, std::vector<SignItem> items) const {
  return {DirectionDigest(), group, std::move(items), kLedgerSequence, Digest{}};
}

ProofItem TestEstate::Proof(const SignedItem& signed_item, const std::function<void(gbcs::ExecutionOutcome&)>& bend) {
  auto known = devices.find(signed_item.device);
  if (known == devices.end()) {
    pki::PrivateKey key = Must(pki::PrivateKey::Generate());
    pki::Certificate certificate =
        Must(pki::IssueDeviceCertificate({&issuing_dca.key, issuing_dca.certificate.subject}, signed_item.device,
                                         key.public_key(), pki::kDigitalSignature, Serial(), start - kYear));
    known = devices.emplace(signed_item.device, Identity{std::move(key), std::move(certificate)}).first;
  }
  Identity& device = known->second;
  const gbcs::Message command = Must(gbcs::ParseMessage(signed_item.command));
  const gbcs::CommandPayload asked = Must(gbcs::ParseCommandPayload(command.payload));
  gbcs::ExecutionOutcome outcome;
  outcome.seq_number = asked.seq_number;
  outcome.mode = asked.mode;
  for (const gbcs::Replacement& replacement : asked.replacements) {
    const auto certificate = Must(pki::Certificate::Parse(replacement.certificate));
    gbcs::ReplacementOutcome o;
    o.cell = replacement.cell;
    o.replacing_ski = certificate.public_key->identifier();
    outcome.outcomes.push_back(o);
  }
  if (bend) bend(outcome);
  gbcs::Message response;
  response.cra = gbcs::Cra::kResponse;
  response.originator_counter = command.originator_counter;
  response.originator = command.recipient;
  response.recipient = command.originator;
  response.date_time = Bytes(12);
  response.message_code = command.message_code;
  response.payload = gbcs::EncodeResponsePayload({outcome, DerLengths::kMinimal});
  response.signature = Must(device.key.Sign(gbcs::SignedOctets(response)));
  return {signed_item.device, gbcs::EncodeMessage(response), device.certificate.der()};
}

StatusOr<ProvedFrame> TestEstate::Prove(std::vector<ProofItem> proofs) {
  return Ask<ProvedFrame>(FrameType::kProve, ProveFrame{DirectionDigest(), std::move(proofs)});
}

StatusOr<StatusFrame> TestEstate::Order(const std::string& order, const std::string& person) {
  procedures::PmaOrder document{
      order, policy.environment, DirectionDigest(), person, UtcTime{clock.Now().ms / 1000 * 1000}, {"a test"}};
  const std::string text = procedures::Render(document);
  Identity& identity = *persons.at(person).sign;
  return Ask<StatusFrame>(FrameType::kOrder,
                          OrderFrame{text, Must(pki::SignDetached(AsBytes(text), identity.key, identity.certificate,
                                                                  clock.Now(), "smki order " + order))});
}

uint64_t TestEstate::Refusals(const std::string& code) {
  for (const RefusalCount& count : Status().refusal_counts) {
    if (count.code == code) return count.count;
  }
  return 0;
}

}  // namespace smki::hsm::test
