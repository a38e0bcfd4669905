#include "tests/simulation/check/test_history.h"

#include <sqlite3.h>

#include <filesystem>
#include <fstream>

#include "base/wire.h"
#include "ledger/checkpoint.h"
#include "pki/digest.h"
#include "procedures/custody_change.h"
#include "procedures/documents.h"
#include "tests/simulation/check/log_reader.h"
#include "tests/simulation/check/population_reader.h"

namespace smki::simulation::test {
namespace {

namespace kg = keyguard::v1;
using hsm::test::Must;

constexpr char kJournal[] = "signer-journal";
constexpr char kCampaign[] = "campaign";
constexpr char kJournalPath[] = "/keyguard/journal.log";
constexpr char kCheckpointPath[] = "/keyguard/newest-checkpoint";
constexpr char kIncident[] = "INC-1";
const std::vector<std::string> kCustodians = {"kira.custodian", "liam.custodian", "mona.custodian"};

std::vector<Record> SplitJournal(const Bytes& file) {
  std::vector<Record> out;
  for (size_t at = 8 + 4 + sizeof kJournal - 1; at < file.size();) {
    WireReader in(ByteSpan(file).subspan(at));
    const uint32_t length = in.U32();
    const uint8_t type = in.U8();
    out.emplace_back(type, Bytes(file.begin() + static_cast<std::ptrdiff_t>(at + 9),
                                 file.begin() + static_cast<std::ptrdiff_t>(at + 9 + length)));
    at += 9 + length + 32;
  }
  return out;
}

kg::Ceremony ToProto(const hsm::CeremonyFrame& frame) {
  kg::Ceremony out;
  out.set_request(frame.request);
  out.set_signature(ToString(frame.signature));
  for (const std::string& person : frame.presented) out.add_presented(person);
  out.set_threshold(frame.threshold);
  out.set_open(frame.open);
  return out;
}

kg::Status ToProto(const hsm::StatusFrame& frame) {
  kg::Status out;
  out.set_state(static_cast<kg::Status::State>(frame.state));
  out.set_environment(frame.environment);
  out.set_estate(frame.estate);
  if (frame.direction) out.set_direction_digest(ToString(*frame.direction));
  out.set_journal_records(frame.journal_records);
  out.set_journal_head(ToString(frame.journal_head));
  out.set_policy_digest(ToString(frame.policy_digest));
  out.set_time_ms(frame.time.ms);
  out.set_ledger_sequence(frame.ledger_sequence);
  if (frame.ledger_head) out.set_ledger_head(ToString(*frame.ledger_head));
  return out;
}

class Maker {
 public:
  Maker() : e_(*estate_) {}

  History Make() {
    h_.estate = estate_.release();  // lives as long as the program
    MakeWorld();
    OpenIncident();
    Direct();
    OpenKey();
    RunCampaign();
    CloseAll();
    h_.journal = SplitJournal(JournalFile());
    return std::move(h_);
  }

  // The signer crashes while the key is open; the shares are shown again; what was signed is asked for again; a member
  // halts and a quorum resumes; one more attempt; the key is closed. Without the end: no ledger follows this.
  History MakeTroubled() {
    h_.estate = estate_.release();
    h_.with_end = false;
    MakeWorld();
    OpenIncident();
    Direct();
    OpenKey();
    RunCampaign();
    Crash();
    OpenKey();
    const auto& devices = e_.populations.at("esme").devices;
    e_.clock.Advance(std::chrono::hours(1));
    Sign({{devices[0], 1}, {devices[4], 2}});  // the stored signature, and a new one
    GiveOrder("halt", "anna.pma");
    for (const char* person : {"bruno.pma", "carla.pma", "dario.pma"}) GiveOrder("resume", person);
    OpenKey();
    Sign({{devices[1], 1}});
    CloseKey();
    h_.journal = SplitJournal(JournalFile());
    return std::move(h_);
  }

  // The shares are refreshed before anything happens; then the new ones open the key under the new policy.
  History MakeRefreshed() {
    h_.estate = estate_.release();
    h_.with_end = false;
    MakeWorld();
    RefreshShares();
    OpenIncident();
    Direct();
    OpenKey();
    RunCampaign();
    CloseKey();
    h_.journal = SplitJournal(JournalFile());
    return std::move(h_);
  }

 private:
  void RefreshShares() {
    procedures::CustodyChange change;
    change.id = "CUS-1";
    change.environment = e_.policy.environment;
    change.key = "recovery";
    change.change = "refresh";
    change.policy_version = 1;
    change.policy = pki::Sha256(e_.PolicyText());
    change.threshold = 3;
    for (const auto& share : e_.custody.at("recovery").shares) change.custodians.push_back(share.person);
    change.requested_by = "lena.lead";
    change.nonce = std::string(32, 'a');
    change.drafted = e_.clock.Now() - std::chrono::hours(2);
    change.not_after = e_.clock.Now() + std::chrono::hours(24);
    const hsm::CeremonyFrame asked = BeginRefresh(Render(change));
    for (const std::string& person : kCustodians) {
      Show(person, asked.request, e_.Presentation(person, asked));
    }
    std::vector<procedures::ShareRecord> shares;
    for (const std::string& person : change.custodians) shares.push_back(Confirm(person));
    e_.custody.at("recovery").shares = std::move(shares);
    e_.policy = Must(procedures::ParsePolicy(next_policy_));
    Crash();  // an ordinary end
  }
  hsm::CeremonyFrame BeginRefresh(const std::string& change) {
    hsm::BeginCustodyFrame frame{change, {}, ToBytes(AsBytes(e_.PolicyText())), e_.RevocationList()};
    kg::BeginCustodyChangeRequest request;
    request.set_change(change);
    for (const std::string& person : e_.approvers) {
      Add(Kind::kSigned, person, "", {change});
      frame.approvals.push_back(e_.Approve(person, change, ""));
      request.add_approvals(ToString(frame.approvals.back()));
    }
    Add(Kind::kRequest, "lena.lead", "BeginCustodyChange", {request.SerializeAsString()});
    const auto asked = Must(e_.Ask<hsm::CeremonyFrame>(hsm::FrameType::kBeginCustody, frame));
    kg::BeginCustodyChangeResponse response;
    *response.mutable_ceremony() = ToProto(asked);
    Add(Kind::kAnswer, "lena.lead", "BeginCustodyChange", {response.SerializeAsString()});
    return asked;
  }
  // A presentation to a custody change. With the last of a ceremony the token is opened and closed again.
  void Show(const std::string& person, const std::string& request_text, const hsm::PresentFrame& shown) {
    Add(Kind::kSigned, person, "", {shown.presentation});
    Add(Kind::kPresented, person, "", {request_text});
    kg::PresentShareRequest request;
    request.set_presentation(shown.presentation);
    request.set_signature(ToString(shown.signature));
    request.set_envelope(ToString(shown.envelope));
    Add(Kind::kRequest, person, "PresentShare", {request.SerializeAsString()});
    const size_t before = Durable();
    const hsm::CeremonyFrame ceremony = Must(e_.Present(shown));
    if (Durable() > before + 1) {  // more than an attendance
      Event& login = Add(Kind::kLogin, "recovery", "", {});
      login.in = true;
      login.journal = before + 1;
      Add(Kind::kLogin, "recovery", "", {}).journal = before + 1;
    }
    kg::PresentShareResponse response;
    *response.mutable_ceremony() = ToProto(ceremony);
    Add(Kind::kAnswer, person, "PresentShare", {response.SerializeAsString()});
  }
  // A new custodian fetches their share and shows it back.
  procedures::ShareRecord Confirm(const std::string& person) {
    Add(Kind::kRequest, person, "GetCustody", {""});
    const auto offer = Must(e_.Ask<hsm::CustodyFrame>(hsm::FrameType::kGetCustody, hsm::GetCustodyFrame{person}));
    kg::Custody custody;
    custody.set_policy(offer.policy);
    *custody.mutable_ceremony() = ToProto(offer.ceremony);
    Add(Kind::kAnswer, person, "GetCustody", {custody.SerializeAsString()});
    next_policy_ = offer.policy;
    auto& keys = e_.persons.at(person);
    const Secret record = Must(pki::OpenEnvelope(offer.envelope, keys.agree->key, keys.agree->certificate));
    auto made = Must(procedures::PresentShare(
        Must(procedures::ParsePolicy(offer.policy)), Must(procedures::ParseCeremonyRequest(offer.ceremony.request)),
        offer.ceremony.request, person, offer.envelope,
        {keys.agree->key, keys.agree->certificate, keys.sign->key, keys.sign->certificate}, e_.clock.Now()));
    Show(person, offer.ceremony.request, {made.document, made.signature, made.envelope});
    return Must(procedures::DecodeShareRecord(record.span()));
  }

  void Crash() {
    Add(Kind::kSignerDied, "", "", {});
    e_.StartSigner();
  }
  void GiveOrder(const std::string& order, const std::string& person) {
    const procedures::PmaOrder document{
        order, e_.policy.environment, e_.DirectionDigest(), person, {e_.clock.Now().ms / 1000 * 1000}, {"a test"}};
    const std::string text = procedures::Render(document);
    hsm::test::Identity& identity = *e_.persons.at(person).sign;
    const Bytes cms = Must(pki::SignDetached(AsBytes(text), identity.key, identity.certificate, e_.clock.Now(), ""));
    Add(Kind::kSigned, person, "", {text});
    kg::OrderRequest request;
    request.set_order(text);
    request.set_signature(ToString(cms));
    Add(Kind::kRequest, person, "Order", {request.SerializeAsString()});
    kg::OrderResponse response;
    *response.mutable_status() =
        ToProto(Must(e_.Ask<hsm::StatusFrame>(hsm::FrameType::kOrder, hsm::OrderFrame{text, cms})));
    if (order == "halt") Add(Kind::kLogin, "recovery", "", {});
    Add(Kind::kAnswer, person, "Order", {response.SerializeAsString()});
    if (order == "halt") Crash();  // an ordinary end
  }
  Bytes JournalFile() const { return *PosixFiles().Read(e_.folder / "journal", 1 << 24); }
  size_t Durable() const { return SplitJournal(JournalFile()).size(); }

  Event& Add(Kind kind, const std::string& who, const std::string& method, std::vector<std::string> messages) {
    Event event;
    event.kind = kind;
    event.now = event.true_time = e_.clock.Now();
    event.who = who;
    event.method = method;
    event.messages = std::move(messages);
    event.journal = Durable();
    event.campaign = h_.campaign.size();
    event.checkpoint = checkpoint_;
    h_.events.push_back(std::move(event));
    return h_.events.back();
  }
  template <typename T>
  uint64_t Entry(const std::string& person, const std::string& kind, const T& payload) {
    LedgerEntry entry;
    entry.sequence = h_.ledger.size();
    entry.time = e_.clock.Now();
    entry.incident = kind == "genesis" ? "" : kIncident;
    entry.person = person;
    entry.kind = kind;
    entry.payload = payload.SerializeAsString();
    entry.previous = h_.ledger.empty() ? Digest{} : h_.ledger.back().hash;
    entry.hash = LedgerHash(entry);
    h_.ledger.push_back(entry);
    return entry.sequence;
  }
  void Happens(const std::string& person, const std::string& kind, const std::string& step,
               std::map<std::string, std::string> fields) {
    ledger::v1::IncidentEvent event;
    event.set_step(step);
    for (const auto& [key, value] : fields) {
      auto& field = *event.add_fields();
      field.set_key(key);
      field.set_value(value);
    }
    Entry(person, "incident." + kind, event);
    ++happened_;
  }
  void States(const std::string& person, const std::string& verb, const std::string& step, const std::string& text) {
    const procedures::Statement statement{e_.policy.environment,
                                          verb == "open" ? "new" : kIncident,
                                          step,
                                          verb,
                                          "none",
                                          happened_,
                                          person,
                                          {e_.clock.Now().ms / 1000 * 1000},
                                          {text}};
    const std::string document = Render(statement);
    hsm::test::Identity& identity = *e_.persons.at(person).sign;
    const Bytes cms =
        Must(pki::SignDetached(AsBytes(document), identity.key, identity.certificate, e_.clock.Now(), ""));
    Add(Kind::kSigned, person, "", {document});
    ledger::v1::SignedStatement payload;
    payload.set_document(document);
    payload.set_cms(ToString(cms));
    Entry(person, "statement", payload);
  }
  void Page(const std::map<std::string, std::string>& steps, uint64_t recovered, const std::string& state = "open") {
    recovery::v1::IncidentView view;
    view.set_incident(kIncident);
    view.set_state(state);
    view.set_runbook_digest(ToString(pki::Sha256("the runbook")));
    view.set_sequence(happened_);
    view.set_ledger_entries(h_.ledger.size());
    view.set_ledger_head(ToString(h_.ledger.back().hash));
    view.mutable_progress()->set_recovered(recovered);
    for (const auto& [id, status] : steps) {
      auto& step = *view.add_steps();
      step.set_id(id);
      step.set_status(status);
    }
    Add(Kind::kView, "lena.lead", "", {view.SerializeAsString()});
  }

  void MakeWorld() {
    h_.world.policy = e_.PolicyText();
    h_.world.runbooks = {"the runbook"};
    h_.world.journal_path = kJournalPath;
    h_.world.checkpoint_path = kCheckpointPath;
    h_.world.campaign_folder = "/evidence";
    h_.world.token_public_points["recovery"] = ToBytes(e_.token("recovery").key.public_key().point());
    ledger::v1::Genesis genesis;
    genesis.set_environment("drill");
    genesis.set_estate("estate-7");
    genesis.set_policy_digest(ToString(pki::Sha256(h_.world.policy)));
    Entry("", "genesis", genesis);
  }

  void OpenIncident() {
    States("lena.lead", "open", "none", "keys are lost");
    Happens("lena.lead", "incident-opened", "",
            {{"digest", ToHex(pki::Sha256("the runbook"))}, {"fact.what", "keys are lost"}, {"role", "incident-lead"}});
    Happens("lena.lead", "step-started", "direct", {{"attempt", "1"}, {"role", "incident-lead"}});
    Page({{"direct", "running"}, {"open", "blocked"}}, 0);
  }

  void Direct() {
    e_.direction.limits.rate_per_second = 3;  // as many as there are in the batch
    e_.direction.ledger_sequence = h_.ledger.back().sequence;
    e_.direction.ledger_head = h_.ledger.back().hash;
    const std::string digest = ToHex(e_.DirectionDigest());
    Happens("", "output-recorded", "direct", {{"direction.digest", digest}});
    for (const std::string& person : e_.approvers) {
      Add(Kind::kSigned, person, "", {e_.DirectionText()});
      Happens(person, "approval-recorded", "direct", {{"digest", digest}, {"role", "pma-member"}});
    }
    Happens("", "step-completed", "direct", {{"result", "approved"}});
    Happens("", "step-started", "open", {{"attempt", "1"}});
    Page({{"direct", "done"}, {"open", "running"}}, 0);
  }

  void OpenKey() {
    hsm::Bundle bundle = e_.MakeBundle();
    bundle.header.ledger_sequence = h_.ledger.back().sequence;
    bundle.header.ledger_head = h_.ledger.back().hash;
    Add(Kind::kRequest, "orchestrator", "Prepare", Messages(bundle));
    hsm::CeremonyFrame ceremony = Must(e_.Prepare(bundle));
    kg::PrepareResponse prepared;
    *prepared.mutable_ceremony() = ToProto(ceremony);
    Add(Kind::kAnswer, "orchestrator", "Prepare", {prepared.SerializeAsString()});
    const auto request = Must(ReadRequest(ceremony.request));
    Told("ceremony-requested", request.journal_records, request.journal_head);
    for (const std::string& person : kCustodians) Present(person, ceremony);
    Add(Kind::kRequest, "orchestrator", "GetStatus", {""});
    const kg::Status status = ToProto(e_.Status());
    Add(Kind::kAnswer, "orchestrator", "GetStatus", {status.SerializeAsString()});
    Told("opened", status.journal_records(), status.journal_head());
    Happens("", "step-completed", "open", {{"result", "open"}});
    Happens("", "step-started", "run", {{"attempt", "1"}});
  }

  struct Quoted {
    uint64_t journal_records;
    std::string journal_head;
  };
  static StatusOr<Quoted> ReadRequest(const std::string& text) {
    SMKI_ASSIGN_OR_RETURN(const auto read, procedures::ParseCeremonyRequest(text));
    return Quoted{read.journal_records, ToString(read.journal_head)};
  }
  void Told(const std::string& what, uint64_t records, const std::string& head) {
    ledger::v1::KeyguardRecord told;
    told.set_what(what);
    told.set_journal_records(records);
    told.set_journal_head(head);
    Entry("", "keyguard", told);
  }

  static std::vector<std::string> Messages(const hsm::Bundle& bundle) {
    std::vector<std::string> out;
    kg::PrepareRequest first;
    kg::PrepareHeader& header = *first.mutable_header();
    header.set_incident(bundle.header.incident);
    header.set_key(bundle.header.key);
    header.set_direction(ToString(bundle.header.direction));
    for (const Bytes& cms : bundle.header.approvals) header.add_approvals(ToString(cms));
    header.set_policy(ToString(bundle.header.policy));
    header.set_revocation_list(ToString(bundle.header.revocation_list));
    header.set_ledger_sequence(bundle.header.ledger_sequence);
    header.set_ledger_head(ToString(bundle.header.ledger_head));
    out.push_back(first.SerializeAsString());
    for (const auto& [group, file] : bundle.populations) {
      kg::PrepareRequest part;
      part.mutable_population()->set_group(group);
      part.mutable_population()->set_octets(ToString(file));
      out.push_back(part.SerializeAsString());
    }
    for (const auto& [digest, der] : bundle.certificates) {
      kg::PrepareRequest part;
      part.set_certificate(ToString(der));
      out.push_back(part.SerializeAsString());
    }
    return out;
  }

  void Present(const std::string& person, hsm::CeremonyFrame& ceremony) {
    const hsm::PresentFrame shown = e_.Presentation(person, ceremony);
    Add(Kind::kSigned, person, "", {shown.presentation});
    Add(Kind::kPresented, person, "", {ceremony.request});
    kg::PresentShareRequest request;
    request.set_presentation(shown.presentation);
    request.set_signature(ToString(shown.signature));
    request.set_envelope(ToString(shown.envelope));
    Add(Kind::kRequest, person, "PresentShare", {request.SerializeAsString()});
    const size_t before = Durable();
    ceremony = Must(e_.Present(shown));
    if (ceremony.open) {
      Event& login = Add(Kind::kLogin, "recovery", "", {});
      login.in = true;
      login.journal = before + 1;  // the attendance; that it opened is written down afterwards
    }
    kg::PresentShareResponse response;
    *response.mutable_ceremony() = ToProto(ceremony);
    Add(Kind::kAnswer, person, "PresentShare", {response.SerializeAsString()});
  }

  void RunCampaign() {
    const auto& devices = e_.populations.at("esme").devices;
    std::vector<hsm::SignItem> items;
    std::vector<Bytes> leaves;
    for (size_t i = 0; i < 3; ++i) {
      items.push_back({devices[i * 4], 1});
      WireWriter leaf;
      leaf.Eui(devices[i * 4]);
      leaf.U32(1);
      leaves.push_back(leaf.Take());
    }
    ledger::v1::CampaignIntent intent;
    intent.set_direction_digest(ToString(e_.DirectionDigest()));
    intent.set_group("esme");
    intent.set_batch(1);
    intent.set_items(3);
    intent.set_items_digest(ToString(MerkleRoot(leaves)));
    Entry("", "campaign.intent", intent);
    const hsm::SignedFrame made = Sign(items);
    Log(ledger::CampaignType::kOpened,
        ledger::CampaignOpened{e_.clock.Now(), kIncident, e_.DirectionDigest(), {{"esme", 30, {}}, {"gpf", 30, {}}}});
    Log(ledger::CampaignType::kWave, ledger::CampaignWave{e_.clock.Now(), "main", {}});
    ledger::CampaignSigned logged{1, {}};
    ledger::v1::CampaignBatch batch;
    std::vector<Bytes> commands;
    estate::v1::DeliverRequest deliver;
    for (const hsm::SignedItem& item : made.items) {
      logged.items.push_back({item.device, item.attempt, item.counter, pki::Sha256(item.command)});
      commands.push_back(item.command);
      auto& command = *deliver.add_commands();
      command.set_device(item.device.value());
      command.set_message(ToString(item.command));
    }
    Log(ledger::CampaignType::kSigned, logged);
    batch.set_batch(1);
    batch.set_signed_(3);
    batch.set_commands_digest(ToString(MerkleRoot(commands)));
    Entry("", "campaign.batch", batch);
    Add(Kind::kDeliver, "", "", {deliver.SerializeAsString()});
    Answers(made);
  }

  hsm::SignedFrame Sign(const std::vector<hsm::SignItem>& items) {
    hsm::SignFrame asked = e_.SignRequest("esme", items);
    asked.ledger_sequence = h_.ledger.back().sequence;
    asked.ledger_head = h_.ledger.back().hash;
    kg::SignRequest request;
    request.set_direction_digest(ToString(asked.direction));
    request.set_group(asked.group);
    request.set_ledger_sequence(asked.ledger_sequence);
    request.set_ledger_head(ToString(asked.ledger_head));
    for (const hsm::SignItem& one : items) {
      auto& item = *request.add_items();
      item.set_device(one.device.value());
      item.set_attempt(one.attempt);
    }
    Add(Kind::kRequest, "orchestrator", "Sign", {request.SerializeAsString()});
    const size_t before = Durable();
    const hsm::SignedFrame made = Must(e_.Ask<hsm::SignedFrame>(hsm::FrameType::kSign, asked));
    kg::SignResponse response;
    for (const hsm::SignedItem& one : made.items) {
      auto& item = *response.add_commands();
      item.set_device(one.device.value());
      item.set_attempt(one.attempt);
      item.set_counter(one.counter);
      item.set_command(ToString(one.command));
      if (!told_.insert(one.counter).second) continue;  // it was signed before
      Event& sign = Add(Kind::kTokenSign, "recovery", "", {});
      sign.digest = pki::Sha256(ByteSpan(one.command).subspan(1, one.command.size() - 66));
      sign.journal = before + 1;  // the burn
    }
    Add(Kind::kAnswer, "orchestrator", "Sign", {response.SerializeAsString()});
    return made;
  }

  template <typename T>
  void Log(ledger::CampaignType type, const T& record) {
    h_.campaign.emplace_back(static_cast<uint8_t>(type), Encode(record));
  }

  void Answers(const hsm::SignedFrame& made) {
    kg::ProveRequest request;
    request.set_direction_digest(ToString(e_.DirectionDigest()));
    std::vector<hsm::ProofItem> proofs;
    ledger::CampaignProven proven;
    for (const hsm::SignedItem& item : made.items) {
      Event& arrives = Add(Kind::kDeviceCommand, "", "", {ToString(item.command)});
      arrives.device = item.device;
      hsm::ProofItem proof = e_.Proof(item, [&](gbcs::ExecutionOutcome& outcome) {
        for (auto& cell : outcome.outcomes) cell.replacing_eui = hsm::test::kSupplierA;
      });
      Event& says = Add(Kind::kDeviceResponse, "", "", {ToString(proof.response)});
      says.device = item.device;
      ledger::CampaignResponse response;
      response.sequence = h_.campaign.size();
      response.time = e_.clock.Now();
      response.device = item.device;
      response.attempt = 1;
      response.counter = item.counter;
      response.outcome = ledger::DeviceOutcome::kRecovered;
      response.octets = proof.response;
      Log(ledger::CampaignType::kResponse, response);
      auto& one = *request.add_proofs();
      one.set_device(item.device.value());
      one.set_response(ToString(proof.response));
      one.set_device_certificate(ToString(proof.certificate));
      proven.devices.push_back(item.device);
      proofs.push_back(std::move(proof));
      Cells(item.device);
    }
    Add(Kind::kRequest, "orchestrator", "Prove", {request.SerializeAsString()});
    const hsm::ProvedFrame proved = Must(e_.Prove(std::move(proofs)));
    EXPECT_EQ(proved.proven, made.items.size());
    Add(Kind::kAnswer, "orchestrator", "Prove", {kg::ProveResponse().SerializeAsString()});
    Log(ledger::CampaignType::kProven, proven);
    Page({{"run", "running"}}, 3);
  }

  void Cells(Eui64 device) {
    const auto key = [&](const char* name) { return ToBytes(e_.certificates.at(name).public_key->identifier()); };
    h_.end.device_cells_before[device] = {{"supplier/digitalSignature", Bytes(8, 1)},
                                          {"supplier/keyAgreement", Bytes(8, 2)},
                                          {"recovery/digitalSignature", Bytes(8, 3)}};
    h_.end.device_cells[device] = {{"supplier/digitalSignature", key("supplier-ds")},
                                   {"supplier/keyAgreement", key("supplier-ka")},
                                   {"recovery/digitalSignature", Bytes(8, 3)}};
  }

  kg::Status CloseKey() {
    kg::CloseRequest request;
    request.set_direction_digest(ToString(e_.DirectionDigest()));
    Add(Kind::kRequest, "orchestrator", "Close", {request.SerializeAsString()});
    const size_t before = Durable();
    const kg::Status status = ToProto(Must(e_.Close()));
    Add(Kind::kLogin, "recovery", "", {}).journal = before;
    kg::CloseResponse response;
    *response.mutable_status() = status;
    Add(Kind::kAnswer, "orchestrator", "Close", {response.SerializeAsString()});
    Add(Kind::kSignerDied, "", "", {});
    return status;
  }

  void CloseAll() {
    ledger::v1::CampaignSummary summary;
    summary.set_recovered(3);
    summary.set_signatures(3);
    summary.set_log_records(h_.campaign.size());
    summary.set_log_head(ToString(LogHead(kCampaign, h_.campaign, h_.campaign.size())));
    Entry("", "campaign.summary", summary);
    const kg::Status status = CloseKey();
    Told("closed", status.journal_records(), status.journal_head());
    States("lena.lead", "close", "none", "done");
    Happens("lena.lead", "incident-closed", "", {{"role", "incident-lead"}, {"text", "done"}});
    Seal();
    h_.end.incident_closed = true;
    h_.evidence["report.json"] = ToBytes(AsBytes("{\"devices\": {\"total\": 3, \"recovered\": 3}}"));
    h_.evidence["runbook.yaml"] = ToBytes(AsBytes("the runbook"));
    h_.evidence["policy/trust-policy.yaml"] = ToBytes(AsBytes(h_.world.policy));
    ledger::v1::Artefact artefact;
    artefact.set_file("runbook.yaml");
    artefact.set_sha256(ToString(pki::Sha256("the runbook")));
    Entry("", "artefact", artefact);
    Page({{"direct", "done"}}, 3, "closed");
  }

  void Seal() {
    const std::string body =
        ledger::RenderCheckpoint({"smki-ledger/drill/estate-7", {h_.ledger.size(), h_.ledger.back().hash}});
    const std::string note = body + "\n" + Must(ledger::SignatureLine(body, "orchestrator", e_.orchestrator.key));
    kg::CountersignRequest request;
    request.set_checkpoint(note);
    Add(Kind::kRequest, "orchestrator", "Countersign", {request.SerializeAsString()});
    const std::string line = Must(ledger::SignatureLine(body, "keyguard", e_.keyguard.key));
    checkpoint_ = body + "\n" + line;
    kg::CountersignResponse response;
    response.set_signature_line(line);
    Add(Kind::kAnswer, "orchestrator", "Countersign", {response.SerializeAsString()});
    ledger::v1::CheckpointRecord record;
    record.set_note(note + line);
    Entry("", "checkpoint", record);
    h_.evidence["checkpoint.note"] = ToBytes(AsBytes(note + line));
  }

  std::unique_ptr<hsm::test::TestEstate> estate_ = std::make_unique<hsm::test::TestEstate>();
  hsm::test::TestEstate& e_;
  History h_;
  uint64_t happened_ = 0;
  std::set<uint64_t> told_;  // counters
  std::string next_policy_;
  std::string checkpoint_;
};

void WriteFile(const std::string& path, ByteSpan octets) {
  std::filesystem::create_directories(std::filesystem::path(path).parent_path());
  std::ofstream(path, std::ios::binary) << AsText(octets);
}

void WriteLedger(const std::string& path, const std::vector<LedgerEntry>& entries) {
  sqlite3* database = nullptr;
  ASSERT_EQ(sqlite3_open(path.c_str(), &database), SQLITE_OK);
  sqlite3_exec(database,
               "CREATE TABLE entry(sequence INTEGER PRIMARY KEY, time INTEGER, incident TEXT, person TEXT, kind TEXT, "
               "payload BLOB, previous BLOB, hash BLOB) STRICT",
               nullptr, nullptr, nullptr);
  for (const LedgerEntry& entry : entries) {
    sqlite3_stmt* insert = nullptr;
    sqlite3_prepare_v2(database, "INSERT INTO entry VALUES(?,?,?,?,?,?,?,?)", -1, &insert, nullptr);
    const auto text = [&](int column, const std::string& value) {
      sqlite3_bind_text(insert, column, value.data(), static_cast<int>(value.size()), SQLITE_TRANSIENT);
    };
    const auto blob = [&](int column, ByteSpan value) {
      sqlite3_bind_blob(insert, column, value.empty() ? reinterpret_cast<const uint8_t*>("") : value.data(),
                        static_cast<int>(value.size()), SQLITE_TRANSIENT);
    };
    sqlite3_bind_int64(insert, 1, static_cast<int64_t>(entry.sequence));
    sqlite3_bind_int64(insert, 2, entry.time.ms);
    text(3, entry.incident);
    text(4, entry.person);
    text(5, entry.kind);
    blob(6, AsBytes(entry.payload));
    blob(7, entry.previous);
    blob(8, entry.hash);
    EXPECT_EQ(sqlite3_step(insert), SQLITE_DONE);
    sqlite3_finalize(insert);
  }
  sqlite3_close(database);
}

void TellOne(Checks& checks, const Event& event) {
  const std::string octets = event.messages.empty() ? "" : event.messages[0];
  switch (event.kind) {
    case Kind::kSigned:
      return checks.OnPersonSigned(event.now, event.who, AsBytes(octets), {});
    case Kind::kPresented:
      return checks.OnPersonPresented(event.now, event.who, octets);
    case Kind::kLogin:
      return checks.OnTokenLogin(event.now, event.who, event.in);
    case Kind::kTokenSign:
      return checks.OnTokenSign(event.now, event.who, event.digest);
    case Kind::kRequest:
      return checks.OnKeyguardRequest(event.now, event.who, event.method, event.messages);
    case Kind::kAnswer:
      return checks.OnKeyguardAnswer(event.now, event.who, event.method, octets);
    case Kind::kRefusal:
      return checks.OnKeyguardRefusal(event.now, event.who, event.method, octets);
    case Kind::kKeyguardDied:
      return checks.OnKeyguardDied(event.now);
    case Kind::kSignerDied:
      return checks.OnSignerDied(event.now);
    case Kind::kDeviceCommand:
      return checks.OnDeviceCommand(event.now, event.device, AsBytes(octets));
    case Kind::kDeviceResponse:
      return checks.OnDeviceResponse(event.now, event.device, AsBytes(octets));
    case Kind::kView:
      return checks.OnIncidentView(event.now, event.who, octets);
    case Kind::kDeliver:
      return checks.OnDeliver(event.now, octets);
  }
}

}  // namespace

Digest LogHead(const std::string& kind, const std::vector<Record>& records, size_t count) {
  const Bytes file = LogFile(kind, records, count);
  Digest out{};
  std::copy(file.end() - 32, file.end(), out.begin());
  return out;
}

Bytes LogFile(const std::string& kind, const std::vector<Record>& records, size_t count) {
  WireWriter out;
  out.Fixed(AsBytes("SMKILOG1"));
  out.Text(kind);
  Digest previous = pki::Sha256(out.bytes());
  for (size_t i = 0; i < records.size() && i < count; ++i) {
    WireWriter head;
    head.U32(static_cast<uint32_t>(records[i].second.size()));
    head.U8(records[i].first);
    Bytes hashed = ToBytes(previous);
    Append(hashed, head.bytes());
    const Digest check = pki::Sha256(hashed);
    Append(hashed, records[i].second);
    previous = pki::Sha256(hashed);
    out.Fixed(head.bytes());
    out.Fixed(ByteSpan(check).first(4));
    out.Fixed(records[i].second);
    out.Fixed(previous);
  }
  return out.Take();
}

size_t History::Index(Kind kind, const std::string& method, size_t n) const {
  for (size_t i = 0; i < events.size(); ++i) {
    if (events[i].kind == kind && (method.empty() || events[i].method == method || events[i].who == method) && n-- == 0)
      return i;
  }
  ADD_FAILURE() << "there is no such event: " << static_cast<int>(kind) << " " << method;
  std::abort();
}

size_t History::Journal(uint8_t type, size_t n) const {
  for (size_t i = 0; i < journal.size(); ++i) {
    if (journal[i].first == type && n-- == 0) return i;
  }
  ADD_FAILURE() << "there is no such record";
  std::abort();
}

void History::InsertJournal(size_t at, uint8_t type, Bytes payload) {
  journal.insert(journal.begin() + static_cast<std::ptrdiff_t>(at), {type, std::move(payload)});
  for (Event& event : events) event.journal += event.journal > at ? 1 : 0;
}

void History::EraseJournal(size_t at) {
  journal.erase(journal.begin() + static_cast<std::ptrdiff_t>(at));
  for (Event& event : events) event.journal -= event.journal > at ? 1 : 0;
}

void History::Erase(Kind kind, const std::string& method, size_t n) {
  events.erase(events.begin() + static_cast<std::ptrdiff_t>(Index(kind, method, n)));
}

void History::Again(Kind kind, const std::string& method, size_t n) {
  const size_t at = Index(kind, method, n);
  const Event again = events[at];
  events.insert(events.begin() + static_cast<std::ptrdiff_t>(at), again);
}

void History::EraseEntry(size_t at) {
  ledger.erase(ledger.begin() + static_cast<std::ptrdiff_t>(at));
  Rechain();
}

size_t History::Entry(const std::string& kind, size_t n) const {
  for (size_t i = 0; i < ledger.size(); ++i) {
    if (ledger[i].kind == kind && n-- == 0) return i;
  }
  ADD_FAILURE() << "there is no such entry";
  std::abort();
}

void History::Rechain() {
  Digest previous{};
  for (size_t i = 0; i < ledger.size(); ++i) {
    ledger[i].sequence = i;
    ledger[i].previous = previous;
    previous = ledger[i].hash = LedgerHash(ledger[i]);
  }
}

ledger::JournalOrder History::Order(const std::string& order, const std::string& person, bool really_signed) {
  const UtcTime time = events.back().now;
  const procedures::PmaOrder document{order,  estate->policy.environment, estate->DirectionDigest(),
                                      person, {time.ms / 1000 * 1000},    {"a test"}};
  const std::string text = procedures::Render(document);
  Event event;
  event.kind = Kind::kSigned;
  event.who = person;
  event.messages = {text};
  event.now = event.true_time = events.front().now;
  if (really_signed) events.insert(events.begin(), event);
  return {time, order, person, estate->DirectionDigest(), ToBytes(AsBytes(text)), Bytes{1}, ""};
}

const History& Honest() {
  static const History history = Maker().Make();
  return history;
}

const History& Troubled() {
  static const History history = Maker().MakeTroubled();
  return history;
}

const History& Refreshed() {
  static const History history = Maker().MakeRefreshed();
  return history;
}

std::vector<Violation> Tell(const History& history) {
  const Event* now = nullptr;
  Checks::World world = history.world;
  world.true_time = [&] { return now == nullptr ? UtcTime{} : now->true_time; };
  world.durable = [&](const std::string& path) -> std::optional<Bytes> {
    if (now == nullptr) return std::nullopt;
    if (path == kJournalPath && now->journal == SIZE_MAX) return std::nullopt;
    if (path == kJournalPath) return LogFile(kJournal, history.journal, now->journal);
    if (path == kCheckpointPath) return ToBytes(AsBytes(now->checkpoint));
    if (now->campaign == 0) return std::nullopt;
    return LogFile(kCampaign, history.campaign, now->campaign);
  };
  Checks checks(world);
  for (const Event& event : history.events) {
    now = &event;
    TellOne(checks, event);
  }
  if (!history.with_end) return checks.violations();
  const hsm::test::TempFolder folder;
  const std::string root = folder / "end";
  Checks::End end = history.end;
  end.evidence_folder = root + "/evidence/" + kIncident;
  end.campaign_folder = root + "/evidence";
  end.journal_file = root + "/journal.log";
  end.ledger_file = root + "/ledger.sqlite";
  Bytes journal = LogFile(kJournal, history.journal);
  if (history.torn_end) journal.push_back(0);
  if (!history.no_journal_file) WriteFile(end.journal_file, journal);
  WriteFile(end.evidence_folder + "/campaign/campaign.log", LogFile(kCampaign, history.campaign));
  for (const auto& [file, octets] : history.evidence) WriteFile(end.evidence_folder + "/" + file, octets);
  if (!history.no_ledger_file) WriteLedger(end.ledger_file, history.ledger);
  if (!history.evidence.contains("ledger.sqlite")) WriteLedger(end.evidence_folder + "/ledger.sqlite", history.ledger);
  if (!history.evidence.contains("keyguard/journal.log"))
    WriteFile(end.evidence_folder + "/keyguard/journal.log", journal);
  checks.AtEnd(end);
  return checks.violations();
}

}  // namespace smki::simulation::test
