#include "house.h"

#include <algorithm>

#include "base/sqlite.h"
#include "ledger/checkpoint.h"
#include "pki/digest.h"
#include "procedures/documents.h"
#include "procedures/reason.h"
#include "smki/ledger/v1/ledger.pb.h"

namespace smki::orchestrator::test {
namespace {

constexpr char kKeyguard[] = "/smki.keyguard.v1.Keyguard/";
constexpr char kAuthority[] = "/smki.estate.v1.CertificateAuthority/";
const char* const kSupplierCells[] = {"supplier/digitalSignature", "supplier/keyAgreement",
                                      "supplier/keyAgreement/prePaymentTopUp"};

Bytes Serial() {
  Bytes out = SystemRandom().Take(16);
  out[0] = 0x11;
  return out;
}

UtcTime Time(const char* text) {
  return *ParseTime(text);
}

}  // namespace

House::House(size_t count) : pki(people), device_authority_(Must(pki::PrivateKey::Generate())) {
  site.data = scratch.path() + "/data";
  site.evidence = scratch.path() + "/evidence";
  site.runbooks = "runbooks";
  site.extracts = scratch.path() + "/extracts";
  site.store = scratch.path() + "/data/repository.store";
  site.policy = scratch.path() + "/policy.yaml";
  site.revocation_list = scratch.path() + "/persons.crl";
  site.identity_key = scratch.path() + "/identity.pem";
  site.campaign.batch = 4;
  site.campaign.canary = 2;
  for (size_t i = 0; i < count + 2; ++i) {
    estate::v1::Device device;
    device.set_eui(0x00DB123456000000 + i);
    device.set_device_type(i % 2 == 0 ? "ESME" : "GPF");
    device.set_supplier((i < count ? kSupplier : kOtherSupplier).value());  // the last two are bystanders
    for (const char* cell : kSupplierCells) device.add_cells(cell);
    device.add_cells("networkOperator/digitalSignature");
    devices.push_back(device);
  }
  WriteFiles();
  ServeKeyguard();
  ServeEstate();
}

repository::CertificateRecord House::Organisation(uint8_t role, Eui64 eui, pki::KeyUsageBits usage, UtcTime from) {
  const pki::PrivateKey key = Must(pki::PrivateKey::Generate());
  const pki::Certificate certificate = Must(pki::IssueOrganisationCertificate(
      pki.issuing, {"", role, eui}, key.public_key(), usage, Serial(), from, Time("2035-01-01T00:00:00Z")));
  repository::CertificateRecord record;
  record.kind = repository::CertificateKind::kOrganisation;
  record.eui = eui;
  record.serial = certificate.serial;
  record.role = role;
  record.usage = usage == pki::kDigitalSignature ? "DS" : "KA";
  record.der = certificate.der();
  return record;
}

void House::WriteExtract(bool full, const std::string& date,
                         const std::vector<repository::CertificateRecord>& records) {
  auto writer = Must(repository::ExtractWriter::Create(site.extracts, full, date));
  for (const repository::CertificateRecord& record : records) {
    const Status added = writer->Add(record);
    if (!added.ok()) CheckFailed(Message(added).c_str(), __FILE__, __LINE__);
  }
  SMKI_CHECK(writer->Finish().ok());
}

void House::WriteFiles() {
  FileSystem& files = PosixFiles();
  const UtcTime from = Time("2026-01-01T00:00:00Z"), to = Time("2060-01-01T00:00:00Z");
  const pki::AuthoritySubject dca{"Root DCA", ""};
  const pki::IssuerIdentity device_root{&device_authority_, pki::AuthorityName(dca)};
  const pki::Certificate device_root_certificate = Must(pki::IssueAuthorityCertificate(
      device_root, dca, device_authority_.public_key(), 1, pki::kDevicePolicy, Serial(), from, to));
  people.policy.device_authorities = {{device_root_certificate.der()}};
  people.policy.allowed = {{"method-3", pt::MethodThree().digest, "recovery", {"anyExceptAbnormalRootByRecovery"}}};
  SMKI_CHECK(files.WriteDurably(site.policy, AsBytes(procedures::RenderPolicy(people.policy))).ok());
  SMKI_CHECK(files.WriteDurably(site.revocation_list, people.FreshList()).ok());
  SMKI_CHECK(files.WriteDurably(site.identity_key, people.KeyOf("orchestrator").ToPem().span(), true).ok());
  SMKI_CHECK(files.CreateDirectories(site.extracts).ok());
  SMKI_CHECK(files.CreateDirectories(site.data).ok());

  std::vector<repository::CertificateRecord> full;
  const auto authority = [&](const pki::Certificate& certificate, repository::CertificateKind kind) {
    repository::CertificateRecord record;
    record.kind = kind;
    record.subject_name = certificate.subject_cn;
    record.serial = certificate.serial;
    record.usage = "CA";
    record.der = certificate.der();
    return record;
  };
  full.push_back(authority(Must(pki::Certificate::Parse(people.policy.organisation_root.bytes)),
                           repository::CertificateKind::kOrganisationAuthority));
  const Bytes issuing = pki.certificates.at(pki.direction.groups[0].path_certificates[0]);
  full.push_back(
      authority(Must(pki::Certificate::Parse(issuing)), repository::CertificateKind::kOrganisationAuthority));
  full.push_back(authority(device_root_certificate, repository::CertificateKind::kDeviceAuthority));
  const UtcTime old = Time("2026-11-01T00:00:00Z");
  full.push_back(Organisation(1, kOriginator, pki::kDigitalSignature, old));
  full.push_back(Organisation(2, kSupplier, pki::kDigitalSignature, old));
  full.push_back(Organisation(2, kSupplier, pki::kKeyAgreement, old));
  for (const estate::v1::Device& device : devices) {
    pki::PrivateKey key = Must(pki::PrivateKey::Generate());
    const pki::Certificate certificate = Must(pki::IssueDeviceCertificate(
        device_root, Eui64(device.eui()), key.public_key(), pki::kDigitalSignature, Serial(), from));
    repository::CertificateRecord record;
    record.kind = repository::CertificateKind::kDevice;
    record.eui = Eui64(device.eui());
    record.serial = certificate.serial;
    record.usage = "DS";
    record.der = certificate.der();
    full.push_back(std::move(record));
    device_keys_.emplace(Eui64(device.eui()), std::move(key));
  }
  WriteExtract(true, "2026-11-20", full);
}

void House::LodgeNewCertificates() {
  const UtcTime today = Time("2026-11-21T00:00:00Z");
  WriteExtract(
      false, "2026-11-21",
      {Organisation(2, kSupplier, pki::kDigitalSignature, today), Organisation(2, kSupplier, pki::kKeyAgreement, today),
       Organisation(2, kSupplier, pki::kKeyAgreement, today)});
}

Status House::Start() {
  core.reset();
  SMKI_ASSIGN_OR_RETURN(core, Orchestrator::Create(site, {executor, clock, random, disk, worker, keyguard, estate}));
  core->Resume();
  Settle();
  return OkStatus();
}

void House::Settle(Millis time) {
  executor.Advance(time);
}

// A trigger stands for the full disk.
void House::FillLedgerFor(Millis time, const std::string& sql) {
  core.reset();
  const Status filled = Must(sqlite::Database::Open(site.data + "/ledger.sqlite", SQLITE_OPEN_READWRITE))
                            .Execute(fmt::format("CREATE TRIGGER full BEFORE INSERT ON entry WHEN new.time < {} AND {} "
                                                 "BEGIN SELECT RAISE(FAIL, 'disk full'); END",
                                                 (clock.Now() + time).ms, sql));
  if (!filled.ok()) CheckFailed(Message(filled).c_str(), __FILE__, __LINE__);
  SMKI_CHECK(Start().ok());
}

// --- the keyguard ---

void House::ServeKeyguard() {
  keyguard.On<keyguard::v1::GetStatusRequest>(
      std::string(kKeyguard) + "GetStatus",
      [this](const auto&) -> StatusOr<keyguard::v1::Status> { return keyguard_status; });
  keyguard.OnUpload(std::string(kKeyguard) + "Prepare", [this](const auto& messages) { return Prepare(messages); });
  keyguard.On<keyguard::v1::SignRequest>(std::string(kKeyguard) + "Sign",
                                         [this](const auto& request) { return SignCommands(request); });
  keyguard.On<keyguard::v1::ProveRequest>(
      std::string(kKeyguard) + "Prove",
      [](const auto&) -> StatusOr<keyguard::v1::ProveResponse> { return keyguard::v1::ProveResponse(); });
  keyguard.On<keyguard::v1::CloseRequest>(std::string(kKeyguard) + "Close",
                                          [this](const auto&) -> StatusOr<keyguard::v1::CloseResponse> {
                                            keyguard_status.set_state(keyguard::v1::Status::CLOSED);
                                            keyguard_status.set_signatures(commands.size());
                                            keyguard::v1::CloseResponse response;
                                            *response.mutable_status() = keyguard_status;
                                            return response;
                                          });
  keyguard.On<keyguard::v1::CountersignRequest>(
      std::string(kKeyguard) + "Countersign",
      [this](const keyguard::v1::CountersignRequest& request) -> StatusOr<keyguard::v1::CountersignResponse> {
        const ledger::SignedNote note = Must(ledger::ParseSignedNote(request.checkpoint()));
        keyguard::v1::CountersignResponse response;
        response.set_signature_line(Must(ledger::SignatureLine(note.body, "keyguard", people.KeyOf("keyguard"))));
        return response;
      });
  const std::string journal = std::string(kKeyguard) + "ExportJournal";
  keyguard.OnOpen(journal, [this, journal](const std::string&) {
    keyguard::v1::JournalChunk chunk;
    chunk.set_octets("the journal");
    keyguard.Push(journal, chunk.SerializeAsString());
    keyguard.End(journal, OkStatus());
  });
}

StatusOr<std::string> House::Prepare(const std::vector<std::string>& messages) {
  if (prepare_error) return *prepare_error;
  for (const std::string& octets : messages) {
    keyguard::v1::PrepareRequest part;
    SMKI_CHECK(part.ParseFromString(octets));
    if (part.has_header()) prepared = part.header();
    if (!part.certificate().empty()) {
      prepared_certificates[pki::Sha256(AsBytes(part.certificate()))] = ToBytes(AsBytes(part.certificate()));
    }
  }
  procedures::CeremonyRequest request;
  request.environment = people.policy.environment;
  request.id = fmt::format("CER-{:016x}", ++ceremonies);
  request.incident = prepared.incident();
  request.direction = pki::Sha256(AsBytes(prepared.direction()));
  request.direction_id = Must(procedures::ParseDirection(prepared.direction())).id;
  request.key = "recovery";
  request.threshold = 2;
  request.keyguard_time = pt::Now();
  request.expires = pt::Now() + std::chrono::hours(1);
  request.ceremony_certificate.bytes = {1};
  keyguard::v1::PrepareResponse response;
  response.mutable_ceremony()->set_request(procedures::Render(request));
  response.mutable_ceremony()->set_signature(
      ToString(people.Sign("keyguard", AsBytes(response.ceremony().request()), "", clock.Now())));
  response.mutable_ceremony()->set_threshold(2);
  keyguard_status.set_state(custodians_present ? keyguard::v1::Status::OPEN : keyguard::v1::Status::CEREMONY);
  keyguard_status.set_ceremony(request.id);
  keyguard_status.set_direction_digest(ToString(request.direction));
  return response.SerializeAsString();
}

StatusOr<keyguard::v1::SignResponse> House::SignCommands(const keyguard::v1::SignRequest& request) {
  if (keyguard_status.state() != keyguard::v1::Status::OPEN) {
    return procedures::Refuse(procedures::Reason::kKEY_CLOSED, "closed");
  }
  keyguard::v1::SignResponse response;
  for (const keyguard::v1::SignItem& item : request.items()) {
    keyguard::v1::SignedCommand& command = *response.add_commands();
    command.set_device(item.device());
    command.set_attempt(item.attempt());
    std::string& octets = commands[{Eui64(item.device()), item.attempt()}];
    if (octets.empty()) {
      if (next_counter_ == 0) next_counter_ = Must(procedures::ParseDirection(prepared.direction())).counter_first;
      gbcs::Message message;
      message.originator_counter = next_counter_++;
      message.originator = kOriginator;
      message.recipient = Eui64(item.device());
      message.message_code = gbcs::kAnyExceptAbnormalRootByRecoveryCode;
      message.payload = {0x30, 0x00};
      message.signature.emplace();
      octets = ToString(gbcs::EncodeMessage(message));
    }
    command.set_counter(Must(gbcs::ParseMessage(AsBytes(octets))).originator_counter);
    command.set_command(octets);
  }
  return response;
}

// --- the estate ---

void House::ServeParties() {
  estate.On<estate::v1::FindPartyRequest>(
      std::string(kAuthority) + "FindParty",
      [this](const estate::v1::FindPartyRequest& request) -> StatusOr<estate::v1::FindPartyResponse> {
        estate::v1::FindPartyResponse response;
        const auto it = parties.find(request.organisation());
        if (it != parties.end()) response.set_party(it->second);
        return response;
      });
}

void House::ServeEstate() {
  estate.On<estate::v1::ListDevicesRequest>(
      "/smki.estate.v1.Inventory/ListDevices",
      [this](const estate::v1::ListDevicesRequest& request) -> StatusOr<estate::v1::ListDevicesResponse> {
        estate::v1::ListDevicesResponse response;
        // As an Inventory that ignores the filter: the draft must not rely on it.
        for (const estate::v1::Device& device : devices) {
          if (device.eui() > request.after()) *response.add_devices() = device;
        }
        return response;
      });
  ServeParties();
  estate.On<estate::v1::RevokeRequest>(
      std::string(kAuthority) + "Revoke",
      [this](const estate::v1::RevokeRequest& request) -> StatusOr<estate::v1::RevokeResponse> {
        revoked.push_back(request.serial());
        return estate::v1::RevokeResponse();
      });
  estate.On<estate::v1::PublishRevocationListRequest>(
      std::string(kAuthority) + "PublishRevocationList",
      [this](const auto&) -> StatusOr<estate::v1::PublishRevocationListResponse> {
        estate::v1::PublishRevocationListResponse response;
        response.set_file("SMKI_ORGANISATION_CRL.crl.gz");
        response.set_revocation_list(ToString(
            Must(pki::IssueRevocationList(pki.issuing, 2, clock.Now(), clock.Now() + std::chrono::hours(24), {})).der));
        return response;
      });
  estate.On<estate::v1::DeliverRequest>(
      kDeliver, [this](const estate::v1::DeliverRequest& request) -> StatusOr<estate::v1::DeliverResponse> {
        if (on_deliver) on_deliver();
        for (const estate::v1::Command& command : request.commands()) {
          ++delivered;
          const Eui64 device(command.device());
          const uint64_t counter = Must(gbcs::ParseMessage(AsBytes(command.message()))).originator_counter;
          if (behaviour[device].silent) continue;
          estate::v1::ResponseBatch batch;
          estate::v1::Response& response = *batch.add_responses();
          response.set_sequence(next_sequence_++);
          response.set_device(command.device());
          response.set_message(Respond(device, counter, behaviour[device]));
          executor.PostAfter(Millis(5),
                             [this, octets = batch.SerializeAsString()] { estate.Push(kResponses, octets); });
        }
        return estate::v1::DeliverResponse();
      });
}

std::string House::Respond(Eui64 device, uint64_t counter, const Behaviour& how) {
  const procedures::Direction direction = Must(procedures::ParseDirection(prepared.direction()));
  gbcs::ExecutionOutcome outcome;
  outcome.seq_number = counter;
  for (const procedures::DirectedReplacement& replacement : direction.groups.front().replacements) {
    const pki::Certificate certificate =
        Must(pki::Certificate::Parse(prepared_certificates.at(replacement.certificate)));
    gbcs::ReplacementOutcome one;
    one.cell = *gbcs::TrustAnchorCell::Parse(replacement.cell);
    one.status = how.fail_all ? gbcs::StatusCode::kBadCertificate : gbcs::StatusCode::kSuccess;
    one.replacing_eui = *certificate.subject_eui;
    one.replacing_ski = certificate.public_key->identifier();
    outcome.outcomes.push_back(one);
  }
  gbcs::ResponsePayload payload;
  payload.outcome = outcome;
  gbcs::Message message;
  message.cra = gbcs::Cra::kResponse;
  message.originator_counter = counter;
  message.originator = device;
  message.recipient = kOriginator;
  message.date_time = Bytes(12, 0);
  message.message_code = gbcs::kAnyExceptAbnormalRootByRecoveryCode;
  message.payload = gbcs::EncodeResponsePayload(payload);
  message.signature.emplace();
  message.signature = Must(device_keys_.at(device).Sign(gbcs::SignedOctets(message)));
  return ToString(gbcs::EncodeMessage(message));
}

// --- people ---

Bytes House::Sign(const std::string& person, std::string_view document, const std::string& hint) {
  return people.Sign(person, AsBytes(document), hint, clock.Now());
}

procedures::Statement House::StatementFor(const std::string& person, const std::string& verb, const std::string& step,
                                          const std::string& choice, const std::string& text) {
  procedures::Statement statement;
  statement.environment = people.policy.environment;
  const auto view = core->GetIncident("leo", "");
  statement.incident = verb == "open" ? "new" : view->incident();
  statement.step = step;
  statement.verb = verb;
  statement.choice = choice;
  statement.expected_sequence = verb == "open" ? 0 : view->sequence();
  statement.person = person;
  statement.time = {clock.Now().ms - clock.Now().ms % 1000};
  statement.text = procedures::CleanText(text);
  if (verb == "decide") statement.factors = Answers(*view, step);
  return statement;
}

std::vector<procedures::GuidanceFactor> House::Answers(const recovery::v1::IncidentView& view,
                                                       const std::string& step) {
  std::map<std::string, std::string> answers;
  for (const recovery::v1::StepView& one : view.steps()) {
    if (one.id() != step) continue;
    for (const recovery::v1::FactorView& factor : one.factors()) {
      if (factor.mandatory()) answers[factor.id()] = "as to " + factor.id();
    }
  }
  std::vector<procedures::GuidanceFactor> out;
  for (const auto& [id, answer] : answers) out.push_back({id, {answer}});
  return out;
}

recovery::v1::ActRequest House::Request(const std::string& person, const procedures::Statement& statement) {
  recovery::v1::ActRequest request;
  request.set_incident(statement.incident);
  if (statement.step != "none") request.set_step(statement.step);
  request.set_verb(statement.verb);
  if (statement.choice != "none") request.set_choice(statement.choice);
  request.set_text(statement.text.text);
  request.set_expected_sequence(statement.expected_sequence);
  for (const procedures::GuidanceFactor& factor : statement.factors) {
    recovery::v1::KeyValue& one = *request.add_factors();
    one.set_key(factor.id);
    one.set_value(factor.answer.text);
  }
  const procedures::Deviation asked = procedures::AskedBy(statement);
  request.set_deviation(statement.deviation.value_or(""));
  request.set_not_after(asked.not_after);
  request.set_runbook(asked.runbook);
  request.set_witness(asked.witness);
  request.set_statement(procedures::Render(statement));
  request.set_signature(ToString(Sign(person, request.statement(), "")));
  return request;
}

StatusOr<recovery::v1::IncidentView> House::Send(const std::string& person, const recovery::v1::ActRequest& request) {
  auto out = std::make_shared<StatusOr<recovery::v1::IncidentView>>(Internal("no answer yet"));
  core->Act(person, request, [out](StatusOr<recovery::v1::IncidentView> view) { *out = std::move(view); });
  Settle();
  return *out;
}

Status House::Act(const std::string& person, const std::string& verb, const std::string& step,
                  const std::string& choice, const std::string& text) {
  return Send(person, Request(person, StatementFor(person, verb, step, choice, text))).status();
}

Status House::Ask(const std::string& person, const procedures::Deviation& asked) {
  procedures::Statement statement =
      StatementFor(person, "deviate", asked.step.empty() ? "none" : asked.step, "none", asked.why);
  statement.deviation = Name(asked.kind);
  statement.witness = procedures::Quoted{asked.witness};
  if (!asked.not_after.empty()) statement.not_after = asked.not_after;
  if (!asked.runbook.empty()) statement.runbook = DigestFromHex(asked.runbook);
  return Send(person, Request(person, statement)).status();
}

recovery::v1::DeviationView House::NewestDeviation() {
  const recovery::v1::IncidentView view = View();
  SMKI_CHECK(view.deviations_size() > 0);
  return view.deviations(view.deviations_size() - 1);
}

Status House::Approve(const std::string& person) {
  const recovery::v1::DeviationView newest = NewestDeviation();
  return Act(person, "approve", newest.step().empty() ? "none" : newest.step(), newest.digest(), "");
}

recovery::v1::OpenIncidentRequest House::Opening(const std::string& person, const std::string& id) {
  recovery::v1::OpenIncidentRequest request;
  request.set_runbook("method-3");
  request.set_request_id(id);
  request.mutable_notification()->set_party("supplier-a");
  request.mutable_notification()->set_organisation(kSupplier.value());
  request.mutable_notification()->set_what("its keys are in other hands");
  request.mutable_notification()->set_reported_by(person);
  request.mutable_notification()->set_received(FormatTime(clock.Now()));
  procedures::Statement statement;
  statement.environment = people.policy.environment;
  statement.incident = "new";
  statement.step = "none";
  statement.verb = "open";
  statement.choice = "none";
  statement.person = person;
  statement.time = {clock.Now().ms - clock.Now().ms % 1000};
  statement.text = procedures::CleanText(request.notification().what());
  request.set_statement(procedures::Render(statement));
  request.set_signature(ToString(Sign(person, request.statement(), "")));
  return request;
}

StatusOr<recovery::v1::IncidentView> House::SendOpening(const std::string& person,
                                                        const recovery::v1::OpenIncidentRequest& request) {
  auto out = std::make_shared<StatusOr<recovery::v1::IncidentView>>(Internal("no answer yet"));
  core->OpenIncident(person, request, [out](StatusOr<recovery::v1::IncidentView> view) { *out = std::move(view); });
  Settle();
  return *out;
}

Status House::Open(const std::string& person) {
  return SendOpening(person, Opening(person)).status();
}

Status House::SubmitVote(const std::string& caller, const Bytes& cms, const std::string& rejection,
                         const std::string& casting_vote) {
  recovery::v1::SubmitVoteRequest request;
  request.set_casting_vote(casting_vote);
  request.set_rejection(rejection);
  request.set_signature(ToString(cms));
  const Status status = core->SubmitVote(caller, request).status();
  Settle();
  return status;
}

Status House::Vote(const std::string& person) {
  const recovery::v1::DirectionView view = Must(core->GetDirection(person, ""));
  const procedures::Direction direction = Must(procedures::ParseDirection(view.direction()));
  return SubmitVote(person, Sign(person, view.direction(), procedures::ApprovalHint(direction.id)));
}

Status House::Reject(const std::string& person, const std::string& reason) {
  procedures::Rejection rejection;
  rejection.environment = people.policy.environment;
  rejection.direction = pki::Sha256(Must(core->GetDirection(person, "")).direction());
  rejection.person = person;
  rejection.reason = procedures::CleanText(reason);
  const std::string document = procedures::Render(rejection);
  return SubmitVote(person, Sign(person, document, procedures::kRejectionHint), document);
}

Status House::Cast(const std::string& person, const std::string& decision) {
  const recovery::v1::DirectionView view = Must(core->GetDirection(person, ""));
  procedures::CastingVote vote;
  vote.environment = people.policy.environment;
  vote.direction = pki::Sha256(view.direction());
  vote.person = person;
  vote.decision = decision;
  for (const std::string& cms : view.approvals()) vote.approvals.push_back(pki::Sha256(AsBytes(cms)));
  for (const recovery::v1::Rejection& no : view.rejections()) vote.rejections.push_back(pki::Sha256(no.document()));
  std::sort(vote.approvals.begin(), vote.approvals.end());
  std::sort(vote.rejections.begin(), vote.rejections.end());
  vote.time = {clock.Now().ms - clock.Now().ms % 1000};
  vote.reason.text = "time presses";
  const std::string document = procedures::Render(vote);
  return SubmitVote(person, Sign(person, document, procedures::kCastingVoteHint), "", document);
}

// --- the way through ---

void House::ReachDirection() {
  SMKI_CHECK(Start().ok());
  SMKI_CHECK(Open().ok());
  DriveToDirection();
}

void House::DriveToDirection() {
  for (const auto& [person, step] : std::vector<std::pair<std::string, std::string>>{{"leo", "report-received"},
                                                                                     {"ola", "confirm-compromise"},
                                                                                     {"leo", "notify-pma"},
                                                                                     {"ola", "new-certificates"}}) {
    const Status done = Act(person, "done", step);
    if (!done.ok()) CheckFailed(Message(done).c_str(), __FILE__, __LINE__);
  }
  LodgeNewCertificates();
  SMKI_CHECK(Act("leo", "decide", "guidance", "direct", guidance).ok());
  Settle(Millis(3000));
  SMKI_CHECK(Act("leo", "start", "direction").ok());
  Settle(Millis(1000));
}

void House::ReachCampaign() {
  ReachDirection();
  for (const char* member : {"ann", "bob", "cal"}) SMKI_CHECK(Vote(member).ok());
  Settle(Millis(5000));
}

void House::Finish() {
  ReachCampaign();
  const Status proceed = Act("leo", "decide", "proceed", "proceed");
  if (!proceed.ok()) CheckFailed(Message(proceed).c_str(), __FILE__, __LINE__);
  Settle(Millis(10000));
  SMKI_CHECK(Act("leo", "done", "review").ok());
  (void)Act("leo", "close", "none");  // answered when the export is complete
  Settle(Millis(3000));
}

recovery::v1::IncidentView House::View() {
  return Must(core->GetIncident("leo", ""));
}

recovery::v1::StepView House::Step(const std::string& id) {
  const recovery::v1::IncidentView view = View();
  for (const recovery::v1::StepView& step : view.steps()) {
    if (step.id() == id) return step;
  }
  CheckFailed(id.c_str(), __FILE__, __LINE__);
}

std::vector<ledger::Entry> House::Entries() {
  return Must(core->book().ledger().Read(0, 100000));
}

std::vector<ledger::Entry> House::Entries(const std::string& kind) {
  std::vector<ledger::Entry> out = Entries();
  std::erase_if(out, [&](const ledger::Entry& entry) { return entry.kind != kind; });
  return out;
}

uint64_t House::RefusalsOf(const std::string& code) {
  uint64_t out = 0;
  for (const ledger::Entry& entry : Entries("refusal")) {
    ledger::v1::RefusalRecord record;
    SMKI_CHECK(record.ParseFromArray(entry.payload.data(), static_cast<int>(entry.payload.size())));
    if (record.reason() == code) out += record.count();
  }
  return out;
}

}  // namespace smki::orchestrator::test
